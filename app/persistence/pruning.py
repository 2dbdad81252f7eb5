"""What has become old: events go, samples of the equity grow sparser. Trades, fills, orders and signals stay.

Age is counted in days on which equity was sampled: a clock far ahead lets no more pass than the days it ran.

Samples stay as `BANDS` say, events for EVENTS_KEPT; for good stays what people decided and were told (`KEPT_EVENTS`:
audit, alerts, the history of the configuration), what belongs to an open group, and the newest event, from which the
count goes on.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.base.clock import EPOCH, Clock, to_microseconds
from app.persistence.writer import Job, Writer
from app.ports.store import StoreFailed

EVENTS_KEPT: Final = timedelta(days=30)
KEPT_EVENTS: Final = (
    "account.", "alert.", "engine.", "ess.", "policy.", "queue.removed", "risk.action", "risk.blocked",
    "signal.promoted", "trade.",
)  # fmt: skip
"""How the types begin whose events are not pruned. Of the others those stay whose detail says `by hand`."""
FIRST_AFTER_SEC: Final = 300.0
EVERY_SEC: Final = 6 * 3600.0
PAUSE_SEC: Final = 0.25
PIECE: Final = 50
"""So many rows at once: one or two milliseconds, for a quick disk's writer works in the loop's own turn."""


@dataclass(frozen=True, slots=True)
class Band:
    """Samples younger than `until`: the last of every `step` is kept."""

    until: timedelta
    step: timedelta


MICROSECOND: Final = timedelta(microseconds=1)
BANDS: Final = (
    Band(timedelta(days=1), MICROSECOND),
    Band(timedelta(days=8), timedelta(minutes=10)),
    Band(timedelta(days=62), timedelta(hours=1)),
    Band(timedelta(days=400), timedelta(hours=6)),
)
"""From the youngest on. A curve over 7 or 60 days, or all of it, has more than a thousand moments in each."""

_BY_HAND: Final = "coalesce(json_extract(data, '$.detail'), '') LIKE '%by hand%'"
_FOR_GOOD: Final = " OR ".join([_BY_HAND, *(f"type LIKE '{start}%'" for start in KEPT_EVENTS)])
_OLD_EVENTS: Final = f"""
DELETE FROM events WHERE sequence > ? AND sequence <= ? AND at < ?
AND sequence < (SELECT max(sequence) FROM events)
AND NOT ({_FOR_GOOD})
AND NOT EXISTS (SELECT 1 FROM groups WHERE groups.id = events.group_id AND groups.closed_at IS NULL)
"""  # noqa: S608 - our own words
_SPARE_SAMPLES: Final = """
DELETE FROM equity_samples WHERE at > :after AND at <= :last AND EXISTS (
    SELECT 1 FROM equity_samples AS later WHERE later.account = equity_samples.account
    AND later.at > equity_samples.at AND later.at < (equity_samples.at / :step + 1) * :step
)
"""
_DAY: Final = timedelta(days=1) // MICROSECOND
_DAYS: Final = """
WITH RECURSIVE days (began) AS (
    SELECT max(at) / :day * :day FROM equity_samples WHERE at <= :now
    UNION ALL
    SELECT (SELECT max(at) / :day * :day FROM equity_samples WHERE at < days.began) FROM days WHERE began IS NOT NULL
    LIMIT :most
)
SELECT began FROM days WHERE began IS NOT NULL
"""
Days = Sequence[int]
"""When the days began on which equity was sampled, in microseconds, the youngest first."""
Piece = Callable[[sqlite3.Connection, int, Days], int | None]
"""Looks at the rows after a place; the place to go on from, None at the end of what is old."""


def starts(now: datetime) -> list[datetime]:
    """Since when each of `BANDS` lasts, `now` being the youngest moment: from where the older one ends a step."""
    older = [*(band.step for band in BANDS[1:]), BANDS[-1].step]
    return [EPOCH + (now - band.until - EPOCH) // step * step for band, step in zip(BANDS, older, strict=True)]


def sampled_days(connection: sqlite3.Connection, now: datetime) -> Days:
    """As many as samples are kept for; those to come, which a wrong clock has noted, do not count."""
    bounds = {"now": to_microseconds(now), "day": _DAY, "most": BANDS[-1].until.days + 1}
    return [int(began) for (began,) in connection.execute(_DAYS, bounds)]


def _since(days: Days, age: timedelta) -> int:
    """What came before is older than `age`; where so many days have not passed nothing is."""
    return days[age.days] if age.days < len(days) else 0


def prune_events(connection: sqlite3.Connection, after: int, days: Days) -> int | None:
    before = _since(days, EVENTS_KEPT)
    next_rows = "SELECT sequence, at FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?"
    old = [sequence for sequence, at in connection.execute(next_rows, (after, PIECE)) if at < before]
    if not old:
        return None
    connection.execute(_OLD_EVENTS, (after, old[-1], before))
    return int(old[-1])


def prune_samples(connection: sqlite3.Connection, after: int, days: Days) -> int | None:
    next_rows = "SELECT at FROM equity_samples WHERE at > ? ORDER BY at LIMIT ?"
    last = max((at for (at,) in connection.execute(next_rows, (after, PIECE))), default=None)
    if last is None:
        return None
    band = next((band for band in BANDS if last >= _since(days, band.until)), None)
    if band is BANDS[0]:
        return None
    if band is None:
        connection.execute("DELETE FROM equity_samples WHERE at > ? AND at <= ?", (after, last))
    else:
        place = {"after": after, "last": last, "step": band.step // MICROSECOND}
        connection.execute(_SPARE_SAMPLES, place)
    return int(last)


class Pruner:
    """Prunes every few hours, a few rows at a time, while `is_calm`."""

    def __init__(self, writer: Writer, clock: Clock, is_calm: Callable[[], bool]) -> None:
        self._writer = writer
        self._clock = clock
        self._is_calm = is_calm
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._prune_for_ever())

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work

    async def _prune_for_ever(self) -> None:
        await self._clock.sleep(FIRST_AFTER_SEC)
        while True:
            with suppress(StoreFailed):  # tried again at the next time; what ails the disk the engine's commits tell
                await self._prune(prune_events)
                await self._prune(prune_samples)
            await self._clock.sleep(EVERY_SEC)

    async def _prune(self, piece: Piece) -> None:
        now = self._clock.now()
        days = await self._writer.run(lambda connection: sampled_days(connection, now))

        def after(place: int) -> Job[int | None]:
            return lambda connection: piece(connection, place, days)

        place: int | None = 0
        while place is not None:
            await self._clock.sleep(PAUSE_SEC)
            if self._is_calm():
                place = await self._writer.run(after(place))
