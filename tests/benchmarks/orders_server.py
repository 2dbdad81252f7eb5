"""The measured application at the fake Binance USD-M: `serve`, or with the visible window."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from app.accounts.keys import AccountVault, complete
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.exchange.ccxt.dialects import binance
from app.vault.open import open_vault

FREE = 1_000_000


def lift_limits() -> None:
    """A fifth of a second's rounds would use up what Binance allows in ten."""
    dialect = binance.BINANCE_USDM
    budgets = tuple(replace(budget, amount=budget.amount * FREE, header=None) for budget in dialect.budgets)
    object.__setattr__(dialect, "budgets", budgets)


def prepared(data_dir: Path) -> Settings:
    """Settings of the account `perp`, its keys in the vault."""
    lift_limits()
    settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0)
    vault = AccountVault(open_vault(data_dir, settings.environ, None))
    vault.write("perp", complete("binance", {"api_key": "key", "secret": "secret"}))
    return settings


async def told(application: Application, api_port: int) -> None:
    secret = await application.administration.show_secret(None, path_token=False)
    print(json.dumps({"port": api_port, "secret": secret}), flush=True)


async def main(data_dir: Path) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    application = await Application.open(prepared(data_dir))
    api_port, _ = await application.start()
    await told(application, api_port)
    await stopping.wait()
    await application.stop(1.0)


async def main_with_window(app: Any, data_dir: Path) -> int:
    from app.cli.window import desk_of
    from app.gui.session import WindowSession, start_theme

    layout = start_theme(app, data_dir)
    application = await Application.open(prepared(data_dir))
    api_port, _ = await application.start()
    session = WindowSession(desk_of(application), layout)
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(session.stopped.set))
    await session.open(first_start=False)
    session.window.show_view("positions")
    await told(application, api_port)
    await session.stopped.wait()
    session.close()
    await application.stop(1.0)
    return 0


def run() -> int:
    data_dir = Path(sys.argv[1])
    if sys.argv[2:] == ["window"]:
        from app.gui.loop import run_on_qt

        return run_on_qt(lambda app: main_with_window(app, data_dir))
    uvloop.run(main(data_dir))
    return 0


if __name__ == "__main__":
    sys.exit(run())
