from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.fill import Fill
from app.domain.group import EntryState, Group, Leg, Pyramid
from app.domain.order import Order, OrderStatus
from app.domain.values import Identity, Side
from app.messages.records import (
    Changes,
    EventRecord,
    Finding,
    FundingPayment,
    GroupChange,
    QueueEntry,
    QueueReason,
    SeenSignal,
    SignalOutcome,
    SignalRecord,
    StoredGroup,
    StoredState,
)
from app.persistence.connections import connect_memory
from app.persistence.database import Database, open_database
from app.persistence.store import SqliteStore
from app.persistence.writer import InlineWriter
from app.ports.store import StoreFailed
from tests.unit.persistence.entities import (
    T0,
    a_change,
    a_fill,
    a_group,
    a_signal,
    an_event,
    an_order,
    any_of,
    by,
    moments,
)

EVER = datetime.min.replace(tzinfo=UTC)
texts = st.text(max_size=8)


@st.composite
def units(draw: st.DrawFn) -> Changes:
    """Any unit of work whose references hold."""
    groups = [draw(_groups(group_id)) for group_id in draw(st.lists(texts, max_size=3, unique=True))]
    group_ids = [group.id for group in groups]
    of_group = st.sampled_from(group_ids) if group_ids else st.nothing()
    maybe_group = st.none() | of_group
    signals = draw(by(lambda item: item.id, any_of(SignalRecord, group_id=maybe_group)))
    entries = [
        draw(any_of(QueueEntry, signal_id=st.just(signal.id), reserved_group=maybe_group)) for signal in signals[:2]
    ]
    return Changes(
        signals=tuple(signals),
        groups=tuple(a_change(group) for group in groups),
        orders=tuple(draw(by(lambda item: item.client_order_id, any_of(Order, group_id=of_group)))),
        fills=tuple(draw(by(lambda item: (item.account, item.symbol, item.trade_id), any_of(Fill, group_id=of_group)))),
        funding=tuple(draw(by(_payment_key, any_of(FundingPayment, group_id=of_group)))),
        queue_put=tuple(entries),
        last_exits=tuple(draw(st.dictionaries(any_of(Identity), moments, max_size=2)).items()),
        events=tuple(draw(by(lambda item: item.sequence, any_of(EventRecord, sequence=st.integers(1, 2**62))))),
        findings=tuple(draw(by(id, any_of(Finding)))),
        facts=draw(st.dictionaries(texts, texts, max_size=3)),
    )


@st.composite
def _groups(draw: st.DrawFn, group_id: str) -> Group:
    places = st.integers(0, 40)
    pyramids = draw(by(lambda item: item.index, any_of(Pyramid, index=places)))
    legs = draw(by(lambda item: item.key, any_of(Leg, pyramid=places, index=places)))
    group = draw(any_of(Group, id=st.just(group_id)))
    ordered = sorted(pyramids, key=lambda item: item.index), sorted(legs, key=lambda item: item.key)
    return replace(group, pyramids=tuple(ordered[0]), legs=tuple(ordered[1]))


def _payment_key(item: FundingPayment) -> tuple[str, str, str]:
    return item.account, item.payment_id, item.group_id


def _entry(number: int) -> QueueEntry:
    return QueueEntry(
        signal_id=a_signal(number).id,
        identity=Identity("main", "BTC/USDT", "15", Side.SHORT, "swing"),
        entry_price=Decimal("100.50"),
        payload="{}",
        reason=QueueReason.POOL_FULL,
        first_queued_at=T0,
        last_replaced_at=T0,
    )


def expected(changes: Changes) -> StoredState:
    """What the engine has after `changes`, seen from the beginning of time."""
    return StoredState(
        groups=tuple(
            StoredGroup(
                change.group,
                tuple(order for order in changes.orders if order.group_id == change.group.id),
                tuple(fill for fill in changes.fills if fill.group_id == change.group.id),
            )
            for change in changes.groups
        ),
        queue=changes.queue_put,
        pending_signals=tuple(
            item for item in changes.signals if item.outcome in {SignalOutcome.PENDING, SignalOutcome.QUEUED}
        ),
        seen_signals=tuple(
            SeenSignal(item.id, item.received_at, item.content_key, item.bar_key) for item in changes.signals
        ),
        last_exits=dict(changes.last_exits),
        funding_ids={(item.account, item.payment_id): item.at for item in changes.funding},
        facts=changes.facts,
        last_sequence=max((event.sequence for event in changes.events), default=0),
    )


