"""What a venue does that needs no client, and how its reports look."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, Side
from app.messages.reports import (
    Accepted,
    BalanceReport,
    FillKind,
    FillReport,
    FundingReport,
    OrderReport,
    PositionReport,
    RefusalCode,
    Refused,
)
from app.ports.venue import OrderRef
from tests.support.clock import settle
from tests.unit.exchange.paper.bench import SOL
from tests.unit.exchange.paper.shop import Shop

BUY, SELL = OrderSide.BUY, OrderSide.SELL


async def test_fills_of_the_venues_own_doing_are_told_with_their_kind() -> None:
    shop = await Shop().open()
    await shop.buy("3")
    await settle()
    shop.seen.clear()
    await shop.venue.force(SOL, FillKind.ADL, Decimal(1))
    await shop.venue.force(SOL, FillKind.LIQUIDATION, None)
    await settle()

    fills = [report for report in shop.seen if isinstance(report, FillReport)]
    assert [(fill.kind, fill.client_order_id, fill.quantity) for fill in fills] == [
        (FillKind.ADL, None, Decimal(1)),
        (FillKind.LIQUIDATION, None, Decimal(2)),
    ]
    flat = [report for report in shop.seen if isinstance(report, PositionReport)][-1]
    assert (flat.side, flat.quantity) == (None, Decimal(0))


async def test_orders_of_a_person_have_no_client_order_id_and_are_found_by_the_venues() -> None:
    shop = await Shop().open()
    placed = await shop.venue.place_external(SOL, BUY, OrderType.LIMIT, Decimal(1), Decimal(95))
    refused = await shop.venue.place_external(SOL, BUY, OrderType.LIMIT, Decimal(1), Decimal("95.001"))

    assert isinstance(placed, Accepted)
    assert placed.order.client_order_id is None
    assert isinstance(refused, Refused)
    by_venue_id = OrderRef("unknown", placed.order.venue_order_id, SOL, OrderType.LIMIT)
    assert isinstance(await shop.venue.cancel_order(by_venue_id), Accepted)


async def test_a_person_closes_and_cancels() -> None:
    shop = await Shop().open()
    await shop.buy("2")
    await shop.buy("1", "95")
    await settle()
    shop.seen.clear()

    await shop.venue.close_external(SOL, Decimal("0.5"))
    assert await shop.venue.cancel_external(lambda order: order.symbol == SOL) == 1
    await settle()

    ours = [report for report in shop.mine if isinstance(report, OrderReport) and report.client_order_id is not None]
    assert [report.status for report in ours] == [OrderStatus.CANCELLED]
    assert [position.quantity for position in await shop.venue.fetch_positions()] == [Decimal("1.5")]


async def test_a_halted_market_refuses_and_goes_on_when_it_trades_again() -> None:
    shop = await Shop().open()
    shop.venue.halt(SOL)
    outcome = await shop.buy("1")
    assert isinstance(outcome, Refused)
    assert outcome.code is RefusalCode.HALTED

    shop.venue.halt(SOL, halted=False)
    assert isinstance(await shop.buy("1"), Accepted)


async def test_funding_is_paid_on_command_and_told() -> None:
    shop = await Shop().open()
    await shop.buy("2")
    await shop.venue.pay_funding(SOL, Decimal("0.0001"))
    await settle()

    told = [report for report in shop.seen if isinstance(report, FundingReport)]
    assert [(payment.amount, payment.payment_id) for payment in told] == [(Decimal("-0.0200"), "paper-1")]
    assert list(await shop.venue.fetch_funding(shop.clock.now())) == told


async def test_funding_by_the_clock_is_paid_every_eight_hours_until_its_rate_is_nought() -> None:
    shop = await Shop().open()
    await shop.buy("2")
    shop.venue.set_funding_rate(SOL, Decimal("0.0001"))
    await shop.clock.advance(24 * 3_600)
    assert len(shop.venue.ledger.funding) == 3

    shop.venue.set_funding_rate(SOL, Decimal(0))
    await shop.clock.advance(24 * 3_600)
    assert len(shop.venue.ledger.funding) == 3


async def test_an_account_with_a_usual_funding_rate_pays_it_wherever_it_holds_something() -> None:
    shop = await Shop(funding_rate="0.0001").open()
    await shop.clock.advance(8 * 3_600)
    assert not shop.venue.ledger.funding
    await shop.buy("2")
    await shop.clock.advance(8 * 3_600)
    assert [payment.amount for payment in shop.venue.ledger.funding] == [Decimal("-0.0200")]

    shop.venue.set_funding_rate(SOL, Decimal(0))
    await shop.clock.advance(8 * 3_600)
    assert len(shop.venue.ledger.funding) == 1


async def test_only_watched_prices_are_told_and_after_the_fills_that_they_made() -> None:
    shop = await Shop().open()
    await shop.price("99")
    shop.venue.watch_prices(frozenset({SOL}))
    await shop.buy("1", "95")
    await settle()
    shop.seen.clear()

    await shop.price("96")
    await shop.price("94")

    assert shop.prices == [Decimal(96), Decimal(94)]
    assert [type(report).__name__ for report in shop.seen] == [
        "PriceReport",
        "FillReport",
        "OrderReport",
        "PositionReport",
        "BalanceReport",
        "PriceReport",
    ]


async def test_a_resting_order_is_seen_in_the_free_balance() -> None:
    shop = await Shop().open()
    await shop.buy("1", "95")
    await settle()

    told = [report for report in shop.seen if isinstance(report, BalanceReport)]
    assert [(report.asset, report.total, report.free) for report in told] == [("USDT", Decimal(10_000), Decimal(9_905))]


async def test_in_hedge_mode_a_flat_side_is_told_by_its_name() -> None:
    shop = await Shop(position_mode="hedge").open()
    await shop.buy("1", position_side=Side.LONG)
    await shop.venue.create_order(shop.order(SELL, "1", position_side=Side.SHORT))
    await shop.venue.create_order(shop.order(SELL, "1", position_side=Side.LONG, reduce_only=True))
    await settle()

    last = [report for report in shop.seen if isinstance(report, PositionReport)][-1]
    assert (last.side, last.quantity) == (Side.LONG, Decimal(0))
    fills = [report.position_side for report in shop.seen if isinstance(report, FillReport)]
    assert fills == [Side.LONG, Side.SHORT, Side.LONG]


class TestMarkets:
    async def test_a_market_opens_at_the_hint_for_every_account(self) -> None:
        shop = await Shop().open()
        report = await shop.venue.load_market("NEW/USDT:USDT", Decimal("12.34567"))

        assert report is not None
        assert report.quote is not None
        assert report.quote.last == Decimal("12.345")
        assert isinstance(await shop.buy("1", symbol="NEW/USDT:USDT"), Accepted)

    @pytest.mark.parametrize("symbol", ["SOL/USDT", "nonsense", "BTC/USD:BTC"])
    async def test_what_the_account_cannot_trade_is_none(self, symbol: str) -> None:
        shop = await Shop().open()

        assert await shop.venue.load_market(symbol, Decimal(100)) is None

    async def test_rules_without_a_price_come_without_a_quote(self) -> None:
        shop = await Shop().open()
        report = await shop.venue.load_market("BTC/USDT:USDT", None)

        assert report is not None
        assert report.quote is None
        outcome = await shop.buy("1", symbol="BTC/USDT:USDT")
        assert isinstance(outcome, Refused)

    async def test_candles_come_from_what_was_seen(self) -> None:
        shop = await Shop().open()
        for price in ("101", "99"):
            await shop.price(price)

        bars = await shop.venue.fetch_candles(SOL, "1h", 5)
        assert [(bar.high, bar.low, bar.close) for bar in bars] == [(Decimal(101), Decimal(99), Decimal(99))]
