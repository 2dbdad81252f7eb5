"""A window on a made-up engine: what it asks is kept, what it is answered is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QSettings
from PySide6.QtWidgets import QApplication

from app.base.config import Config, parse_config
from app.gui.actions import Actions
from app.gui.desk import Desk, WebhookAddress
from app.gui.finder import entries
from app.gui.stylesheet import stylesheet
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Text
from app.gui.widgets.sheet import Sheet
from app.gui.window import MainWindow
from app.messages.records import CheckResult, SignalOutcome, SignalRecord
from app.messages.snapshots import (
    GroupSnapshot,
    LegSnapshot,
    OrderSnapshot,
    PyramidSnapshot,
    QueueSnapshot,
    RiskSnapshot,
)
from tests.support.account_desk import FakeAccountDesk
from tests.support.examples import NOON, engine_snapshot, group_snapshot, order_snapshot, signal_record
from tests.support.fakes import FakeEngine, FakeQueries, HandClock

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # read when the first QApplication is made

D = Decimal
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "TRX", "AVAX", "LINK", "LTC")


@pytest.fixture(scope="session", autouse=True)
def styled(qapp: QApplication) -> QApplication:
    theme.start(qapp, stylesheet, "dark")
    return qapp


@dataclass
class Scene:
    """The window with all behind it."""

    engine: FakeEngine
    queries: FakeQueries
    clock: HandClock
    desk: Desk
    store: ViewStore
    actions: Actions
    window: MainWindow
    sent: list[str]
    accounts: FakeAccountDesk

    def show(self, groups: list[GroupSnapshot], signals: list[SignalRecord] | None = None) -> None:
        """Have the engine hold `groups`, and the window show them."""
        self.engine.groups = groups
        self.store.put_groups(groups, set(self.store.groups) - {group.id for group in groups})
        self.store.engine = replace(self.engine.state, open_groups=len(groups))
        self.store.put_signals(signals or [])
        self.window.show_view(self.window.current)

    def tell(self, **changes: Any) -> None:
        """Have the engine's own snapshot say something else, and the window show it."""
        self.engine.state = self.store.engine = replace(self.store.engine, **changes)
        self.store.changed.emit(Change(engine=True))

    def queue(self, *entries: QueueSnapshot) -> None:
        self.engine.waiting = list(entries)
        self.store.queue = entries
        self.store.changed.emit(Change(queue=True))

    def risk(self, risk: RiskSnapshot) -> None:
        self.engine.risk_state = self.store.risk = risk
        self.store.changed.emit(Change(risk=True))

    def sheet(self) -> Any:
        """The one sheet that is open."""
        found = [sheet for sheet in self.window.content.findChildren(Sheet) if sheet.isVisible()]
        assert len(found) == 1
        return found[0]

    def has_sheet(self) -> bool:
        return any(sheet.isVisible() for sheet in self.window.content.findChildren(Sheet))

    def findable(self) -> dict[str, Callable[[], None]]:
        """What the command palette offers now, and what choosing it does."""
        return {entry.words: entry.act for entry in entries(self.window, self.store, self.actions)}

    def said(self) -> str:
        """All that the sheet says."""
        return " | ".join(text.text() for text in self.sheet().findChildren(Text) if text.isVisible())


@pytest.fixture
def scene(tmp_path: Path, styled: QApplication) -> Iterator[Scene]:
    engine, queries, clock, sent = FakeEngine(), FakeQueries(), HandClock(), []
    config: Config = parse_config({})

    async def webhook() -> WebhookAddress:
        return WebhookAddress("http://127.0.0.1:8003/webhook/tradingview/token", "secret-4B19")

    async def send_test(symbol: str) -> str:
        sent.append(symbol)
        return "s0000000000001"

    accounts = FakeAccountDesk()
    desk = Desk(engine, queries, clock, lambda: config, webhook, send_test, lambda: 0.0, tmp_path, "1.0", accounts)
    engine.state = engine_snapshot(open_groups=0)
    store = ViewStore(engine.state)
    actions = Actions(desk, store)
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(desk, store, actions, settings)
    window.resize(1280, 720)
    window.show()
    made = Scene(engine, queries, clock, desk, store, actions, window, sent, accounts)
    yield made
    actions.stop()
    window.accounts.stop()
    window.allow_close()
    window.close()
    window.deleteLater()
    styled.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    styled.processEvents()


