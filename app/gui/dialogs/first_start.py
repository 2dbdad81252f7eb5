"""The first start: paper, the webhook's address and key, a test signal that is executed before it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QRadioButton, QSizePolicy, QStackedWidget, QWidget

from app.base.errors import AppError
from app.gui.desk import Desk, WebhookAddress
from app.gui.models.signals import answer
from app.gui.models.trace import trace_of
from app.gui.panels.detail_tabs import TraceList
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Icon, Text, area, column, repolish, row
from app.gui.widgets.sheet import Sheet
from app.ports.queries import Filter, PageRequest

log = structlog.get_logger("window")
STEPS = ("Where to trade", "Which market to test", "Your webhook", "Test signal")
SYMBOLS = ("BTCUSDT.P", "ETHUSDT.P", "SOLUSDT.P")


class FirstStart(Sheet):
    """Four steps; `finished(group_id)` names the test's group, empty where it was skipped."""

    finished = Signal(str)
    accounts_wanted = Signal()

    def __init__(self, parent: QWidget, desk: Desk, store: ViewStore) -> None:
        super().__init__(parent, "Welcome to Ziggurat", width=960)
        self._desk = desk
        self._store = store
        self._step = 0
        self._signal_id = ""
        self._group_id = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._dots: list[tuple[Icon, Text]] = []
        body = QWidget()
        body.setFixedHeight(420)
        line = row(body, 24)
        line.addWidget(self._rail())
        self._pages = QStackedWidget()
        for page in (self._where(), self._market(), self._webhook(), self._test()):
            self._pages.addWidget(page)
        line.addWidget(self._pages, 1)
        self.body.addWidget(body)
        self.skip = Button("Look around first", kind="quiet")
        self.skip.clicked.connect(lambda: self._end(""))
        self.back = Button("Back", kind="emphasis")
        self.back.clicked.connect(lambda: self._go(self._step - 1))
        self.next = Button("Continue", kind="primary")
        self.next.setObjectName("next")
        self.next.clicked.connect(self._forward)
        self.symbol.returnPressed.connect(self.next.click)
        self.add_buttons(self.skip, self.back, self.next)
        store.changed.connect(self._changed)
        self._go(0)
        self.open()
        self.next.setFocus(Qt.FocusReason.PopupFocusReason)
        self._do(self._read_address())

    # ------------------------------------------------------------------ the steps

    def _rail(self) -> QWidget:
        rail = QWidget()
        rail.setFixedWidth(210)
        layout = column(rail, 14, (0, 8, 0, 0))
        for name in STEPS:
            line = QWidget()
            inner = row(line, 10)
            icon, text = Icon("circle-dashed", "text_tertiary", 15), Text(name, "body", "tertiary")
            inner.addWidget(icon)
            inner.addWidget(text)
            inner.addStretch(1)
            layout.addWidget(line)
            self._dots.append((icon, text))
        layout.addStretch(1)
        return rail

    def _where(self) -> QWidget:
        page, layout = _page(
            "Where do you want to trade?", "Paper uses live-like prices and no money. You can change it later."
        )
        account = next((account for account in self._desk.config().accounts if account.venue == "paper"), None)
        if account is None:
            self._offer_paper(layout)
        else:
            paper = QRadioButton("Paper exchange: everything works, nothing is real")
            paper.setChecked(True)
            layout.addWidget(paper)
            funds = ", ".join(f"{amount:,f} {asset}" for asset, amount in account.balances.items())
            said = f"Account {account.id}: {funds}, {account.market_type} markets"
            layout.addWidget(Text(said, "table", "secondary"))
        layout.addStretch(1)
        return page

    def _offer_paper(self, layout: Any) -> None:
        said = Text("There is no paper account. The test signal needs one: it is never carried out with money.", "body")
        said.setWordWrap(True)
        layout.addWidget(said)
        self.accounts = Button("Add a paper account\u2026", "plus")
        self.accounts.clicked.connect(self._leave_for_accounts)
        layout.addWidget(self.accounts, 0, Qt.AlignmentFlag.AlignLeft)

    def _leave_for_accounts(self) -> None:
        self.dismiss()
        self.accounts_wanted.emit()

    def _market(self) -> QWidget:
        page, layout = _page(
            "Which market shall the test buy?", "A market that your alerts will name, as TradingView writes it."
        )
        self.symbol = QLineEdit(SYMBOLS[0])
        self.symbol.setAccessibleName("Market of the test signal")
        self.symbol.setFixedWidth(240)
        self.symbol.textChanged.connect(self._check_symbol)
        layout.addWidget(self.symbol)
        self.symbol_says = Text(f"For example {', '.join(SYMBOLS)}.", "table", "secondary")
        layout.addWidget(self.symbol_says)
        layout.addStretch(1)
        return page

    def _webhook(self) -> QWidget:
        page, layout = _page(
            "Your webhook",
            "TradingView sends alerts here. The secret goes into the alert's message; keep it to yourself.",
        )
        self.url = _CopyLine("Address")
        self.secret = _CopyLine("Secret", hidden=True)
        layout.addWidget(self.url)
        layout.addWidget(self.secret)
        layout.addWidget(
            Text(
                "The address is this computer's own. For TradingView to reach it, put a tunnel in front of it.",
                "table",
                "secondary",
            )
        )
        layout.addStretch(1)
        return page

    def _test(self) -> QWidget:
        page, layout = _page("Test signal", "It takes the way of a real alert: webhook, checks, grid, orders on paper.")
        self.test_says = Text("Nothing was sent yet.", "body")
        self.test_says.setWordWrap(True)
        layout.addWidget(self.test_says)
        self.trace = TraceList()
        layout.addWidget(self.trace, 1)
        return page

    def _go(self, step: int) -> None:
        self._step = min(max(step, 0), len(STEPS) - 1)
        self._pages.setCurrentIndex(self._step)
        for place, (icon, text) in enumerate(self._dots):
            done, current = place < self._step, place == self._step
            icon.show_icon(
                *(("circle-check", "positive") if done else ("circle-dashed", "accent" if current else "text_tertiary"))
            )
            text.set_tone("primary" if current else "secondary" if done else "tertiary")
        last = self._step == len(STEPS) - 1
        self.back.setVisible(self._step > 0)
        self.next.setText(
            "Send the test signal" if last and not self._group_id else "Show my position" if last else "Continue"
        )
        self._check_symbol()
        (self.symbol if self._step == 1 else self.next).setFocus(Qt.FocusReason.OtherFocusReason)

    def _forward(self) -> None:
        if self._step < len(STEPS) - 1:
            self._go(self._step + 1)
        elif self._group_id:
            self._end(self._group_id)
        else:
            self._do(self._send())

    def _check_symbol(self) -> None:
        text = self.symbol.text().strip()
        good = 3 <= len(text) <= 40 and text.replace(".", "").replace(":", "").replace("/", "").isalnum()
        self.symbol.setProperty("state", "" if good else "error")
        repolish(self.symbol)
        self.next.allow(good or self._step != 1, "Name a market, such as BTCUSDT.P.")

    def _end(self, group_id: str) -> None:
        self.finished.emit(group_id)
        self.dismiss()

    def dismiss(self) -> None:
        self._store.changed.disconnect(self._changed)
        for task in self._tasks:
            task.cancel()
        super().dismiss()

    # ------------------------------------------------------------------ doing

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_address(self) -> None:
        address: WebhookAddress = await self._desk.webhook()
        self.url.show_value(address.url)
        self.secret.show_value(address.secret)

    async def _send(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)  # not on to another button: a second Enter does nothing
        self.next.allow(False, "The signal is on its way.")
        self.test_says.show_text("Sending\u2026")
        try:
            self._signal_id = await self._desk.send_test(self.symbol.text().strip())
        except AppError as error:
            self.test_says.show_text(f"Not sent: {error}.", "critical")
            self.next.allow(True)
            return
        self.test_says.show_text("Recorded. The engine is acting on it\u2026")
        await self._look()

    def _changed(self, _: Change) -> None:
        if self._signal_id:
            self._do(self._look())

    async def _look(self) -> None:
        """What became of the test signal, with its trace."""
        try:
            record = await self._desk.queries.signal(self._signal_id)
            if record is None:
                return
            self.test_says.show_text(answer(record))
            if record.outcome.value in {"ignored", "rejected"}:
                self.next.allow(True)
                return
            if record.group_id is None:
                return
            group = self._desk.engine.group(record.group_id)
            fills = await self._desk.queries.fills(Filter(group_id=record.group_id), PageRequest(50))
        except AppError as error:
            log.warning("the test signal could not be read", error=str(error))
            return
        if group is not None:
            self._group_id = group.id
            self.trace.show_lines(trace_of(group, [record], reversed(fills.rows)))
            self.next.setText("Show my position")
            self.next.allow(True)


