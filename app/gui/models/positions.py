"""Groups, pyramids and legs as rows of the positions tree. Pure: every figure is the snapshot's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.gui import formats
from app.gui.models.tree import Column, Kind, Spec
from app.messages.snapshots import GroupSnapshot, LegSnapshot, PyramidSnapshot

STALE_AFTER = timedelta(seconds=10)
STATUS_WORDS = {
    "waiting": "waiting",
    "live": "live",
    "partially_filled": "part filled",
    "active": "active",
    "closing": "closing",
    "closed": "closed",
    "failed": "failed",
}
TP_WORDS = {
    "per_leg": "per leg",
    "aggregate": "aggregate",
    "hybrid": "hybrid",
    "pyramid_aggregate": "per pyramid",
}


@dataclass(frozen=True, slots=True)
class Blocks:
    """Legs as blocks: how much of each is filled, from 0 to 1."""

    filled: int
    total: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One line of the tree. `level` is 0 for a group, 1 for a pyramid, 2 for a leg; None shows as a dash or blank."""

    level: int
    group_id: str
    symbol: str
    name: str
    timeframe: str
    side: str
    account: str
    pyramids: tuple[int, int] | None
    blocks: Blocks
    quantity: Decimal | None
    average: Decimal | None
    mark: Decimal | None
    percent: Decimal | None
    pnl: Decimal | None
    tp_mode: str
    next_tp: Decimal | None
    distance: Decimal | None
    stop: Decimal | None
    has_stop: bool
    opened_at: datetime | None
    status: str
    unprotected: bool
    stale: bool
    pending: str | None
    tick: Decimal | None
    step: Decimal | None
    forced: bool = False
    blocked: bool = False
    remark: str = ""
    """What is special about a leg's orders, in a sentence."""


def is_stale(group: GroupSnapshot, now: datetime) -> bool:
    """Whether its price has no feed for more than ten seconds."""
    return group.mark_at is None or now - group.mark_at > STALE_AFTER


def position_spec(group: GroupSnapshot, now: datetime, pending: str | None) -> Spec:
    """A group with its pyramids and legs."""
    stale = is_stale(group, now)
    children = tuple(_pyramid_spec(group, pyramid, stale=stale) for pyramid in group.entries)
    return Spec(group.id, _group_row(group, pending, stale=stale), children)


def group_row(group: GroupSnapshot, now: datetime, pending: str | None) -> PositionRow:
    """The group's own line."""
    return _group_row(group, pending, stale=is_stale(group, now))


def _group_row(group: GroupSnapshot, pending: str | None, *, stale: bool) -> PositionRow:
    return PositionRow(
        level=0,
        group_id=group.id,
        symbol=group.symbol,
        name=group.symbol,
        timeframe=group.timeframe,
        side=group.side,
        account=group.account,
        pyramids=(group.pyramids, group.max_pyramids),
        blocks=leg_blocks(group.legs),
        quantity=group.open_quantity,
        average=group.average_entry,
        mark=group.mark,
        percent=group.unrealized_percent,
        pnl=group.unrealized_pnl if group.open_quantity > 0 else None,
        tp_mode=TP_WORDS.get(group.tp_mode, group.tp_mode),
        next_tp=group.next_tp,
        distance=group.next_tp_distance_percent,
        stop=group.stop_price,
        has_stop=group.stop_price is not None,
        opened_at=group.opened_at,
        status=STATUS_WORDS.get(group.status, group.status),
        unprotected=group.unprotected_since is not None,
        stale=stale,
        pending=pending,
        tick=group.tick_size,
        step=group.step_size,
        forced=group.forced,
        blocked=group.blocked,
    )


