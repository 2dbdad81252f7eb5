"""The measured window: engine, listeners and a visible window on Qt's loop, with fifty prices a second."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.cli.window import desk_of
from app.gui.loop import run_on_qt
from app.gui.session import WindowSession, start_theme

PRICE_EVERY_SEC = 0.02
LAG_EVERY_SEC = 0.02


class Watch:
    """Samples how late the loop comes back, in milliseconds."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    async def run(self) -> None:
        due = time.perf_counter() + LAG_EVERY_SEC
        while True:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            now = time.perf_counter()
            self.lags.append(max(now - due, 0.0) * 1000)
            due = now + LAG_EVERY_SEC


async def move_prices(application: Application) -> None:
    """Fifty updates a second, one market after the other, a little up or down."""
    chance = random.Random(1)
    board = application.board
    while True:
        for symbol in list(board.quotes) or [""]:
            if symbol:
                last = board.quotes[symbol].last
                rules = board.rules.rules(symbol, last)
                step = rules.tick_size if rules is not None else Decimal("0.01")
                board.move(symbol, max(last + step * chance.choice((-1, 1)), step))
            await asyncio.sleep(PRICE_EVERY_SEC)


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


async def main(app: Any, data_dir: Path, started: float) -> int:
    layout = start_theme(app, data_dir)
    application = await Application.open(read_settings(data_dir=data_dir, api_port=0, webhook_port=0))
    api_port, _ = await application.start()
    session = WindowSession(desk_of(application), layout)
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(session.stopped.set))
    await session.open(first_start=False)
    session.window.show_view("positions")
    app.processEvents()
    ready = time.time() - started
    secret = await application.administration.show_secret(None, path_token=False)
    print(json.dumps({"port": api_port, "secret": secret, "ready_sec": ready}), flush=True)
    watch = Watch()
    tasks = [loop.create_task(watch.run()), loop.create_task(move_prices(application))]
    signal.signal(signal.SIGUSR1, lambda *_: _tell(watch, application))
    await session.stopped.wait()
    for task in tasks:
        task.cancel()
    session.close()
    await application.stop(1.0)
    return 0


def _tell(watch: Watch, application: Application) -> None:
    """One line of figures; the lags begin anew."""
    lags, watch.lags = watch.lags, []
    facts = {"lags": lags, "memory_mb": memory_mb(), "groups": len(application.engine.open_groups())}
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(run_on_qt(lambda app: main(app, Path(sys.argv[1]), float(sys.argv[2]))))