@settings(max_examples=60)
@given(changes=units())
def test_what_is_loaded_is_what_was_committed(changes: Changes) -> None:
    async def there_and_back() -> StoredState:
        writer = InlineWriter(connect_memory())
        store = SqliteStore(writer)
        await store.commit(changes)
        state = await store.load(EVER)
        await writer.close()
        return state

    state, wanted = asyncio.run(there_and_back()), expected(changes)
    assert state == wanted
    assert [repr(item.group) for item in state.groups] == [repr(item.group) for item in wanted.groups]
    assert [repr(item.orders) for item in state.groups] == [repr(item.orders) for item in wanted.groups]


async def test_a_state_survives_closing_the_file(tmp_path: Path) -> None:
    group = a_group()
    changes = Changes(
        signals=(a_signal(1, group_id=group.id), a_signal(2, outcome=SignalOutcome.PENDING)),
        groups=(a_change(group),),
        orders=(an_order(group, 1), an_order(group, 2)),
        events=(an_event(1), an_event(2)),
        facts={"epoch": "1"},
    )
    first = open_database(tmp_path)
    await first.store.commit(changes)
    await first.close()
    second = open_database(tmp_path)
    assert await second.store.load(EVER) == expected(changes)
    await second.close()


async def test_an_upsert_replaces_and_keeps_children_and_order(database: Database) -> None:
    group = a_group(1)
    orders = (an_order(group, 1), an_order(group, 2))
    await database.store.commit(Changes(groups=(a_change(group), a_change(a_group(2))), orders=orders))
    leg = replace(group.legs[1], filled=Decimal("0.50"), entry=EntryState.WORKING)
    changed = replace(group.with_leg(leg), sent=True, fees=Decimal("1E+2"))
    order = replace(orders[0], status=OrderStatus.OPEN, venue_order_id="42", updated_at=T0 + timedelta(seconds=1))
    await database.store.commit(Changes(groups=(GroupChange(changed, (leg,), ()),), orders=(order,)))
    state = await database.store.load(T0)
    assert [item.group for item in state.groups] == [changed, a_group(2)]
    assert state.groups[0].orders == (order, orders[1])


async def test_trades_take_the_place_of_the_sum_that_stood_for_them(database: Database) -> None:
    group = a_group()
    counted = replace(a_fill(group), trade_id="sum:o1:3", quantity=Decimal(3))
    await database.store.commit(Changes(groups=(a_change(group),), fills=(counted,)))
    trade, rest = a_fill(group), replace(counted, quantity=Decimal(2))
    await database.store.commit(Changes(fills=(rest, trade), fills_removed=(counted.key,)))
    assert (await database.store.load(T0)).groups[0].fills == (rest, trade)
    last = replace(trade, trade_id="t2", quantity=Decimal(2))
    await database.store.commit(Changes(fills=(last,), fills_removed=(counted.key,)))
    assert (await database.store.load(T0)).groups[0].fills == (trade, last)


async def test_signals_queue_facts_and_last_exits_are_replaced(database: Database) -> None:
    identity = Identity("main", "BTC/USDT", "15", Side.LONG)
    waiting = a_signal(1, outcome=SignalOutcome.PENDING)
    await database.store.commit(Changes(signals=(waiting,), facts={"paused": "1"}, last_exits=((identity, T0),)))
    later = T0 + timedelta(minutes=1)
    decided = replace(waiting, outcome=SignalOutcome.IGNORED, reason="duplicate", decided_at=later)
    await database.store.commit(Changes(signals=(decided,), facts={"paused": ""}, last_exits=((identity, later),)))
    state = await database.store.load(T0)
    assert state.pending_signals == ()
    assert (state.facts, state.last_exits) == ({"paused": ""}, {identity: later})


async def test_a_queue_entry_leaves_and_its_replacement_comes_last(database: Database) -> None:
    entries = [_entry(number) for number in (1, 2, 3)]
    await database.store.commit(
        Changes(signals=tuple(a_signal(number) for number in (1, 2, 3)), queue_put=tuple(entries[:2]))
    )
    await database.store.commit(Changes(queue_removed=(entries[0].signal_id,), queue_put=(entries[2],)))
    assert (await database.store.load(T0)).queue == (entries[1], entries[2])


async def test_an_entry_removed_and_put_in_one_unit_stays(database: Database) -> None:
    entry = _entry(1)
    await database.store.commit(Changes(signals=(a_signal(1),), queue_removed=(entry.signal_id,), queue_put=(entry,)))
    assert (await database.store.load(T0)).queue == (entry,)


