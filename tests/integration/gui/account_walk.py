"""A person's way through the accounts sheet over a real instance and a fake exchange: add, arm, disarm, remove."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.base.clock import system_clock
from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.cli.window import desk_of
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.gui.dialogs.accounts import AccountsSheet
from app.gui.loop import run_on_qt
from app.gui.session import WindowSession, start_theme
from app.gui.widgets.sheet import Sheet
from tests.support.fakes import until
from tests.support.venues import BinanceLinear

SYMBOL = "SOL/USDT:USDT"
LIMITS = {"max_exposure_quote": "5000", "daily_loss_limit_quote": "250", "max_order_quote": "100"}


def shown(session: WindowSession) -> AccountsSheet:
    found = [sheet for sheet in session.window.content.findChildren(Sheet) if sheet.isVisible()]
    assert isinstance(found[0], AccountsSheet)
    return found[0]


def stands(session: WindowSession) -> Any:
    return next((account for account in session.store.engine.accounts if account.id == "perp"), None)


async def walk(session: WindowSession) -> None:
    session.window.list_accounts()
    sheet = shown(session)
    sheet.list.add.click()
    page: Any = sheet.page
    page.environment.choose("live")
    page.name.setText("perp")
    page.symbols.setText(SYMBOL)
    page._keys["api_key"].setText("another")
    page._keys["secret"].setText("secret")
    page.test.click()
    await until(lambda: any("refuses the keys" in sentence for sentence in page.lines.sentences))
    assert not page.go.isEnabled()
    page._keys["api_key"].setText("key")
    page.test.click()
    await until(page.go.isEnabled)
    page.go.click()
    await until(lambda: sheet.page is None and stands(session) is not None and not stands(session).stale)
    assert session.window.strip.badge.word == "PAPER"
    await until(lambda: sheet.list.chosen is not None and sheet.list.chosen.id == "perp")
    assert sheet.list.table.texts(2)[2] == "LIVE, read-only"
    sheet.list.arm.click()
    page = sheet.page
    assert "10 groups × 5 pyramids × 500 × 1 leverage = 25000" in page.worst.text()
    page.name[1].setText("perp")
    page.stop[1].setText("none")
    page.go.click()
    await until(lambda: session.window.strip.badge.word == "LIVE")
    await until(lambda: sheet.page is None)
    sheet.list.disarm.click()
    page = sheet.page
    page.go.click()
    await until(lambda: session.window.strip.badge.word == "PAPER" and sheet.page is None)
    sheet.list.choose("perp")
    sheet.list.remove.click()
    page = sheet.page
    page.go.click()
    await until(lambda: stands(session) is None)


async def main(app: Any, data_dir: Path) -> int:
    board = PriceBoard(system_clock(), RuleBook())
    board.open(SYMBOL, Decimal(200))
    fake = BinanceLinear(board)
    environ = {
        "ZIGGURAT_VAULT": "file",
        "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests",
        "ZIGGURAT_PAPER_FEED": "manual",
        "ZIGGURAT_EXCHANGE_URLS": json.dumps({"perp": await fake.start()}),
    }
    (data_dir / "config.json").write_text(json.dumps({"risk": LIMITS}))
    layout = start_theme(app, data_dir)
    settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0, log_level="error", environ=environ)
    application = await Application.open(settings)
    await application.start()
    session = WindowSession(desk_of(application), layout)
    try:
        await session.open(first_start=False)
        await asyncio.wait_for(walk(session), 240)
    finally:
        session.close()
        await application.stop(1.0)
        await fake.stop()
    return 0


if __name__ == "__main__":
    sys.exit(run_on_qt(lambda app: main(app, Path(sys.argv[1]))))
