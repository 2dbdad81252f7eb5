"""Alerts, events and closed trades as the real database lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.group import Group
from app.messages.records import Changes, EventRecord
from app.persistence.database import open_database
from app.persistence.queries import SqliteQueries
from app.ports.queries import BadCursor, Filter, PageRequest
from app.ports.store import Store
from tests.unit.persistence.entities import T0, a_change, a_group

HOUR = timedelta(hours=1)
FIRST = PageRequest()


class Kept:
    def __init__(self, store: Store, queries: SqliteQueries) -> None:
        self.store, self.queries = store, queries


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    database = open_database(tmp_path)
    assert database.queries is not None
    yield Kept(database.store, database.queries)
    await database.close()


def event(sequence: int, type_: str, **data: Any) -> EventRecord:
    return EventRecord(sequence, T0 + HOUR * sequence, type_, "paper", None, None, None, None, data)


def acknowledged(sequence: int, alert: int) -> EventRecord:
    return replace(event(sequence, "alert.acknowledged"), data={"sequence": alert})


ALERTS = tuple(event(number, "alert.raised", detail=f"alert {number}") for number in range(1, 6))
ACKNOWLEDGEMENTS = (acknowledged(6, 2), acknowledged(7, 4), acknowledged(8, 2), event(9, "alert.acknowledged"))


async def test_alerts_are_paged_newest_first_with_their_first_acknowledgement(kept: Kept) -> None:
    await kept.store.commit(Changes(events=(*ALERTS, *ACKNOWLEDGEMENTS)))
    first = await kept.queries.alerts(PageRequest(3))
    second = await kept.queries.alerts(PageRequest(3, first.next_cursor))
    rows = [*first.rows, *second.rows]
    assert [row.event.sequence for row in rows] == [5, 4, 3, 2, 1]
    assert second.next_cursor is None
    when = {row.event.sequence: row.acknowledged_at for row in rows if row.acknowledged_at is not None}
    assert when == {4: T0 + HOUR * 7, 2: T0 + HOUR * 6}


@pytest.mark.parametrize(("wanted", "sequences"), [(True, [4, 2]), (False, [5, 3, 1]), (None, [5, 4, 3, 2, 1])])
async def test_alerts_are_told_apart_by_whether_they_were_acknowledged(
    kept: Kept, wanted: bool | None, sequences: list[int]
) -> None:
    await kept.store.commit(Changes(events=(*ALERTS, *ACKNOWLEDGEMENTS)))
    found = await kept.queries.alerts(FIRST, acknowledged=wanted)
    assert [row.event.sequence for row in found.rows] == sequences


async def test_without_alerts_there_is_an_empty_page(kept: Kept) -> None:
    assert (await kept.queries.alerts(FIRST, acknowledged=False)).rows == ()


async def test_events_of_a_type_are_paged_newest_first(kept: Kept) -> None:
    events = [event(number, "policy.updated" if number % 2 else "signal.received") for number in range(1, 8)]
    await kept.store.commit(Changes(events=tuple(events)))
    types = frozenset({"policy.updated"})
    first = await kept.queries.newest_events(types, PageRequest(3))
    second = await kept.queries.newest_events(types, PageRequest(3, first.next_cursor))
    assert [item.sequence for item in (*first.rows, *second.rows)] == [7, 5, 3, 1]


@pytest.mark.parametrize("cursor", ["", "forged", "WyJ0cmFkZXMiLDFd"])
async def test_another_lists_cursor_is_refused(kept: Kept, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await kept.queries.alerts(PageRequest(3, cursor))


def closed_group(number: int, **changes: Any) -> Group:
    facts = {
        "first_fill_at": T0,
        "closed_at": T0 + HOUR * number,
        "realized_gross": Decimal(number * 10),
        "fees": Decimal("0.5"),
        "funding": Decimal("-0.25"),
    }
    return a_group(number, **{**facts, **changes})


async def test_outcomes_are_of_filled_and_closed_groups_by_their_end(kept: Kept) -> None:
    groups = [
        closed_group(1),
        closed_group(2),
        closed_group(3, symbol="SOL/USDT:USDT"),
        closed_group(4, closed_at=None),
        closed_group(5, first_fill_at=None),
    ]
    await kept.store.commit(Changes(groups=tuple(a_change(group) for group in groups)))

    async def ids(**where: Any) -> list[str]:
        return [outcome.id for outcome in await kept.queries.outcomes(Filter(**where))]

    one, two, three = (group.id for group in groups[:3])
    assert await ids() == [one, two, three]
    assert await ids(symbol="SOL/USDT:USDT") == [three]
    assert await ids(since=T0 + HOUR * 2) == [two, three]
    assert await ids(until=T0 + HOUR * 2) == [one]
    outcome = (await kept.queries.outcomes(Filter()))[0]
    assert (outcome.realized_pnl, outcome.closed_at) == (groups[0].realized_pnl, T0 + HOUR)


async def test_outcomes_have_one_status(kept: Kept) -> None:
    with pytest.raises(ValueError, match="status"):
        await kept.queries.outcomes(Filter(status="open"))
