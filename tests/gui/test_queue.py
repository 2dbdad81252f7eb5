"""Queue: nothing, one, many; why each stands where it stands; promote, force, remove."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.gui.models.queue import REASON_WORDS, decided_text, pause_text, queue_spec, reason_text, rule_lines, waits_for
from app.messages.commands import Force, Promote, Remove
from app.messages.records import QueueReason
from app.ports.engine import CommandRefused
from tests.gui.conftest import Scene, group
from tests.support.clock import settle
from tests.support.examples import NOON, emergency_snapshot, engine_snapshot, queue_snapshot
from tests.support.fakes import until

D = Decimal
PRIORITY = ("pyramid_continuation", "deepest_loss_percent", "highest_replacement_count", "fifo")


def ranks(scene: Scene) -> list[str]:
    table = scene.window.queue.table
    return [table.rows.index(row, 0).data() for row in range(table.rows.rowCount())]


def press(scene: Scene) -> None:
    button = scene.sheet().findChild(QPushButton, "do")
    assert button.isEnabled()
    button.click()


async def test_without_an_entry_the_view_says_why_and_how_many_slots_are_free(scene: Scene) -> None:
    scene.window.show_view("queue")
    queue = scene.window.queue
    assert queue.empty.isVisible()
    assert not queue.table.isVisible()
    asked = QSignalSpy(queue.signals_wanted)
    queue.empty.acted.emit()
    assert asked.count() == 1
    assert scene.window.current == "signals"


async def test_one_entry_shows_its_price_its_move_and_its_reason_in_words(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1, entry_price=D("0.4620"), price=D("0.4471"), loss_percent=D("-3.23")))
    table = scene.window.queue.table
    row = [table.rows.index(0, column).data() for column in range(len(table.rows.columns))]
    assert {"1", "1h", "long", "0.4620", "0.4471", "\u22123.23%", "5.00", "pool full"} <= set(row)
    assert scene.window.queue.detail.isVisible()


async def test_a_thousand_entries_are_ranked_and_filtered(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(*(queue_snapshot(rank, symbol=f"C{rank}/USDT:USDT") for rank in range(1, 1001)))
    QApplication.processEvents()
    assert ranks(scene) == [str(rank) for rank in range(1, 1001)]
    scene.window.queue.filter.setText("c999/")
    assert ranks(scene) == ["999"]


async def test_an_entry_that_left_is_gone_and_the_others_move_up(scene: Scene) -> None:
    scene.window.show_view("queue")
    first, second = queue_snapshot(1), queue_snapshot(2, symbol="ETH/USDT:USDT")
    scene.queue(first, second)
    scene.queue(queue_snapshot(1, signal_id=second.signal_id, symbol="ETH/USDT:USDT"))
    assert ranks(scene) == ["1"]
    assert scene.window.queue.table.current_key == second.signal_id


async def test_the_deciding_rule_is_marked_and_those_after_it_were_not_needed(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1, loss_percent=D("-3.23")), queue_snapshot(2, loss_percent=D("-2.42")))
    scene.window.queue.table.choose("s0000000000001")
    assert scene.window.queue.detail.rules.shown() == [
        "1. Pyramid continuation: no, as the next",
        "2. Deepest loss: \u22123.23%, next \u22122.42% (decides)",
        "3. Most replacements: 0, not needed",
        "4. First queued: 12:00:00, not needed",
        "5. Highest expected profit: rule is off",
    ]


def test_the_last_one_has_no_deciding_rule() -> None:
    entry = queue_snapshot(3, decided_by=None, decisive=None)
    assert decided_text(entry) == "the last one"
    assert all(line.state in {"passed", "off"} for line in rule_lines(entry, None, PRIORITY, NOON))


def test_a_kept_slot_stands_before_every_rule() -> None:
    entry = queue_snapshot(1, is_reserved=True, decided_by="reserved", decisive="the slot of the group is kept")
    lines = rule_lines(entry, queue_snapshot(2), PRIORITY, NOON)
    assert (lines[0].words, lines[0].value, lines[0].state) == ("Slot kept for it", "yes, next no", "decides")
    assert decided_text(entry) == "its slot is kept"


def test_an_entry_that_waits_for_more_than_a_slot_has_no_rank() -> None:
    entry = queue_snapshot(2, reason="opposite_side_open")
    assert queue_spec(entry, None, paused=False).row.entry.rank == 2
    assert decided_text(entry) == "waits: opposite side open"
    assert "other side is closed" in waits_for(entry, engine_snapshot(), NOON)[0]


@pytest.mark.parametrize("reason", list(QueueReason))
def test_every_reason_has_words(reason: QueueReason) -> None:
    entry = queue_snapshot(1, reason=reason.value)
    assert reason.value in REASON_WORDS
    assert "_" not in reason_text(reason.value)
    assert waits_for(entry, engine_snapshot(), NOON)


def test_the_pause_after_a_stop_is_told_until_it_is_over() -> None:
    engine = engine_snapshot(promotions_wait_until=NOON + timedelta(seconds=250))
    assert pause_text(engine, NOON) == "after a stop-loss, the queue goes on in 4m 10s"
    assert pause_text(engine, NOON + timedelta(seconds=250)) is None


PAUSED = {"slots_used": 6, "max_open_groups": 8, "promotions_wait_until": NOON + timedelta(seconds=245)}
PAUSE = "After a stop-loss, the queue goes on in 4m 05s."


def reasons(scene: Scene) -> list[str]:
    rows = scene.window.queue.table.rows
    place = [column.name for column in rows.columns].index("why")
    return [rows.index(row, place).data() for row in range(rows.rowCount())]


async def test_with_free_slots_it_is_the_pause_that_holds_an_entry_back(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.tell(**PAUSED)
    scene.queue(queue_snapshot(1))
    assert reasons(scene) == ["after a stop-loss"]
    assert scene.window.queue.detail.waits.text() == PAUSE
    scene.window.queue.filter.setText("stop-loss")
    assert ranks(scene) == ["1"]


async def test_the_reason_is_told_anew_when_the_pause_begins_and_ends(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    assert reasons(scene) == ["pool full"]
    scene.tell(**PAUSED)
    assert reasons(scene) == ["after a stop-loss"]
    scene.tell(promotions_wait_until=None)
    assert reasons(scene) == ["pool full"]


def test_in_a_full_pool_an_entry_waits_for_a_slot_and_for_the_pause() -> None:
    said = waits_for(queue_snapshot(1), engine_snapshot(**{**PAUSED, "slots_used": 8}), NOON)
    assert said == ["It opens when a slot is free; a slot is free when its group is flat.", PAUSE]


def test_the_pause_holds_no_entry_back_that_waits_for_something_else() -> None:
    engine = engine_snapshot(**PAUSED)
    assert waits_for(queue_snapshot(1, reason="account_stale"), engine, NOON)[0].endswith("reconciled again.")
    kept = queue_snapshot(1, is_reserved=True)
    assert queue_spec(kept, None, paused=True).row.reason == "pool_full"
    assert PAUSE not in waits_for(kept, engine, NOON)


async def test_slots_are_drawn_with_the_result_of_their_groups(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.show([group(1), group(2, open_quantity=D(0), forced=True)])
    slots = scene.window.queue.slots
    assert slots.accessibleName() == "2 of 10 slots taken"
    assert slots.shown() == ["ETH 1h long: +7.00", "SOL 1h long: no fill yet, forced"]
    QApplication.processEvents()
    QTest.mouseClick(slots, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    assert scene.window.current == "positions"


async def test_more_than_fourteen_slots_are_one_bar(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.tell(max_open_groups=40)
    scene.show([group(number) for number in range(1, 21)])
    scene.tell(max_open_groups=40)
    assert scene.window.queue.slots.accessibleName() == "20 of 40 slots taken"
    assert not scene.window.queue.slots.grab().isNull()


# ---------------------------------------------------------------------- promote


async def test_promoting_says_what_it_does_in_numbers_then_sends_the_command(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.window.queue.detail.promote_button.click()
    assert "Opens at about | 99" in scene.said()
    assert "Slots after that | 2 of 10" in scene.said()
    press(scene)
    assert scene.store.pending["s0000000000001"].text == "promoting\u2026"
    assert not scene.window.queue.detail.promote_button.isEnabled()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [Promote("s0000000000001")]
    assert scene.window.notice.sentence == "Done."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"slots_used": 10}, "All 10 slots are taken."),
        ({"state": "paused"}, "The engine is paused."),
        ({"emergency": emergency_snapshot(level="critical")}, "The emergency stop is on."),
    ],
)
async def test_promoting_is_disabled_with_the_reason(scene: Scene, changes: dict[str, object], reason: str) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.tell(**changes)
    button = scene.window.queue.detail.promote_button
    assert not button.isEnabled()
    assert button.toolTip() == reason


async def test_a_refused_promotion_is_taken_back_and_said(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.engine.failure = CommandRefused("slippage", "the price is 1.2 % worse than the signal's")
    scene.window.queue.detail.ask_promote()
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.window.notice.sentence == "Not done: the price is 1.2 % worse than the signal's."
    assert scene.window.queue.detail.promote_button.isEnabled()


async def test_the_letter_p_opens_the_sheet_with_the_focus_in_the_table_only(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.window.activateWindow()
    QTest.keyClick(scene.window.queue.filter, Qt.Key.Key_P)
    assert not scene.has_sheet()
    scene.window.queue.filter.clear()
    scene.window.queue.table.choose_first()
    scene.window.queue.table.setFocus()
    QTest.keyClick(scene.window.queue.table, Qt.Key.Key_P)
    assert "Promote" in scene.sheet().accessibleName()
    QTest.keyClick(scene.sheet(), Qt.Key.Key_Escape)
    await settle()
    assert scene.engine.asked == []


# ---------------------------------------------------------------------- force and remove


async def test_forcing_says_that_it_goes_beyond_the_slots_and_is_marked(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.tell(slots_used=8, max_open_groups=8)
    scene.queue(queue_snapshot(1))
    scene.window.queue.detail.force_button.click()
    assert "9 of 8 slots" in scene.said()
    assert "Marked as | forced" in scene.said()
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [Force("s0000000000001")]


async def test_forcing_is_disabled_in_the_emergency_stop(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.tell(emergency=emergency_snapshot(level="critical"))
    assert scene.window.queue.detail.force_button.toolTip() == "The emergency stop is on."


async def test_removing_asks_first_and_a_refusal_is_said(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    scene.window.queue.detail.remove_button.click()
    assert "Remove for good" in [button.text() for button in scene.sheet().findChildren(QPushButton)]
    scene.engine.failure = CommandRefused("not_queued", "it has left the queue")
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [Remove("s0000000000001")]
    assert scene.window.notice.sentence == "Not done: it has left the queue."


async def test_a_row_is_spoken_with_its_columns(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1))
    table = scene.window.queue.table
    names = [column.name for column in table.rows.columns]
    spoken = table.rows.index(0, names.index("percent")).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Change for us, minus 1.00 percent"


async def test_the_pause_stands_in_the_header(scene: Scene) -> None:
    scene.window.show_view("queue")
    scene.tell(promotions_wait_until=NOON + timedelta(seconds=70))
    assert scene.window.queue._wait.text() == "After a stop-loss, the queue goes on in 1m 10s"
    scene.tell(promotions_wait_until=None)
    assert not scene.window.queue._wait.isVisible()


async def test_a_question_goes_away_with_the_entry_it_was_about(scene: Scene) -> None:
    scene.engine.state = engine_snapshot(slots_used=10)
    scene.window.show_view("queue")
    scene.queue(queue_snapshot(1), queue_snapshot(2, symbol="ETH/USDT:USDT"))
    scene.window.queue.detail.force_button.click()
    assert scene.has_sheet()
    scene.queue(queue_snapshot(1, signal_id="s0000000000002", symbol="ETH/USDT:USDT"))
    assert not scene.has_sheet()
    assert scene.engine.asked == []
