"""A group as the ladder chart draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.domain.fill import Fill
from app.gui.charts.ladder_state import LadderFill, LadderLine, LadderState
from app.gui.models.positions import is_stale
from app.messages.reports import Candle
from app.messages.snapshots import GroupSnapshot, LegSnapshot

WAITING = frozenset({"pending", "open", "partially_filled"})


def ladder_of(
    group: GroupSnapshot, candles: Sequence[Candle], timeframe: str, fills: Iterable[Fill], now: datetime
) -> LadderState | None:
    if group.tick_size is None:
        return None
    entries = {order.client_order_id for order in group.orders if order.role == "entry"}
    return LadderState(
        symbol=group.symbol,
        timeframe=timeframe or group.timeframe,
        tick_size=group.tick_size,
        candles=tuple(candles),
        lines=tuple(_lines(group)),
        fills=tuple(LadderFill(fill.at, fill.price) for fill in fills if fill.client_order_id in entries),
        mark=group.mark,
        stale=is_stale(group, now),
    )


def _lines(group: GroupSnapshot) -> Iterable[LadderLine]:
    born = {pyramid.index: pyramid.created_at for pyramid in group.entries}
    many = len(group.entries) > 1
    for leg in group.legs:
        since = born.get(leg.pyramid, group.opened_at)
        if leg.status in WAITING:
            yield LadderLine("entry", f"Entry {_place(leg, many=many)}", leg.price, since, leg.pyramid)
    yield from _targets(group, born, many=many)
    if group.average_entry is not None and group.open_quantity > 0:
        yield LadderLine("average", "Average", group.average_entry, group.opened_at)
    if group.stop_price is not None:
        yield LadderLine("stop", "Stop", group.stop_price, group.opened_at)


def _targets(group: GroupSnapshot, born: dict[int, datetime], *, many: bool) -> Iterable[LadderLine]:
    """One line a target: those that several legs share are one."""
    seen: dict[object, list[LegSnapshot]] = {}
    for leg in group.legs:
        if leg.tp_price is not None and leg.open_quantity > 0:
            seen.setdefault(leg.tp_price, []).append(leg)
    for legs in seen.values():
        first = legs[0]
        if first.tp_price is None:
            continue
        place = _place(first, many=many) if len(legs) == 1 else "together"
        since = min(born.get(leg.pyramid, group.opened_at) for leg in legs)
        name = f"TP {place} \u00b7 watched" if first.watched else f"TP {place}"
        yield LadderLine("tp", name, first.tp_price, since, first.pyramid)


def _place(leg: LegSnapshot, *, many: bool) -> str:
    return f"P{leg.pyramid} L{leg.index}" if many else f"L{leg.index}"
