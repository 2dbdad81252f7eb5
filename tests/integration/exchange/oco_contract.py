"""What a venue adapter must do that binds two exits to one quantity, told through the port alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.messages.reports import Found, NotFound, OrderReport, RefusalCode
from app.ports.venue import OrderRequest
from tests.integration.exchange.venue_contract import Contract, Harness, accepted, ref, refused


class OcoContract(Contract):
    """Two exits over one quantity. The harness has coins of the market's base."""

    def profit(self, price: str = "210.00", **changes: Any) -> OrderRequest:
        return self.request(1, OrderSide.SELL, price=Decimal(price), **changes)

    def loss(self, trigger: str = "190.00", **changes: Any) -> OrderRequest:
        fields: dict[str, Any] = {"type": OrderType.STOP_MARKET, "price": None, "trigger_price": Decimal(trigger)}
        return self.request(2, OrderSide.SELL, **{**fields, **changes})

    async def locked(self, harness: Harness, asset: str) -> Decimal:
        balances = await harness.venue.fetch_balances()
        return next(item.locked for item in balances if item.asset == asset)

    async def status(self, harness: Harness, order: OrderRequest) -> OrderStatus:
        found = await harness.venue.look_up(ref(order))
        assert isinstance(found, Found), found
        return found.order.status

    def told(self, harness: Harness, order: OrderRequest) -> list[OrderStatus]:
        reports = [report for report in harness.seen if isinstance(report, OrderReport)]
        return [report.status for report in reports if report.client_order_id == order.client_order_id]

    async def test_both_orders_of_a_pair_rest_and_bind_one_quantity(self, harness: Harness) -> None:
        outcomes = await harness.venue.create_oco(self.profit(), self.loss())
        listed = {item.client_order_id: item for item in await harness.venue.fetch_open_orders()}

        assert harness.venue.capabilities.oco
        assert [accepted(outcome).status for outcome in outcomes] == [OrderStatus.OPEN, OrderStatus.OPEN]
        assert (listed[self.profit().client_order_id].type, listed[self.profit().client_order_id].price) == (
            OrderType.LIMIT,
            Decimal("210.00"),
        )
        assert listed[self.loss().client_order_id].trigger_price == Decimal("190.00")
        assert await self.locked(harness, self.symbol.partition("/")[0]) == Decimal("1.000")

    @pytest.mark.parametrize("profit", [{}, {"type": OrderType.TAKE_PROFIT_MARKET, "price": None}])
    @pytest.mark.parametrize("loss", [{}, {"type": OrderType.STOP_LIMIT, "price": Decimal("189.00")}])
    async def test_a_pair_is_of_any_kind_of_profit_and_stop(
        self, harness: Harness, profit: dict[str, Any], loss: dict[str, Any]
    ) -> None:
        if profit:
            profit = {**profit, "trigger_price": Decimal("210.00")}
        gain = self.request(1, OrderSide.SELL, **{"price": Decimal("210.00"), **profit})
        await harness.venue.create_oco(gain, self.loss(**loss))
        listed = {item.client_order_id: item.type for item in await harness.venue.fetch_open_orders()}

        assert listed == {gain.client_order_id: gain.type, self.loss().client_order_id: self.loss(**loss).type}

    async def test_a_pair_of_buys_binds_what_the_dearer_one_costs(self, harness: Harness) -> None:
        below = self.request(1, price=Decimal("190.00"))
        above = self.request(2, type=OrderType.STOP_MARKET, price=None, trigger_price=Decimal("210.00"))
        for outcome in await harness.venue.create_oco(below, above):
            accepted(outcome)

        assert await self.locked(harness, "USDT") == Decimal(210)

    @pytest.mark.parametrize(("price", "first"), [("211", True), ("189", False)])
    async def test_the_one_that_happens_ends_the_other_and_both_are_told(
        self, harness: Harness, price: str, first: bool
    ) -> None:
        await harness.venue.create_oco(self.profit(), self.loss())
        await harness.set_price(price)
        await harness.settle()
        done, ended = (self.profit(), self.loss()) if first else (self.loss(), self.profit())

        assert await self.status(harness, done) is OrderStatus.FILLED
        assert await self.status(harness, ended) in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
        assert self.told(harness, done)[-1] is OrderStatus.FILLED
        assert self.told(harness, ended)[-1] in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
        assert list(await harness.venue.fetch_open_orders()) == []
        assert await self.locked(harness, self.symbol.partition("/")[0]) == 0

    @pytest.mark.parametrize("which", [0, 1])
    async def test_cancelling_one_of_a_pair_cancels_both(self, harness: Harness, which: int) -> None:
        pair = (self.profit(), self.loss())
        await harness.venue.create_oco(*pair)

        assert accepted(await harness.venue.cancel_order(ref(pair[which]))).status is OrderStatus.CANCELLED
        await harness.settle()
        assert [await self.status(harness, order) for order in pair] == [OrderStatus.CANCELLED] * 2
        assert [self.told(harness, order)[-1] for order in pair] == [OrderStatus.CANCELLED] * 2
        assert await self.locked(harness, self.symbol.partition("/")[0]) == 0

    @pytest.mark.parametrize(("profit", "loss"), [("199.00", "190.00"), ("210.00", "201.00")])
    async def test_a_pair_is_refused_whole_where_one_is_through_already(
        self, harness: Harness, profit: str, loss: str
    ) -> None:
        outcomes = await harness.venue.create_oco(self.profit(profit), self.loss(loss))

        assert [refused(outcome) for outcome in outcomes] == [RefusalCode.WOULD_TRIGGER] * 2
        assert list(await harness.venue.fetch_open_orders()) == []
        assert isinstance(await harness.venue.look_up(ref(self.profit())), NotFound)

    async def test_a_pair_without_the_coins_is_refused_whole(self, harness: Harness) -> None:
        much: dict[str, Any] = {"quantity": Decimal("5000.000")}
        outcomes = await harness.venue.create_oco(self.profit(**much), self.loss(**much))

        assert [refused(outcome) for outcome in outcomes] == [RefusalCode.INSUFFICIENT_BALANCE] * 2
        assert list(await harness.venue.fetch_open_orders()) == []

    async def test_the_coins_of_a_pair_can_be_used_once(self, harness: Harness) -> None:
        whole: dict[str, Any] = {"quantity": Decimal("10.000")}
        for outcome in await harness.venue.create_oco(self.profit(**whole), self.loss(**whole)):
            accepted(outcome)

        more = self.request(3, OrderSide.SELL, price=Decimal("215.00"))
        assert refused(await harness.venue.create_order(more)) is RefusalCode.INSUFFICIENT_BALANCE
