"""`window`, the default: engine, listeners and window on one loop; and `demo`, the same with example signals."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.base.collecting import keep
from app.base.config import Config
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.cli.control import ControlServer
from app.cli.demo import DEMO_CONFIG, DEMO_ENVIRONMENT, DemoSignals
from app.cli.ending import stop_signals
from app.cli.send import CannotSend, post
from app.cli.serve import port, settings_of
from app.power.open import system_stay_awake

if TYPE_CHECKING:
    from app.gui.desk import Desk

STOP_GRACE_SEC = 5.0
FIRST_PRICE = "100"
EXAMPLE_EXCHANGE = "BINANCE"
"""Of a paper market that nobody has asked for yet."""
Busy = Callable[[Application, str], Awaitable[None]]


def add_window(add: Any) -> None:
    command = add("window", "open the window (the default)", run)
    command.add_argument("--api-port", type=port, default=None)
    command.add_argument("--webhook-port", type=port, default=None)


def add_demo(add: Any) -> None:
    command = add("demo", "the window with moving prices and example signals, in a temporary data directory", run_demo)
    command.add_argument("--api-port", type=port, default=0)
    command.add_argument("--webhook-port", type=port, default=0)


def run(options: argparse.Namespace) -> int:
    return show(settings_of(options))


def run_demo(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="ziggurat-demo-") as folder:
        config = Path(folder, "demo.json")
        config.write_text(json.dumps(DEMO_CONFIG), encoding="utf-8")
        settings = read_settings(
            data_dir=Path(folder),
            config_file=options.config or config,
            log_level=options.log_level,
            api_port=options.api_port,
            webhook_port=options.webhook_port,
            environ=DEMO_ENVIRONMENT,
        )
        return show(settings, DemoSignals().run)


def show(settings: Settings, busy: Busy | None = None) -> int:
    """Open the window over a running instance of its own; `busy` works beside it, with the webhook's secret."""
    from app.gui.loop import run_on_qt  # noqa: PLC0415 - `serve` and the rest import no Qt

    return run_on_qt(lambda app: _main(app, settings, busy))


async def _main(app: Any, settings: Settings, busy: Busy | None) -> int:
    from app.gui.session import WindowSession, start_theme  # noqa: PLC0415 - as above

    layout = start_theme(app, settings.data_dir)
    application = await Application.open(settings, system_stay_awake())
    control = ControlServer(application)
    session: WindowSession | None = None
    work: asyncio.Task[None] | None = None
    try:
        await application.start()
        await control.start()
        session = WindowSession(desk_of(application), layout)
        _stop_on_signals(session.stopped.set)
        await session.open(first_start=busy is None)
        keep()  # the window's objects live as long as it does
        if busy is not None:
            secret = await application.administration.show_secret(None, path_token=False)
            work = asyncio.ensure_future(busy(application, secret))
        await session.stopped.wait()
    finally:
        if work is not None:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        if session is not None:
            session.close()
        await control.stop()
        await application.stop(STOP_GRACE_SEC)
    return 0


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


def desk_of(application: Application) -> Desk:
    """The ports that the window is given."""
    from app.gui.desk import Desk, WebhookAddress  # noqa: PLC0415 - as above

    async def webhook() -> WebhookAddress:
        ports = await application.administration.ports()
        secret = await application.administration.show_secret(None, path_token=False)
        token = await application.administration.show_secret(None, path_token=True)
        host = application.config.webhook.host
        return WebhookAddress(f"http://{host}:{ports['webhook']}/webhook/tradingview/{token}", secret)

    async def send_test(symbol: str) -> str:
        return await send_example(application, symbol)

    return Desk(
        engine=application.engine,
        queries=application.queries,
        clock=application.clock,
        config=lambda: application.config,
        webhook=webhook,
        send_test=send_test,
        loop_lag_ms=application.loop_lag_ms,
        data_dir=application.settings.data_dir,
        version=application.version,
        accounts=application.accounts,
    )


async def send_example(application: Application, symbol: str) -> str:
    """Post a small entry of `symbol` to our own webhook, as TradingView would, for a paper account; the signal's id."""
    account = _paper_account(application.config, symbol)
    ports = await application.administration.ports()
    secret = await application.administration.show_secret(None, path_token=False)
    price = await application.find_price(symbol, EXAMPLE_EXCHANGE) or FIRST_PRICE
    body = example_signal(symbol, price, application.clock.now().isoformat(), secret)
    body["account"] = account
    address = f"http://{application.config.api.host}:{ports['api']}/webhook/tradingview"
    status, answer = await asyncio.to_thread(post, address, body, {})
    if status >= 400 or not isinstance(answer, dict):
        reasons = answer.get("fields") if isinstance(answer, dict) else None
        said = "; ".join(f"{item['field']} {item['reason']}" for item in reasons) if reasons else str(answer)
        raise CannotSend(f"the webhook refused it: {said}")
    return str(answer["signal_id"])


def _paper_account(config: Config, symbol: str) -> str:
    """An example is never carried out with anybody's money."""
    wanted = "linear" if symbol.endswith(".P") else "spot"
    for account in config.accounts:
        if account.venue == "paper" and account.market_type == wanted:
            return account.id
    raise CannotSend(f"there is no paper account for {wanted} markets to try it on")


def example_signal(symbol: str, price: str, at: str, secret: str, **changes: Any) -> dict[str, Any]:
    """The message of an alert that buys."""
    return {
        "secret": secret,
        "source": "tradingview",
        "timestamp": at,
        "tv": {
            "exchange": EXAMPLE_EXCHANGE,
            "symbol": symbol,
            "timeframe": "60",
            "action": "buy",
            "close_price": price,
            "order_size": "500",
        }
        | changes,
        "strategy_info": {"strategy_id": "example"},
        "execution_intent": {"type": "signal", "position_size_type": "quote"},
    }
