"""Walks through the window as a new user would, from an empty home; prints what was seen, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QPushButton

from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.cli.window import desk_of
from app.gui.dialogs.first_start import FirstStart
from app.gui.loop import run_on_qt
from app.gui.session import WindowSession, start_theme
from app.gui.widgets.sheet import Sheet

ENVIRONMENT = {
    "ZIGGURAT_VAULT": "file",
    "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests",
    "ZIGGURAT_PAPER_FEED": "manual",
}


async def until(condition: Callable[[], Any]) -> Any:
    """What the condition answers, once it answers something; the caller's time-out ends a wait in vain."""
    while not (answer := condition()):  # noqa: ASYNC110 - the window has no event for what it shows
        await asyncio.sleep(0.01)
    return answer


def sheet_of(session: WindowSession) -> Any:
    sheets = [sheet for sheet in session.window.content.findChildren(Sheet) if sheet.isVisible()]
    return sheets[0] if sheets else None


async def walk(session: WindowSession, application: Application, seen: dict[str, Any]) -> None:
    first = sheet_of(session)
    seen["first start"] = isinstance(first, FirstStart)
    await until(first.url.shown.text)
    seen["address"] = first.url.shown.text()
    for _ in range(4):
        first.next.click()
        await asyncio.sleep(0)
    await until(lambda: first.next.text() == "Show my position")
    await until(lambda: any("Leg 0 filled" in text for text in first.trace.shown()))
    seen["test"] = first.test_says.text()
    seen["trace"] = [text.split(": ", 1)[1].split(".")[0] for text in first.trace.shown()]
    first.next.click()
    positions = session.window.positions
    await until(positions.model.keys)
    seen["view"] = session.window.current
    group = positions.detail.group
    seen["symbol"] = group.symbol if group is not None else None
    application.board.set_price("BTC/USDT:USDT", application.board.quotes["BTC/USDT:USDT"].last + Decimal("0.5"))
    await until(lambda: positions.detail.group is not None and positions.detail.group.unrealized_pnl)
    positions.detail.close_button.click()
    button = sheet_of(session).findChild(QPushButton, "do")
    button.click()
    await until(lambda: not positions.model.keys())
    await until(lambda: "closed by hand" in session.window.notice.sentence)
    seen["notice"] = session.window.notice.sentence
    session.window.show_view("dashboard")
    await until(lambda: session.store.engine.money.trades_today)
    session.window.dashboard.refresh(None)
    seen["realised"] = session.window.dashboard.figures.realised.signed.text
    seen["engine"] = f"{application.engine.snapshot().money.realized_today:f}"


async def main(app: Any, data_dir: Path) -> int:
    layout = start_theme(app, data_dir)
    settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0, log_level="error", environ=ENVIRONMENT)
    application = await Application.open(settings)
    await application.start()
    session = WindowSession(desk_of(application), layout)
    try:
        await session.open()
        seen: dict[str, Any] = {}
        try:
            await asyncio.wait_for(walk(session, application, seen), 240)
        finally:
            print(json.dumps(seen), flush=True)
    finally:
        session.close()
        await application.stop(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(run_on_qt(lambda app: main(app, Path(sys.argv[1]))))