def _pyramid_spec(group: GroupSnapshot, pyramid: PyramidSnapshot, *, stale: bool) -> Spec:
    legs = tuple(leg for leg in group.legs if leg.pyramid == pyramid.index)
    mark = group.mark
    distance = abs(pyramid.next_tp - mark) * 100 / mark if pyramid.next_tp is not None and mark else None
    row = PositionRow(
        level=1,
        group_id=group.id,
        symbol=group.symbol,
        name=f"Pyramid {pyramid.index}",
        timeframe=formats.price(pyramid.entry_price, group.tick_size),
        side="",
        account="",
        pyramids=None,
        blocks=leg_blocks(legs),
        quantity=pyramid.open_quantity,
        average=pyramid.average_entry,
        mark=None,
        percent=pyramid.unrealized_percent,
        pnl=pyramid.unrealized_pnl,
        tp_mode="",
        next_tp=pyramid.next_tp,
        distance=distance,
        stop=None,
        has_stop=True,
        opened_at=pyramid.created_at,
        status="",
        unprotected=False,
        stale=stale,
        pending=None,
        tick=group.tick_size,
        step=group.step_size,
    )
    children = tuple(Spec(f"{leg.pyramid}/{leg.index}", _leg_row(group, leg, stale=stale)) for leg in legs)
    return Spec(f"pyramid/{pyramid.index}", row, children)


def _leg_row(group: GroupSnapshot, leg: LegSnapshot, *, stale: bool) -> PositionRow:
    target = leg.tp_price if leg.open_quantity > 0 else None
    mark = group.mark
    gap = formats.plain(leg.gap_percent)
    remark = leg_remark(leg, group.tick_size)
    return PositionRow(
        level=2,
        group_id=group.id,
        symbol=group.symbol,
        name=f"Leg {leg.index}",
        timeframe=f"{gap}% \u00b7 {formats.plain(leg.weight_percent)}",
        side="",
        account="",
        pyramids=None,
        blocks=leg_blocks((leg,)),
        quantity=leg.open_quantity if leg.open_quantity > 0 else leg.quantity,
        average=leg.average_fill if leg.average_fill is not None else leg.price,
        mark=None,
        percent=leg.unrealized_percent,
        pnl=leg.unrealized_pnl,
        tp_mode=f"{formats.plain(leg.tp_percent)}%" if group.tp_mode == "per_leg" else "",
        next_tp=target,
        distance=abs(target - mark) * 100 / mark if target is not None and mark else None,
        stop=None,
        has_stop=True,
        opened_at=None,
        status=remark.status if remark is not None else leg.status.replace("_", " "),
        unprotected=False,
        stale=stale,
        pending=None,
        tick=group.tick_size,
        step=group.step_size,
        remark=remark.sentence if remark is not None else "",
    )


@dataclass(frozen=True, slots=True)
class LegRemark:
    """That an order of a leg does not rest at the exchange: as a status, beside the leg, and in a sentence."""

    status: str
    beside: str
    sentence: str


def leg_remark(leg: LegSnapshot, tick: Decimal | None) -> LegRemark | None:
    if leg.watched:
        return LegRemark("watched", "while running", "Not at the exchange: placed only while Ziggurat runs.")
    at = leg.tp_waits_for if leg.tp_waits_for is not None else leg.waits_for
    if at is None:
        return None
    price = formats.price(at, tick)
    what = "take-profit" if leg.tp_waits_for is not None else "entry"
    said = f"The exchange takes no order so far from the market: the {what} is sent when the price reaches {price}."
    return LegRemark(leg.status.replace("_", " "), f"sent at {price}", said)


def leg_blocks(legs: tuple[LegSnapshot, ...]) -> Blocks:
    shares = tuple(_share(leg) for leg in legs)
    return Blocks(sum(share >= 1 for share in shares), len(legs), shares)


def _share(leg: LegSnapshot) -> float:
    if leg.status in {"filled", "closed"}:
        return 1.0
    return float(leg.filled / leg.quantity) if leg.quantity > 0 else 0.0


def status_text(row: PositionRow) -> str:
    if row.pending is not None:
        return row.pending
    return row.status


def _status_tip(row: PositionRow) -> str:
    if row.remark:
        return row.remark
    tags = ("forced: it was opened beyond the slots" if row.forced else "",
            "blocked: it takes no part in the offset engine" if row.blocked else "")  # fmt: skip
    return "; ".join(part for part in (status_text(row), *tags) if part)


def _of_y(row: PositionRow) -> str:
    return f"{row.pyramids[0]} of {row.pyramids[1]}" if row.pyramids else ""


