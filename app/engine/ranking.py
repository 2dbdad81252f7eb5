"""The queue's order by live prices, and how long an entry may wait in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter

from app.base import timeframe
from app.base.config import Config
from app.domain.group import Group
from app.domain.queue import RankKey, loss_percent
from app.engine.ranks import Place
from app.engine.state import EngineState
from app.messages.records import QueueEntry

LONGEST = timedelta(hours=24)
BARS = 3


def keyed(state: EngineState, changed: dict[str, Group] | None = None) -> list[tuple[RankKey, QueueEntry]]:
    """All that is committed to the queue, each with the key that sorts the best first.

    `changed` are groups that the state does not have yet.
    """
    rules, ranks = state.config.queue.selection_priority, state.ranks
    ranks.use(rules)
    looks_at_groups = "pyramid_continuation" in rules
    for at, places in ranks.markets():
        market = state.markets.get(at)
        quote = market.quote if market else None
        grouped = looks_at_groups and (at in state.open_on or bool(changed))
        if ranks.is_fresh(at, quote) and not grouped:
            continue
        last = quote.last if quote else None
        for place in places.values():
            place.rank(rules, last, is_continuation=grouped and continues(state, place.entry, changed))
    return [(place.key, place.entry) for place in ranks.places.values()]


def key_of(state: EngineState, entry: QueueEntry, changed: dict[str, Group] | None = None) -> RankKey:
    """The key of one entry that need not be committed."""
    place = Place(entry)
    quote = state.quote(entry.identity.account, entry.identity.symbol)
    rules = state.config.queue.selection_priority
    place.rank(rules, quote.last if quote else None, is_continuation=continues(state, entry, changed))
    return place.key


def continues(state: EngineState, entry: QueueEntry, changed: dict[str, Group] | None = None) -> bool:
    """Whether a group of the entry's identity is open."""
    ids = state.open_on.get((entry.identity.account, entry.identity.symbol), ())
    changes = changed or {}
    for group_id in (*ids, *changes):
        group = changes.get(group_id) or state.groups.get(group_id)
        if group is not None and group.is_open and group.identity == entry.identity:
            return True
    return False


def ranked(state: EngineState) -> list[tuple[RankKey, QueueEntry]]:
    """All that wait, best first."""
    return sorted(keyed(state), key=itemgetter(0))


def expires_at(config: Config, entry: QueueEntry) -> datetime:
    """By `queue.max_age_minutes`, else three bars of its timeframe, at most 24 hours, from its newest signal on."""
    minutes = config.queue.max_age_minutes
    if minutes is not None:
        return entry.last_replaced_at + timedelta(minutes=minutes)
    try:
        age = timedelta(seconds=BARS * timeframe.seconds(entry.identity.timeframe))
    except ValueError:
        age = LONGEST  # an order by hand or a decision belongs to no bar
    return entry.last_replaced_at + min(age, LONGEST)


def move_percent(state: EngineState, entry: QueueEntry) -> Decimal | None:
    """How far the price has moved in the entry's favour since its signal; None without a price."""
    quote = state.quote(entry.identity.account, entry.identity.symbol)
    if quote is None or entry.entry_price <= 0:
        return None
    return loss_percent(entry.identity, entry.entry_price, quote.last)
