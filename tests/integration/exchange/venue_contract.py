"""What every venue adapter must do, told through the port alone.

`OrdersContract` holds for every venue; a venue that has more also keeps `StopsContract`, `PerpetualContract`,
`AmendContract`, `BatchContract` and `PricesContract`. `VenueContract` is all of them.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from app.base.clock import Clock
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.messages.reports import (
    Accepted,
    FillReport,
    Found,
    NotFound,
    OrderReport,
    PriceReport,
    RefusalCode,
    Refused,
    SubmitOutcome,
    VenueReport,
)
from app.ports.venue import OrderRef, OrderRequest, Venue

SYMBOL = "SOL/USDT:USDT"


class Harness(Protocol):
    """One adapter with a market at 200, and the hand that moves its price."""

    seen: list[VenueReport]

    @property
    def venue(self) -> Venue: ...

    @property
    def clock(self) -> Clock: ...

    async def set_price(self, price: str) -> None:
        """Of the market that the contract names."""
        ...

    async def settle(self) -> None:
        """Return when the streams have told everything."""
        ...


def request(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": f"zg0000000g000000100e{number:03}",
        "symbol": SYMBOL,
        "side": side,
        "position_side": Side.LONG,
        "type": OrderType.LIMIT,
        "quantity": Decimal("1.000"),
        "price": Decimal("190.00"),
        "trigger_price": None,
        "reduce_only": False,
        "time_in_force": TimeInForce.GTC,
    }
    return OrderRequest(**{**fields, **changes})


def market(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    return request(number, side, type=OrderType.MARKET, price=None, **changes)


def ref(order: OrderRequest) -> OrderRef:
    return OrderRef(order.client_order_id, None, order.symbol, order.type)


def accepted(outcome: SubmitOutcome) -> OrderReport:
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


def refused(outcome: SubmitOutcome) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


class Contract:
    """Subclasses give the fixture `harness`."""

    symbol = SYMBOL

    @pytest.fixture
    async def harness(self) -> Harness:
        raise NotImplementedError

    def request(self, number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
        return request(number, side, **{"symbol": self.symbol, **changes})

    def market(self, number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
        return market(number, side, **{"symbol": self.symbol, **changes})

    def stop(self, harness: Harness, trigger: str) -> OrderRequest:
        """An exit of the whole, triggered at `trigger`."""
        return self.request(
            2,
            OrderSide.SELL,
            type=OrderType.STOP_MARKET,
            price=None,
            trigger_price=Decimal(trigger),
            reduce_only=harness.venue.capabilities.reduce_only,
        )


class OrdersContract(Contract):
    """Rules, orders, fills, balances and time."""

    async def test_a_resting_order_is_listed_and_found(self, harness: Harness) -> None:
        order = self.request(1)

        assert accepted(await harness.venue.create_order(order)).status is OrderStatus.OPEN
        listed = await harness.venue.fetch_open_orders()
        found = await harness.venue.look_up(ref(order))

        assert [item.client_order_id for item in listed] == [order.client_order_id]
        assert isinstance(found, Found)
        assert found.order.quantity == Decimal("1.000")

    async def test_an_order_that_was_never_sent_is_not_found(self, harness: Harness) -> None:
        assert isinstance(await harness.venue.look_up(ref(self.request(9))), NotFound)

    async def test_a_cancelled_order_is_found_as_cancelled(self, harness: Harness) -> None:
        order = self.request(1)
        await harness.venue.create_order(order)
        await harness.venue.cancel_order(ref(order))

        found = await harness.venue.look_up(ref(order))

        assert isinstance(found, Found)
        assert found.order.status is OrderStatus.CANCELLED

    async def test_a_filled_order_is_found_with_its_fills(self, harness: Harness) -> None:
        order = self.market(1)
        await harness.venue.create_order(order)
        await harness.settle()

        found = await harness.venue.look_up(ref(order))

        assert isinstance(found, Found)
        assert (found.order.status, found.order.filled) == (OrderStatus.FILLED, Decimal("1.000"))
        assert sum(fill.quantity for fill in found.order.fills) == Decimal("1.000")

    async def test_fills_are_told_since_a_moment_each_with_its_own_trade_id(self, harness: Harness) -> None:
        await harness.venue.create_orders([self.market(1), self.market(2)])
        await harness.settle()

        fills = await harness.venue.fetch_fills(harness.clock.now() - timedelta(hours=1))

        assert len({fill.trade_id for fill in fills}) == 2

    async def test_streams_and_reads_name_a_fill_alike(self, harness: Harness) -> None:
        await harness.venue.create_order(self.market(1))
        await harness.settle()
        told = [report for report in harness.seen if isinstance(report, FillReport)]
        read = await harness.venue.fetch_fills(harness.clock.now() - timedelta(hours=1))

        assert [fill.trade_id for fill in told] == [fill.trade_id for fill in read]

    async def test_an_order_that_has_filled_cannot_be_cancelled_or_amended(self, harness: Harness) -> None:
        order = self.market(1)
        await harness.venue.create_order(order)

        assert refused(await harness.venue.cancel_order(ref(order))) is RefusalCode.NOT_FOUND
        amended = await harness.venue.amend_order(ref(order), Decimal("2.000"), None)
        assert refused(amended) is RefusalCode.NOT_FOUND

    async def test_a_market_tells_its_rules_and_price(self, harness: Harness) -> None:
        report = await harness.venue.load_market(self.symbol, None)

        assert report is not None
        assert report.quote is not None
        assert (report.rules.symbol, report.quote.last) == (self.symbol, Decimal(200))

    async def test_health_and_time_are_told(self, harness: Harness) -> None:
        assert harness.venue.health().connected
        assert abs(await harness.venue.server_time() - harness.clock.now()) < timedelta(minutes=1)

    async def test_a_client_order_id_is_taken_once_even_after_a_cancel(self, harness: Harness) -> None:
        order = self.request(1)
        await harness.venue.create_order(order)
        await harness.venue.cancel_order(ref(order))

        assert refused(await harness.venue.create_order(order)) is RefusalCode.DUPLICATE_ID

    async def test_the_streams_tell_fills_and_orders(self, harness: Harness) -> None:
        await harness.venue.create_order(self.request(1))
        await harness.set_price("189")
        await harness.settle()
        fills = [report for report in harness.seen if isinstance(report, FillReport)]
        orders = [report for report in harness.seen if isinstance(report, OrderReport)]

        assert [fill.price for fill in fills] == [Decimal(190)]
        assert orders[-1].status is OrderStatus.FILLED

    async def test_what_an_order_has_filled_never_goes_down(self, harness: Harness) -> None:
        await harness.venue.create_orders([self.request(1), self.request(2, price=Decimal("195.00"))])
        for price in ("194", "191", "189"):
            await harness.set_price(price)
        await harness.settle()
        told: dict[str | None, list[Decimal]] = {}
        for report in harness.seen:
            if isinstance(report, OrderReport):
                told.setdefault(report.client_order_id, []).append(report.filled)

        assert all(values == sorted(values) for values in told.values())

    async def test_cancelling_twice_tells_that_there_is_nothing_live(self, harness: Harness) -> None:
        order = self.request(1)
        await harness.venue.create_order(order)

        assert isinstance(await harness.venue.cancel_order(ref(order)), Accepted)
        assert refused(await harness.venue.cancel_order(ref(order))) is RefusalCode.NOT_FOUND

    async def test_an_immediate_or_cancel_order_never_rests(self, harness: Harness) -> None:
        report = accepted(await harness.venue.create_order(self.request(1, time_in_force=TimeInForce.IOC)))

        assert report.status in {OrderStatus.EXPIRED, OrderStatus.CANCELLED}
        assert list(await harness.venue.fetch_open_orders()) == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"price": Decimal("190.001")}, RefusalCode.PRECISION),
            ({"quantity": Decimal("1.0005")}, RefusalCode.PRECISION),
            ({"quantity": Decimal("0.001")}, RefusalCode.MIN_NOTIONAL),
            ({"quantity": Decimal("10000.000")}, RefusalCode.INSUFFICIENT_BALANCE),
        ],
    )
    async def test_what_the_rules_forbid_is_refused_with_its_reason(
        self, harness: Harness, changes: dict[str, Any], code: RefusalCode
    ) -> None:
        assert refused(await harness.venue.create_order(self.request(1, **changes))) is code

    async def test_balances_tell_what_is_locked(self, harness: Harness) -> None:
        await harness.venue.create_order(self.request(1))
        usdt = next(item for item in await harness.venue.fetch_balances() if item.asset == "USDT")

        assert usdt.locked > 0
        assert usdt.total - usdt.locked == usdt.free

    async def test_an_unknown_market_is_none_not_an_error(self, harness: Harness) -> None:
        assert await harness.venue.load_market("nonsense", None) is None


class StopsContract(Contract):
    """Conditional orders."""

    @pytest.mark.parametrize(
        ("type_", "price", "trigger"),
        [
            (OrderType.LIMIT, "210.00", None),
            (OrderType.STOP_MARKET, None, "190.00"),
            (OrderType.STOP_LIMIT, "189.00", "190.00"),
            (OrderType.TAKE_PROFIT_MARKET, None, "210.00"),
        ],
    )
    async def test_each_type_of_exit_rests_is_listed_and_can_be_cancelled(
        self, harness: Harness, type_: OrderType, price: str | None, trigger: str | None
    ) -> None:
        await harness.venue.create_order(self.market(1))
        order = self.request(
            2,
            OrderSide.SELL,
            type=type_,
            price=None if price is None else Decimal(price),
            trigger_price=None if trigger is None else Decimal(trigger),
            reduce_only=harness.venue.capabilities.reduce_only,
        )

        assert accepted(await harness.venue.create_order(order)).status is OrderStatus.OPEN
        listed = {item.client_order_id: item for item in await harness.venue.fetch_open_orders()}[order.client_order_id]
        assert (listed.type, listed.price, listed.trigger_price) == (type_, order.price, order.trigger_price)
        assert listed.reduce_only == harness.venue.capabilities.reduce_only
        assert accepted(await harness.venue.cancel_order(ref(order))).status is OrderStatus.CANCELLED

    async def test_a_stop_rests_and_fills_when_it_is_reached(self, harness: Harness) -> None:
        await harness.venue.create_order(self.market(1))
        stop = self.request(
            2,
            OrderSide.SELL,
            type=OrderType.STOP_MARKET,
            price=None,
            trigger_price=Decimal("180.00"),
            reduce_only=harness.venue.capabilities.reduce_only,
        )
        accepted(await harness.venue.create_order(stop))
        assert len(await harness.venue.fetch_open_orders()) == 1

        await harness.set_price("179")
        await harness.settle()

        found = await harness.venue.look_up(ref(stop))
        assert isinstance(found, Found)
        assert (found.order.status, found.order.filled) == (OrderStatus.FILLED, Decimal("1.000"))
        assert list(await harness.venue.fetch_positions()) == []

    async def test_a_stop_that_is_through_already_is_refused(self, harness: Harness) -> None:
        await harness.venue.create_order(self.market(1))
        stop = self.request(
            2,
            OrderSide.SELL,
            type=OrderType.STOP_MARKET,
            price=None,
            trigger_price=Decimal("201.00"),
            reduce_only=harness.venue.capabilities.reduce_only,
        )

        assert refused(await harness.venue.create_order(stop)) is RefusalCode.WOULD_TRIGGER


class PerpetualContract(Contract):
    """Positions, leverage and reduce-only."""

    async def test_a_flat_account_has_no_positions(self, harness: Harness) -> None:
        await harness.venue.create_order(self.market(1))
        await harness.venue.create_order(self.market(2, OrderSide.SELL, reduce_only=True))
        await harness.settle()

        assert list(await harness.venue.fetch_positions()) == []

    async def test_setting_the_leverage_that_is_set_is_success(self, harness: Harness) -> None:
        for _ in range(2):
            await harness.venue.set_leverage(self.symbol, Decimal(2), "isolated")
        await harness.venue.create_order(self.market(1))

        assert [position.leverage for position in await harness.venue.fetch_positions()] == [Decimal(2)]

    async def test_the_leverage_is_told_with_and_without_a_position(self, harness: Harness) -> None:
        await harness.venue.set_leverage(self.symbol, Decimal(3), "isolated")
        assert await harness.venue.leverage(self.symbol, Side.LONG) == (Decimal(3), "isolated")
        await harness.venue.create_order(self.market(1))
        assert await harness.venue.leverage(self.symbol, Side.LONG) == (Decimal(3), "isolated")

    async def test_a_market_order_fills_and_opens_a_position(self, harness: Harness) -> None:
        report = accepted(await harness.venue.create_order(self.market(1)))
        await harness.settle()
        positions = await harness.venue.fetch_positions()
        fills = await harness.venue.fetch_fills(harness.clock.now() - timedelta(hours=1))

        assert report.status is OrderStatus.FILLED
        assert [(item.side, item.quantity) for item in positions] == [(Side.LONG, Decimal("1.000"))]
        assert sum((fill.quantity for fill in fills), Decimal(0)) == Decimal("1.000")

    async def test_reduce_only_never_turns_a_position_round(self, harness: Harness) -> None:
        await harness.venue.create_order(self.market(1))
        exit_order = self.market(2, OrderSide.SELL, quantity=Decimal("5.000"), reduce_only=True)

        report = accepted(await harness.venue.create_order(exit_order))

        assert report.filled == Decimal("1.000")
        assert list(await harness.venue.fetch_positions()) == []

    async def test_reduce_only_without_a_position_is_refused(self, harness: Harness) -> None:
        order = self.market(1, OrderSide.SELL, reduce_only=True)

        assert refused(await harness.venue.create_order(order)) is RefusalCode.REDUCE_ONLY


class AmendContract(Contract):
    """Orders that can be changed where they rest."""

    async def test_an_amendment_changes_price_and_total_quantity(self, harness: Harness) -> None:
        order = self.request(1)
        await harness.venue.create_order(order)

        report = accepted(await harness.venue.amend_order(ref(order), Decimal("2.000"), Decimal("191.00")))

        assert (report.quantity, report.price) == (Decimal("2.000"), Decimal("191.00"))


class BatchContract(Contract):
    """Several orders in one request."""

    async def test_a_batch_answers_each_order_by_itself(self, harness: Harness) -> None:
        outcomes = await harness.venue.create_orders(
            [self.request(1), self.request(2, price=Decimal("0.001")), self.request(3)]
        )

        assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True, False, True]


class PricesContract(Contract):
    """What a chart and the watching of prices need."""

    async def test_watched_prices_are_streamed(self, harness: Harness) -> None:
        harness.venue.watch_prices(frozenset({self.symbol}))
        await harness.set_price("201")
        await harness.settle()
        quotes: list[Quote] = [report.quote for report in harness.seen if isinstance(report, PriceReport)]

        assert {quote.last for quote in quotes} == {Decimal(201)}

    async def test_candles_end_with_the_running_one(self, harness: Harness) -> None:
        for price in ("201", "199", "200.5"):
            await harness.set_price(price)

        candles = await harness.venue.fetch_candles(self.symbol, "1m", 10)

        assert candles[-1].close == Decimal("200.5")
        assert candles[-1].high >= Decimal(201)
        assert [candle.at for candle in candles] == sorted(candle.at for candle in candles)


class VenueContract(OrdersContract, StopsContract, PerpetualContract, AmendContract, BatchContract, PricesContract):
    """All of it."""
