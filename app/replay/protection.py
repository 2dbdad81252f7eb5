"""README.md's fifth invariant: with a stop configured, nothing stays open without one for longer than the grace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from app.domain.group import Group
from app.domain.order import Order
from app.domain.stop_loss import needs_stop
from app.domain.values import OrderRole, OrderType
from app.domain.wanted import stop_can_rest
from app.engine.state import EngineState
from app.engine.terrain import terrain_of
from app.messages.records import EventRecord


class BareGroups:
    """Follows, from look to look, which groups a stop could protect and none does, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._groups: dict[str, Group] = {}

    def look(self, state: EngineState, now: datetime) -> None:
        """A group that has changed since the last look counts anew, unless the engine itself counts on."""
        bare = {group_id: state.groups[group_id] for group_id in state.open_ids if _is_bare(state, group_id, now)}
        self._since = {
            group_id: group.unprotected_since or (self._since[group_id] if self._groups.get(group_id) is group else now)
            for group_id, group in bare.items()
        }
        self._groups = bare

    def overdue(self, grace_sec: float, events: Sequence[EventRecord], now: datetime) -> Iterator[str]:
        """Those past the grace of which no alert tells."""
        for group_id, since in self._since.items():
            if now > since + timedelta(seconds=grace_sec) and not _told(self._groups[group_id], events, since):
                yield f"{group_id} has been open without its stop since {since.isoformat()}, and no alert tells so"


def _is_bare(state: EngineState, group_id: str, now: datetime) -> bool:
    group = state.groups[group_id]
    if group.closing is not None or not needs_stop(group):
        return False
    market = state.market(group.account, group.symbol)
    if market is None or any(_guards(state.orders[order_id]) for order_id in state.orders_of.get(group_id, ())):
        return False
    return stop_can_rest(group, terrain_of(state.config, state.accounts[group.account], market, now))


def _guards(order: Order) -> bool:
    """Whether it is a stop, or a sale under way."""
    is_sale = order.role is not OrderRole.ENTRY and order.type is OrderType.MARKET
    return order.is_present and (is_sale or order.role is OrderRole.STOP_LOSS)


def _told(group: Group, events: Sequence[EventRecord], since: datetime) -> bool:
    for event in reversed(events):
        if event.at < since:
            return False
        if event.type == "alert.raised" and (event.group_id == group.id or event.account == group.account):
            return True
    return False