async def test_closed_groups_and_signals_before_the_bound_are_not_loaded_but_a_group_can_be_fetched(
    database: Database,
) -> None:
    bound = T0 + timedelta(hours=5)
    old = a_group(1, closed_at=bound - timedelta(microseconds=1))
    recent = a_group(2, closed_at=bound)
    still_open = a_group(3)
    signals = (a_signal(1, bound - timedelta(microseconds=1)), a_signal(2, bound))
    changes = Changes(
        groups=(a_change(old), a_change(recent), a_change(still_open)), orders=(an_order(old),), signals=signals
    )
    await database.store.commit(changes)
    state = await database.store.load(bound)
    assert [item.group.id for item in state.groups] == [recent.id, still_open.id]
    assert [item.signal_id for item in state.seen_signals] == [signals[1].id]
    assert await database.store.load_group(old.id) == StoredGroup(old, (an_order(old),), ())
    assert await database.store.load_group("g9999999") is None


async def test_a_group_whose_place_is_kept_is_loaded_however_old(database: Database) -> None:
    bound = T0 + timedelta(hours=5)
    old = a_group(1, closed_at=bound - timedelta(hours=1))
    entry = replace(_entry(1), reserved_group=old.id)
    await database.store.commit(Changes(groups=(a_change(old),), signals=(a_signal(1),), queue_put=(entry,)))
    assert [item.group.id for item in (await database.store.load(bound)).groups] == [old.id]


async def test_signals_that_wait_are_loaded_however_old(database: Database) -> None:
    waiting = a_signal(1, outcome=SignalOutcome.PENDING)
    await database.store.commit(Changes(signals=(waiting,)))
    state = await database.store.load(T0 + timedelta(days=9))
    assert (state.pending_signals, state.seen_signals) == ((waiting,), ())


GOOD = a_group(1)
FAULTS: dict[str, Changes] = {
    "an order of no group": Changes(orders=(an_order(a_group(99)),)),
    "a queue entry of no signal": Changes(queue_put=(_entry(99),)),
    "a signal of no group": Changes(signals=(a_signal(9, group_id="g9999999"),)),
    "an event told twice": Changes(events=(an_event(7), an_event(7))),
    "a number no row can hold": Changes(orders=(an_order(GOOD, 9, attempt=2**63),)),
    "a text no row can hold": Changes(signals=(a_signal(9, payload="\ud800"),)),
    "a moment without a zone": Changes(orders=(an_order(GOOD, 9, created_at=T0.replace(tzinfo=None)),)),
    "a status that does not exist": Changes(orders=(an_order(GOOD, 9, status="forgotten"),)),
    "no value where one is needed": Changes(orders=(an_order(GOOD, 9, quantity=None),)),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_row_that_fails_leaves_nothing_of_its_unit(database: Database, fault: str) -> None:
    await database.store.commit(Changes(groups=(a_change(GOOD),)))
    before = await database.store.load(EVER)
    bad = FAULTS[fault]
    unit = replace(
        bad,
        signals=(a_signal(5), *bad.signals),
        groups=(a_change(replace(GOOD, sent=True)), a_change(a_group(2))),
        orders=(an_order(GOOD, 1), *bad.orders),
        facts={"epoch": "2"},
    )
    with pytest.raises(StoreFailed):
        await database.store.commit(unit)
    assert await database.store.load(EVER) == before
    await database.store.commit(Changes(groups=(a_change(replace(GOOD, sent=True)),)))


async def test_a_fill_is_booked_once(database: Database) -> None:
    fill = a_fill(GOOD)
    await database.store.commit(Changes(groups=(a_change(GOOD),), fills=(fill,)))
    with pytest.raises(StoreFailed, match="contradicts"):
        await database.store.commit(Changes(fills=(fill,)))


async def test_a_trade_id_that_comes_again_for_another_order_is_another_trade(database: Database) -> None:
    one = a_fill(GOOD)
    other = replace(one, client_order_id="o2", quantity=Decimal(2))
    await database.store.commit(Changes(groups=(a_change(GOOD),), fills=(one,)))
    await database.store.commit(Changes(fills=(other,)))
    assert (await database.store.load(T0)).groups[0].fills == (one, other)


async def test_a_group_with_orders_cannot_be_removed_and_one_without_takes_its_legs_along(database: Database) -> None:
    await database.store.commit(Changes(groups=(a_change(GOOD), a_change(a_group(2))), orders=(an_order(GOOD),)))

    def remove(connection: sqlite3.Connection, group_id: str) -> None:
        connection.execute("DELETE FROM groups WHERE id = ?", (group_id,))

    with pytest.raises(StoreFailed):
        await database.writer.run(lambda connection: remove(connection, GOOD.id))
    await database.writer.run(lambda connection: remove(connection, a_group(2).id))
    left = await database.writer.run(
        lambda connection: connection.execute("SELECT DISTINCT group_id FROM legs").fetchall()
    )
    assert left == [(GOOD.id,)]


async def test_an_empty_unit_changes_nothing(database: Database) -> None:
    await database.store.commit(Changes())
    assert await database.store.load(EVER) == expected(Changes())
