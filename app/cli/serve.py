"""`serve`: the engine and its listeners without a window."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from typing import Any

from app.base.config import Config
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.cli.asking import default_data_dir
from app.cli.control import ControlServer
from app.cli.ending import stop_signals
from app.power.open import system_stay_awake

STOP_GRACE_SEC = 10.0
LAST_PORT = 65_535


def add_serve(add: Any) -> None:
    command = add("serve", "run the engine and its listeners without a window", run)
    command.add_argument("--api-port", type=port, default=None)
    command.add_argument("--webhook-port", type=port, default=None)


def port(text: str) -> int:
    """A port as the command line takes it; 0 is any that is free."""
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {LAST_PORT}, not {text!r}")
    return int(text)


def settings_of(options: argparse.Namespace) -> Settings:
    """What the shared options and the ports of a command that serves ask for."""
    return read_settings(
        data_dir=options.data_dir or default_data_dir(),
        config_file=options.config,
        log_level=options.log_level,
        api_port=options.api_port,
        webhook_port=options.webhook_port,
        or_last_good=True,
    )


def run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings))
    return 0


def _loop_factory() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not installed on Windows

    return uvloop.new_event_loop


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM, Ctrl-C or the end of the terminal, then stop cleanly."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in stop_signals():
            loop.add_signal_handler(number, stopping.set)
    application = await Application.open(settings, system_stay_awake())
    control = ControlServer(application)
    try:
        api_port, webhook_port = await application.start()
        await control.start()
        print(_welcome(application, api_port, webhook_port), flush=True)
        await stopping.wait()
        with suppress(OSError):  # the terminal is gone
            print("stopping", flush=True)
    finally:
        await control.stop()
        await application.stop(STOP_GRACE_SEC)


def _accounts(config: Config) -> str:
    names = [f"{account.id} ({account.environment})" for account in config.accounts if account.venue != "paper"]
    return ", ".join(names) if names else "on the paper exchange"


def _welcome(application: Application, api_port: int, webhook_port: int) -> str:
    host = application.config.api.host
    data_dir = application.settings.data_dir
    return "\n".join(
        (
            f"Ziggurat {application.version} serves {_accounts(application.config)}.",
            f"  webhook      http://{host}:{api_port}/webhook/tradingview  (this machine)",
            f"  public       http://{application.config.webhook.host}:{webhook_port}/webhook/tradingview/<path token>",
            f"  API          http://{host}:{api_port}/api  (token: python -m app token create --name me --role admin)",
            f"  data         {data_dir}",
            "",
            "Next: print the webhook key with `python -m app secret show`, put it into an alert's message and send it;",
            "the README has an example with curl. Ctrl-C stops.",
        )
    )