def _page(title: str, why: str) -> tuple[QWidget, Any]:
    page = QWidget()
    layout = column(page, 12, (0, 0, 0, 0))
    layout.addWidget(Text(title, "wizard_title"))
    text = Text(why, "body", "secondary")
    text.setWordWrap(True)
    layout.addWidget(text)
    layout.addSpacing(6)
    return page, layout


class _Code(Text):
    """What there is no room for is left out in the middle; the tooltip has it whole."""

    def __init__(self) -> None:
        super().__init__("", "code")
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_whole(self, text: str) -> None:
        self.setToolTip(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self.toolTip(), Qt.TextElideMode.ElideMiddle, self.width()))


class _CopyLine(QFrame):
    """A value to be copied; a hidden one is masked until it is."""

    def __init__(self, name: str, *, hidden: bool = False) -> None:
        super().__init__()
        self._value = ""
        self._hidden = hidden
        layout = row(self, 10)
        label = Text(name, "body", "secondary")
        label.setFixedWidth(70)
        layout.addWidget(label)
        ground = area("plain")
        inner = row(ground, 6)
        self.shown = _Code()
        inner.addWidget(self.shown)
        layout.addWidget(ground, 1)
        self.button = Button("Copy", "copy")
        self.button.clicked.connect(self._copy)
        layout.addWidget(self.button)

    def show_value(self, value: str) -> None:
        self._value = value
        self.shown.show_whole(f"\u2022\u2022\u2022\u2022{value[-4:]}" if self._hidden else value)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._value)
        self.button.setText("Copied")