def leg(pyramid: int, index: int, *, filled: bool, **changes: Any) -> LegSnapshot:
    price, quantity = D(50_000 - 500 * index), D("0.010")
    facts: dict[str, Any] = {
        "pyramid": pyramid,
        "index": index,
        "gap_percent": D(-index),
        "weight_percent": D(20),
        "tp_percent": D(1),
        "type": "limit",
        "price": price,
        "quantity": quantity,
        "status": "filled" if filled else "open",
        "filled": quantity if filled else D(0),
        "average_fill": price if filled else None,
        "open_quantity": quantity if filled else D(0),
        "tp_price": price * D("1.01"),
        "exit_price": None,
        "unrealized_pnl": (D(50_100) - price) * quantity if filled else None,
        "unrealized_percent": (D(50_100) - price) * 100 / price if filled else None,
    }
    return LegSnapshot(**{**facts, **changes})


def group(number: int = 1, legs: int = 5, filled: int = 2, **changes: Any) -> GroupSnapshot:
    """An open group of one pyramid whose first `filled` legs are bought."""
    made = tuple(leg(0, index, filled=index < filled) for index in range(legs))
    pyramid = PyramidSnapshot(
        index=0,
        signal_id=f"s{number:013d}",
        entry_price=D(50_000),
        capital=D(2500),
        created_at=NOON,
        legs_total=legs,
        legs_filled=filled,
        open_quantity=D("0.010") * filled,
        average_entry=D(49_750) if filled else None,
        unrealized_pnl=sum((item.unrealized_pnl for item in made if item.unrealized_pnl is not None), D(0)),
        unrealized_percent=D("0.7"),
        next_tp=D(49_995),
    )
    orders = tuple(replace(order_snapshot(place), group=f"g{number:07d}", leg=place) for place in range(legs))
    facts: dict[str, Any] = {
        "symbol": f"{SYMBOLS[number % len(SYMBOLS)]}/USDT:USDT",
        "status": "partially_filled" if filled else "live",
        "legs": made,
        "entries": (pyramid,),
        "orders": orders,
        "legs_total": legs,
        "legs_filled": filled,
        "open_quantity": D("0.010") * filled,
        "average_entry": D(49_750) if filled else None,
        "unrealized_pnl": pyramid.unrealized_pnl,
        "unrealized_percent": D("0.70") if filled else None,
        "reserved": D(1480),
        "mark": D(50_100),
        "mark_at": NOON,
        "next_tp": D(50_500),
        "next_tp_distance_percent": D("0.80"),
        "opened_at": NOON - timedelta(minutes=number),
    }
    return replace(group_snapshot(number), **{**facts, **changes})


def order_of(number: int, **changes: Any) -> OrderSnapshot:
    return replace(order_snapshot(number), **changes)


def signal(number: int, outcome: str = "executed", **changes: Any) -> SignalRecord:
    checks = (CheckResult("paused", "passed", ""), CheckResult("slippage", "passed", ""))
    facts: dict[str, Any] = {
        "outcome": SignalOutcome(outcome),
        "received_at": NOON + timedelta(seconds=number),
        "decided_at": NOON + timedelta(seconds=number, milliseconds=3),
        "checks": checks,
    }
    return replace(signal_record(number), **{**facts, **changes})


def many_groups() -> list[GroupSnapshot]:
    """Two hundred groups with a thousand orders."""
    return [group(number) for number in range(1, 201)]
