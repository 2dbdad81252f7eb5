"""Arbitrary valid entities, by the types of their fields, and a few plain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from app.base.config.grid import GridSettings, Level, StopLoss, TakeProfitMode
from app.domain.fill import Fill
from app.domain.group import Group, Leg, Pyramid
from app.domain.order import Order, OrderStatus
from app.domain.values import Identity, Liquidity, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.messages.records import CheckResult, EventRecord, GroupChange, SignalOutcome, SignalRecord

Item = TypeVar("Item")

T0 = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)

ODD_GRID = GridSettings(
    levels=(
        Level(gap_percent=Decimal("-0.10"), weight_percent=Decimal("1E+1"), tp_percent=Decimal("1.000")),
        Level(gap_percent=Decimal("-5E-1"), weight_percent=Decimal("90.0"), tp_percent=Decimal(2)),
    ),
    tp_mode=TakeProfitMode.HYBRID,
    pyramid_tp_percents={3: Decimal("0.30")},
    stop_loss=StopLoss(mode="percent", percent=Decimal("2.50")),
)
GRIDS = (GridSettings(), ODD_GRID)

decimals = st.one_of(
    st.sampled_from([Decimal(text) for text in ("1E+2", "0.10", "0E-8", "-0", "1.2300E-7", "9" * 40)]),
    st.decimals(allow_nan=False, allow_infinity=False),
)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))  # UTC never folds
numbers = st.integers(-(2**63), 2**63 - 1)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Decimal: decimals,
    datetime: moments,
    str: st.text(),
    int: numbers,
    bool: st.booleans(),
    GridSettings: st.sampled_from(GRIDS),
    tuple[CheckResult, ...]: st.lists(st.builds(CheckResult, st.text(), st.text(), st.text()), max_size=3).map(tuple),
    tuple[Pyramid, ...]: st.just(()),
    tuple[Leg, ...]: st.just(()),
}


def any_of(kind: type[Item], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Item]:
    """Any item of a dataclass; `given` replaces the strategies of single fields."""
    hints = get_type_hints(kind)
    values = {
        item.name: given[item.name] if item.name in given else _of_type(hints[item.name])
        for item in fields(cast(Any, kind))
    }
    return st.builds(kind, **values)


def _of_type(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*(st.none() if part is type(None) else _of_type(part) for part in get_args(hint)))
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return st.dictionaries(st.text(), json_values, max_size=3)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return any_of(hint)


def by(key: Callable[[Any], Any], strategy: st.SearchStrategy[Item], most: int = 3) -> st.SearchStrategy[list[Item]]:
    """A few items, no two of one key."""
    return st.lists(strategy, max_size=most, unique_by=key)


def a_signal(number: int = 1, at: datetime = T0, **changes: Any) -> SignalRecord:
    fixed: dict[str, Any] = {
        "id": f"s{number:013d}",
        "received_at": at,
        "source": "tradingview",
        "key_name": "main",
        "payload": "{}",
        "content_key": f"content {number}",
        "bar_key": None,
        "http_status": 202,
        "outcome": SignalOutcome.EXECUTED,
    }
    return SignalRecord(**{**fixed, **changes})


def a_leg(index: int = 0, **changes: Any) -> Leg:
    leg = Leg(0, index, Decimal("-0.5"), Decimal(20), Decimal(1), OrderType.LIMIT, Decimal(100), Decimal(2))
    return _changed(leg, changes)


def a_group(number: int = 1, at: datetime = T0, **changes: Any) -> Group:
    identity = Identity("main", "BTC/USDT", "15", Side.LONG)
    group = Group(
        id=f"g{number:07d}",
        account=identity.account,
        symbol=identity.symbol,
        timeframe=identity.timeframe,
        side=identity.side,
        strategy_id="",
        quote="USDT",
        base="BTC",
        step_size=Decimal("0.001"),
        contract_size=Decimal(1),
        grid=GRIDS[0],
        leverage=Decimal(1),
        margin_mode="isolated",
        opened_at=at,
        pyramids=(Pyramid(0, f"s{number:013d}", Decimal(100), Decimal(500), at),),
        legs=(a_leg(0), a_leg(1)),
    )
    return _changed(group, changes)


def a_change(group: Group) -> GroupChange:
    return GroupChange(group, group.legs, group.pyramids)


def an_order(group: Group, number: int = 1, at: datetime = T0, **changes: Any) -> Order:
    order = Order(
        client_order_id=f"{group.id}-{number}",
        account=group.account,
        symbol=group.symbol,
        group_id=group.id,
        pyramid=0,
        leg=0,
        role=OrderRole.ENTRY,
        side=OrderSide.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(2),
        price=Decimal(100),
        trigger_price=None,
        reduce_only=False,
        time_in_force=TimeInForce.GTC,
        number=number,
        attempt=1,
        status=OrderStatus.PENDING,
        created_at=at,
        updated_at=at,
    )
    return _changed(order, changes)


def a_fill(group: Group) -> Fill:
    return Fill(
        account=group.account,
        symbol=group.symbol,
        trade_id="t1",
        client_order_id="o1",
        group_id=group.id,
        side=OrderSide.BUY,
        price=Decimal(100),
        quantity=Decimal(1),
        fee=Decimal("0.1"),
        fee_asset="USDT",
        fee_quote=Decimal("0.1"),
        liquidity=Liquidity.TAKER,
        at=T0,
    )


def an_event(sequence: int, kind: str = "order.placed", **data: Any) -> EventRecord:
    at = T0 + timedelta(seconds=sequence)
    return EventRecord(sequence, at, kind, "main", "BTC/USDT", None, None, None, data)


def _changed(item: Item, changes: dict[str, Any]) -> Item:
    values = {one.name: getattr(item, one.name) for one in fields(item)}  # type: ignore[arg-type]
    return type(item)(**{**values, **changes})
