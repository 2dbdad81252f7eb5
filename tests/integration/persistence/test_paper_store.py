from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.persistence.database import Database, open_database
from app.persistence.paper_store import _CODECS
from app.ports.paper_store import PaperBalance, PaperChanges, PaperOrder, PaperPosition
from app.ports.store import StoreFailed
from tests.unit.persistence.entities import T0, any_of, by


def _key(item: Any) -> tuple[Any, ...]:
    codec = next(codec for codec, _, _ in _CODECS.values() if codec.kind is type(item))
    return tuple(getattr(item, column.name) for column in codec.table.primary_key.columns)


@st.composite
def books(draw: st.DrawFn) -> PaperChanges:
    lists: dict[str, list[Any]] = {
        name: draw(by(_key, any_of(codec.kind, account=st.just("paper")))) for name, (codec, _, _) in _CODECS.items()
    }
    return PaperChanges(**lists)


@settings(max_examples=40)
@given(changes=books())
def test_books_come_back_as_they_were_saved(changes: PaperChanges) -> None:
    async def there_and_back() -> PaperChanges | None:
        database = open_database(None)
        await database.paper.save("paper", changes)
        found = await database.paper.load("paper")
        await database.close()
        return found

    assert repr(asyncio.run(there_and_back())) == repr(None if changes.is_empty else changes)


def test_every_list_of_changes_is_kept() -> None:
    assert list(_CODECS) == [item.name for item in fields(PaperChanges)]


def an_order(**changes: Any) -> PaperOrder:
    order = PaperOrder(
        account="paper",
        number=1,
        client_order_id="o1",
        symbol="BTC/USDT",
        side=OrderSide.BUY,
        position_side=Side.LONG,
        type=OrderType.LIMIT,
        status=OrderStatus.OPEN,
        quantity=Decimal(1),
        filled=Decimal(0),
        filled_value=Decimal(0),
        price=Decimal(100),
        trigger_price=None,
        reduce_only=False,
        time_in_force=TimeInForce.GTC,
        triggered=False,
        created_at=T0,
        updated_at=T0,
        paired_with=2,
    )
    return replace(order, **changes)


async def test_an_account_never_saved_has_no_books(database: Database) -> None:
    await database.paper.save("paper", PaperChanges(balances=[PaperBalance("paper", "USDT", Decimal("1E+4"))]))
    assert await database.paper.load("other") is None
    assert await database.paper.load("paper") is not None


async def test_rows_replace_those_of_the_same_key(database: Database) -> None:
    position = PaperPosition("paper", "BTC/USDT", Side.LONG, Decimal(1), Decimal(100))
    await database.paper.save("paper", PaperChanges(orders=[an_order(), an_order(number=2)], positions=[position]))
    filled = an_order(status=OrderStatus.FILLED, filled=Decimal(1), updated_at=T0 + timedelta(seconds=1))
    flat = replace(position, quantity=Decimal(0))
    await database.paper.save("paper", PaperChanges(orders=[filled], positions=[flat]))
    assert await database.paper.load("paper") == PaperChanges(orders=[filled, an_order(number=2)], positions=[flat])


async def test_a_row_that_fails_leaves_nothing_of_its_change(database: Database) -> None:
    bad = PaperChanges(
        orders=[an_order()],
        balances=[PaperBalance("paper", "USDT", Decimal(1)), PaperBalance("paper", None, Decimal(1))],  # type: ignore[arg-type]
    )
    with pytest.raises(StoreFailed):
        await database.paper.save("paper", bad)
    assert await database.paper.load("paper") is None


async def test_rows_of_another_account_are_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="another account"):
        await database.paper.save("other", PaperChanges(orders=[an_order()]))
