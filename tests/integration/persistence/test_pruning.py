"""What is old goes, in small pieces, and nothing that is still looked at with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.base.clock import to_microseconds
from app.domain.values import Side
from app.messages.commands import BlockGroup, MoveStop, SetTakeProfitMode, SkipOffset
from app.messages.records import Changes, EquitySample, EventRecord
from app.persistence.database import Database, open_database
from app.persistence.pruning import (
    BANDS,
    EVENTS_KEPT,
    EVERY_SEC,
    FIRST_AFTER_SEC,
    PIECE,
    Days,
    Piece,
    Pruner,
    prune_events,
    prune_samples,
    sampled_days,
    starts,
)
from app.persistence.writer import Job
from tests.support.clock import ManualClock
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench
from tests.unit.persistence.entities import T0, a_change, a_group, an_event

DAY = timedelta(days=1)
OLD = T0 + EVENTS_KEPT + DAY
YOUNG = EVENTS_KEPT + DAY


def _job(piece: Piece, after: int, days: Days) -> Job[int | None]:
    return lambda connection: piece(connection, after, days)


async def pruned(database: Database, piece: Piece, now: datetime, days: Days | None = None) -> None:
    """As of `now`, all days before which were sampled unless other `days` are given."""
    began = to_microseconds(now.replace(hour=0, minute=0, second=0, microsecond=0))
    place: int | None = 0
    while place is not None:
        past = [began - number * DAY // timedelta(microseconds=1) for number in range(BANDS[-1].until.days + 1)]
        place = await database.writer.run(_job(piece, place, past if days is None else days))


async def keep(database: Database, *events: EventRecord) -> None:
    await database.store.commit(Changes(events=events))


async def kept(database: Database) -> list[int]:
    assert database.queries is not None
    return [event.sequence for event in await database.queries.events(0, None, 10_000)]


def samples(days: int, every: timedelta, *accounts: str) -> list[EquitySample]:
    """Up to T0, the newest."""
    moments = [T0 - place * every for place in range(days * DAY // every)]
    return [EquitySample(at, name, Decimal(at.day), Decimal(at.hour)) for at in reversed(moments) for name in accounts]


async def shown(database: Database) -> list[EquitySample]:
    assert database.queries is not None
    return list(await database.queries.equity(T0 - BANDS[-1].until + timedelta(microseconds=1), T0))


async def test_old_events_go_and_young_ones_stay(database: Database) -> None:
    old = [an_event(number) for number in range(1, 2 * PIECE + 2)]
    young = [replace(an_event(number), at=T0 + YOUNG) for number in range(2 * PIECE + 2, 2 * PIECE + 5)]
    await keep(database, *old, *young)
    await pruned(database, prune_events, OLD)
    assert await kept(database) == [event.sequence for event in young]


async def test_what_people_decided_and_were_told_stays(database: Database) -> None:
    kinds = ("alert.raised", "alert.acknowledged", "policy.updated", "account.armed", "ess.tripped", "trade.closed")
    queue = ("queue.removed", "signal.promoted")
    gone = ("reconcile.started", "order.filled", "position.updated", "risk.checked", "signal.received")
    events = [an_event(number, kind) for number, kind in enumerate((*kinds, *queue, *gone, "order.filled"), 1)]
    await keep(database, *events)
    await pruned(database, prune_events, OLD)
    assert await kept(database) == [1, 2, 3, 4, 5, 6, 7, 8, 14]


@pytest.mark.parametrize(
    "deed",
    [
        lambda group: MoveStop(group, Decimal(98)),
        lambda group: SetTakeProfitMode(group, "aggregate"),
        SkipOffset,
        lambda group: BlockGroup(group, blocked=True),
    ],
    ids=["move the stop", "set the take-profit mode", "skip once", "block"],
)
async def test_what_a_person_did_to_a_group_stays(database: Database, deed: Callable[[str], object]) -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "2"), grid=grid_of()))
    bench.tell(deed(bench.group.id))
    (told,) = bench.seen("position.updated", "risk.blocked")
    await keep(database, *(replace(event, at=T0) for event in bench.events), an_event(10_000))
    await pruned(database, prune_events, OLD)
    assert database.queries is not None
    assert [event.type for event in await database.queries.events(0, None, 10)][:-1] == [told]


async def test_the_newest_event_stays_so_that_the_count_goes_on(database: Database) -> None:
    await keep(database, *(an_event(number) for number in range(1, PIECE + 1)))
    await pruned(database, prune_events, OLD)
    assert await kept(database) == [PIECE]


async def test_what_belongs_to_an_open_group_stays_until_it_has_closed(database: Database) -> None:
    group = a_group(1)
    await database.store.commit(Changes(groups=(a_change(group),)))
    await keep(database, replace(an_event(1), group_id=group.id), an_event(2), an_event(3, "engine.started"))
    await pruned(database, prune_events, OLD)
    assert await kept(database) == [1, 3]
    await database.store.commit(Changes(groups=(a_change(replace(group, closed_at=T0)),)))
    await pruned(database, prune_events, OLD)
    assert await kept(database) == [3]


async def test_pruning_takes_nothing_away_that_the_curve_shows(database: Database) -> None:
    found = samples(12, timedelta(minutes=1), "a", "b")
    found = [*samples(420, timedelta(minutes=30), "a"), *found]
    by_key = {(sample.at, sample.account): sample for sample in found}
    await database.store.commit(Changes(equity=tuple(by_key.values())))
    before = await shown(database)
    assert len(before) < 8_000
    await pruned(database, prune_samples, T0)
    assert await shown(database) == before
    count = await database.writer.run(lambda c: c.execute("SELECT count(*) FROM equity_samples").fetchone()[0])
    most_of_the_day_that_began_before = 2 * 24 * 60
    assert len(before) <= count <= len(before) + PIECE * len(BANDS) + most_of_the_day_that_began_before


async def test_the_curve_has_every_sample_of_the_last_day_and_the_last_of_each_step_before(database: Database) -> None:
    every = samples(3, timedelta(minutes=1), "a", "b")
    await database.store.commit(Changes(equity=tuple(every)))
    found = await shown(database)
    last_day = [sample for sample in every if sample.at >= starts(T0)[0]]
    assert found[-len(last_day) :] == last_day
    before = found[: -len(last_day)]
    assert {sample.at.minute % 10 for sample in before} == {9}
    assert len(before) == pytest.approx(2 * 2 * 24 * 6, abs=4)
    assert set(before) <= set(every)


async def test_the_curve_leaves_out_what_a_clock_that_was_ahead_has_noted(database: Database) -> None:
    every = samples(3, timedelta(minutes=30), "a")
    await database.store.commit(Changes(equity=tuple(every)))
    before = await shown(database)
    await database.store.commit(Changes(equity=(EquitySample(T0 + 450 * DAY, "a", Decimal(1), Decimal(0)),)))
    assert await shown(database) == before
    since = every[-1].at + timedelta(microseconds=1)
    later = EquitySample(T0 + timedelta(minutes=1), "a", Decimal(2), Decimal(0))
    await database.store.commit(Changes(equity=(later,)))
    assert database.queries is not None
    assert list(await database.queries.equity(since, later.at)) == [later]


async def test_a_clock_that_stands_far_ahead_prunes_no_more_than_the_day_it_runs(database: Database) -> None:
    every = samples(40, timedelta(hours=1), "a")
    ahead = T0 + 450 * DAY
    await database.store.commit(Changes(equity=(*every, EquitySample(ahead, "a", Decimal(1), Decimal(0)))))
    await keep(database, *(replace(an_event(number + 1), at=sample.at) for number, sample in enumerate(every)))
    days = await database.writer.run(lambda connection: sampled_days(connection, ahead))
    await pruned(database, prune_events, ahead, days)
    await pruned(database, prune_samples, ahead, days)
    kept_since = T0 - EVENTS_KEPT
    assert len(await kept(database)) == pytest.approx(sum(sample.at >= kept_since for sample in every), abs=24)
    assert {sample.at.date() for sample in await shown(database)} >= {sample.at.date() for sample in every}


async def test_days_without_samples_and_those_to_come_do_not_count(database: Database) -> None:
    moments = [T0, T0 - DAY, T0 - 300 * DAY, T0 + 5 * DAY]
    await database.store.commit(Changes(equity=tuple(EquitySample(at, "a", Decimal(1), Decimal(0)) for at in moments)))
    days = await database.writer.run(lambda connection: sampled_days(connection, T0))
    began = [at.replace(hour=0, minute=0, second=0, microsecond=0) for at in moments[:3]]
    assert days == [to_microseconds(at) for at in began]


async def test_an_empty_curve_is_empty(database: Database) -> None:
    assert await shown(database) == []
    await pruned(database, prune_samples, T0)


async def test_what_is_new_since_a_moment_is_read_alone(database: Database) -> None:
    every = samples(3, timedelta(minutes=1), "a")
    await database.store.commit(Changes(equity=tuple(every)))
    assert database.queries is not None
    assert list(await database.queries.equity(every[-3].at, T0)) == every[-3:]


async def test_the_pruner_waits_for_a_calm_moment_and_comes_again() -> None:
    database, clock, calm = open_database(None), ManualClock(OLD), False
    await keep(database, *(an_event(number) for number in range(1, 2 * PIECE + 1)))
    daily = [EquitySample(T0 + number * DAY, "a", Decimal(1), Decimal(0)) for number in range(EVENTS_KEPT.days + 2)]
    await database.store.commit(Changes(equity=tuple(daily)))
    pruner = Pruner(database.writer, clock, lambda: calm)

    async def left() -> int:
        return int(await database.writer.run(lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0]))

    pruner.start()
    await clock.advance(FIRST_AFTER_SEC + 60)
    assert await left() == 2 * PIECE
    calm = True
    await clock.advance(60)
    assert await left() == 1
    await keep(database, an_event(2 * PIECE + 1))
    await clock.advance(EVERY_SEC + 60)
    assert await left() == 1
    await pruner.stop()
    await database.close()