def _legs_text(row: PositionRow) -> str:
    return f"{row.blocks.filled} of {row.blocks.total}"


def _stop_text(row: PositionRow) -> str:
    if row.stop is not None:
        return formats.price(row.stop, row.tick)
    return "" if row.has_stop else "none"


def _blank(row: PositionRow, text: str) -> str:
    """Children leave blank what only a group has."""
    return "" if row.level and text == formats.NOTHING else text


def _mark_tip(row: PositionRow) -> str:
    return "No price for more than ten seconds; nothing is decided on it." if row.stale else ""


WIDE = {"account": 110, "pyramids": 76, "legs": 150, "percent": 104, "pnl": 128}
"""Widths from 1600 px on, where a third more is not enough."""
SPARE = {"tp_mode": 7, "age": 6, "distance": 5, "account": 4, "average": 3, "pyramids": 2, "next_tp": 1}
"""What hides where room is short, the highest first."""


def position_columns(now: Callable[[], datetime]) -> tuple[Column, ...]:
    """The columns of the tree; ages are told at the moment of painting."""
    columns = (
        Column("pair", "Pair", Kind.PAIR, 146, lambda r: r.name, lambda r: r.name, tip=lambda r: r.symbol),
        Column("timeframe", "TF", Kind.TEXT, 38, lambda r: r.timeframe if not r.level else "",
               lambda r: r.timeframe if not r.level else ""),
        Column("side", "Side", Kind.SIDE, 62, lambda r: r.side, lambda r: r.side),
        Column("account", "Account", Kind.TEXT, 82, lambda r: r.account, lambda r: r.account, tip=lambda r: r.account),
        Column("pyramids", "Pyramids", Kind.TEXT, 46, lambda r: r.pyramids or (0, 0), _of_y, short_title="Pyr."),
        Column("legs", "Legs filled", Kind.BLOCKS, 124, lambda r: r.blocks.filled, _legs_text, tip=_legs_text),
        Column("quantity", "Quantity", Kind.NUMBER, 80, lambda r: r.quantity,
               lambda r: formats.quantity(r.quantity, r.step) if r.quantity else formats.NOTHING, only_wide=True),
        Column("average", "Avg entry", Kind.NUMBER, 68, lambda r: r.average, lambda r: formats.price(r.average, r.tick),
               tip=lambda r: formats.plain(r.average) if r.average is not None else ""),
        Column("mark", "Mark", Kind.NUMBER, 74, lambda r: r.mark, lambda r: _blank(r, formats.price(r.mark, r.tick)),
               tip=_mark_tip),
        Column("percent", "Unrealised %", Kind.PNL, 76, lambda r: r.percent,
               lambda r: formats.signed_percent(r.percent), short_title="P&L %"),
        Column("pnl", "Unrealised USDT", Kind.PNL, 62, lambda r: r.pnl, lambda r: formats.signed_money(r.pnl),
               short_title="USDT", tip=lambda r: formats.plain(r.pnl) if r.pnl is not None else ""),
        Column("tp_mode", "TP mode", Kind.TEXT, 72, lambda r: r.tp_mode, lambda r: r.tp_mode),
        Column("next_tp", "Next TP", Kind.NUMBER, 70, lambda r: r.next_tp, lambda r: formats.price(r.next_tp, r.tick)),
        Column("distance", "Distance", Kind.NUMBER, 58, lambda r: r.distance, lambda r: formats.percent(r.distance)),
        Column("stop", "Stop", Kind.NUMBER, 70, lambda r: r.stop, _stop_text),
        Column("age", "Age", Kind.NUMBER, 68, lambda r: r.opened_at and -r.opened_at.timestamp(),
               lambda r: formats.age(now() - r.opened_at) if r.opened_at else "", ticks=True),
        Column("status", "Status", Kind.STATUS, 72, lambda r: (r.status, r.pending or "", r.forced, r.blocked),
               status_text, tip=_status_tip, stretches=True),
    )  # fmt: skip
    return tuple(
        replace(column, wide_width=WIDE.get(column.name), spare=SPARE.get(column.name, 0)) for column in columns
    )
