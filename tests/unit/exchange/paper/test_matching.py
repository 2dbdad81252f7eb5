"""Matching, as exchanges.md fixes it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper import matching
from app.messages.reports import RefusalCode
from tests.unit.exchange.paper.bench import Bench, executions, pairs

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def spread(bid: str, ask: str, last: str, mark: str) -> Quote:
    return Quote(Decimal(bid), Decimal(ask), Decimal(last), Decimal(mark), Bench().at)


@pytest.mark.parametrize(("price", "limit"), [("100", "100"), ("100", "105.5")])
def test_a_limit_buy_at_or_through_the_price_fills_at_the_price_as_taker(price: str, limit: str) -> None:
    bench = Bench(price=price)

    order = bench.buy("1", limit)

    assert order.status is OrderStatus.FILLED
    assert executions(order.fills) == pairs((price, "1"))
    assert order.fills[0].liquidity is Liquidity.TAKER


def test_buys_meet_the_ask_and_sells_the_bid() -> None:
    bench = Bench()
    bench.quote(spread("99", "101", "100", "100"))

    assert bench.buy("1").average == 101
    assert bench.sell("1").average == 99
    assert bench.buy("1", "100").status is OrderStatus.OPEN
    assert bench.buy("1", "101").average == 101


@pytest.mark.parametrize(("side", "limit", "passing"), [(BUY, "95", "90"), (BUY, "95", "95"), (SELL, "105", "110")])
def test_a_resting_limit_fills_at_its_own_price_as_maker(side: OrderSide, limit: str, passing: str) -> None:
    bench = Bench()
    order = bench.order(side, "1", limit)

    bench.price(passing)

    assert executions(bench.fills()) == pairs((limit, "1"))
    assert bench.fills()[0].liquidity is Liquidity.MAKER
    assert bench.now(order).status is OrderStatus.FILLED


def test_a_price_that_does_not_reach_an_order_leaves_it() -> None:
    bench = Bench()
    order = bench.buy("1", "95")

    bench.price("95.01")

    assert bench.now(order).status is OrderStatus.OPEN


def test_within_a_spread_a_resting_buy_waits_for_the_ask() -> None:
    bench = Bench()
    order = bench.buy("1", "95")

    bench.quote(spread("94", "96", "95", "95"))
    assert bench.now(order).status is OrderStatus.OPEN
    bench.quote(spread("93", "95", "94", "94"))
    assert bench.now(order).status is OrderStatus.FILLED


def test_a_stop_fills_at_the_price_that_triggers_it() -> None:
    bench = Bench()
    bench.buy("1")
    stop = bench.sell("1", type_=OrderType.STOP_MARKET, trigger="95", reduce_only=True)

    bench.price("95.01")
    assert bench.now(stop).status is OrderStatus.OPEN
    bench.price("93")

    assert executions(bench.now(stop).fills) == pairs(("93", "1"))
    assert bench.now(stop).fills[0].liquidity is Liquidity.TAKER


@pytest.mark.parametrize(("side", "trigger", "reaching"), [(SELL, "105", "106"), (BUY, "95", "94")])
def test_a_take_profit_triggers_in_the_positions_favour(side: OrderSide, trigger: str, reaching: str) -> None:
    bench = Bench()
    bench.order(side.opposite, "1")
    exit_order = bench.order(side, "1", type_=OrderType.TAKE_PROFIT_MARKET, trigger=trigger, reduce_only=True)

    bench.price(reaching)

    assert executions(bench.now(exit_order).fills) == pairs((reaching, "1"))


def test_a_stop_limit_that_the_price_jumps_over_rests_at_its_limit() -> None:
    bench = Bench()
    bench.buy("1")
    stop = bench.sell("1", "94.5", type_=OrderType.STOP_LIMIT, trigger="95", reduce_only=True)

    bench.price("93")
    assert bench.now(stop).status is OrderStatus.OPEN
    bench.price("94.6")

    assert executions(bench.now(stop).fills) == pairs(("94.5", "1"))


def test_a_stop_limit_within_its_limit_fills_at_the_price_as_taker() -> None:
    bench = Bench()
    bench.buy("1")
    stop = bench.sell("1", "94", type_=OrderType.STOP_LIMIT, trigger="95", reduce_only=True)

    bench.price("94.5")

    assert executions(bench.now(stop).fills) == pairs(("94.5", "1"))
    assert bench.now(stop).fills[0].liquidity is Liquidity.TAKER


def test_slippage_goes_against_the_taker_and_to_the_tick() -> None:
    bench = Bench(price="100.01", slippage_bps="3")

    assert bench.buy("1").average == Decimal("100.05")  # 100.040003 up
    assert bench.sell("1").average == Decimal("99.97")  # 99.979997 down


def test_limits_do_not_slip() -> None:
    bench = Bench(slippage_bps="50")

    assert bench.buy("1", "100").average == 100


def test_on_one_price_the_oldest_fills_first_and_what_only_reduces_last() -> None:
    bench = Bench()
    bench.buy("2")
    exit_order = bench.sell("2", "105", reduce_only=True)
    newer = bench.sell("1", "104")
    newest = bench.sell("1", "103")

    bench.price("106")

    filled = [fill.client_order_id for fill in bench.fills()[1:]]
    assert filled == [newer.client_order_id, newest.client_order_id]
    assert bench.now(exit_order).status is OrderStatus.EXPIRED
    assert bench.position() is None


def test_a_reduce_only_order_is_clipped_to_the_position_and_its_rest_expires() -> None:
    bench = Bench()
    bench.buy("2")
    first = bench.sell("1.5", "105", reduce_only=True)
    second = bench.sell("1.5", "105", reduce_only=True)

    bench.price("105")

    assert bench.now(first).filled == Decimal("1.5")
    assert (bench.now(second).filled, bench.now(second).status) == (Decimal("0.5"), OrderStatus.EXPIRED)
    assert bench.position() is None
    assert bench.position(Side.SHORT) is None


def test_an_immediate_or_cancel_order_expires_where_it_does_not_fill() -> None:
    bench = Bench()

    assert bench.buy("1", "99", time_in_force=TimeInForce.IOC).status is OrderStatus.EXPIRED
    assert bench.buy("1", "100", time_in_force=TimeInForce.IOC).status is OrderStatus.FILLED
    bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.4")
    partly = bench.buy("1", "100", time_in_force=TimeInForce.IOC)
    assert (partly.status, partly.filled) == (OrderStatus.EXPIRED, Decimal("0.4"))


def test_an_accounts_fill_size_bounds_each_order_at_each_price_by_its_worth() -> None:
    bench = Bench(fill_size_quote="40")
    order = bench.buy("1")
    assert (order.status, order.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.4"))
    bench.price("50")
    assert bench.now(order).status is OrderStatus.FILLED


def test_however_small_the_fill_size_a_step_of_the_market_fills() -> None:
    bench = Bench(fill_size_quote="0.0001")
    order = bench.buy("1")
    assert order.filled == bench.ledger.rules[bench.symbol].step_size


def test_the_available_size_bounds_each_order_at_each_price() -> None:
    bench = Bench()
    bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.4")
    order = bench.buy("1", "95")
    other = bench.buy("0.3", "95")

    assert bench.now(order).filled == 0
    bench.price("95")
    assert (bench.now(order).status, bench.now(order).filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.4"))
    assert bench.now(other).status is OrderStatus.FILLED
    bench.price("94")
    bench.price("94")

    assert executions(bench.now(order).fills) == pairs(("95", "0.4"), ("95", "0.4"), ("95", "0.2"))


@pytest.mark.parametrize("trigger", [None, "100.5"])
def test_what_a_market_order_does_not_fill_goes_on_at_the_next_price(trigger: str | None) -> None:
    bench = Bench()
    bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.6")
    type_ = OrderType.MARKET if trigger is None else OrderType.STOP_MARKET
    order = bench.buy("1", type_=type_, trigger=trigger)
    if trigger is not None:
        bench.price("101")

    assert (bench.now(order).status, bench.now(order).filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.6"))
    bench.price("98")

    assert executions(bench.now(order).fills)[1] == (Decimal(98), Decimal("0.4"))


def test_a_book_step_by_itself_matches_nothing() -> None:
    bench = Bench()
    bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.4")
    order = bench.buy("1", "100")
    bench.core.matcher.fill_sizes.clear()

    assert bench.now(order).filled == Decimal("0.4")


def test_nothing_fills_on_a_halted_market_until_it_trades_again() -> None:
    bench = Bench()
    order = bench.buy("1", "95")
    bench.core.admission.halted.add(bench.symbol)
    bench.price("90")
    assert bench.now(order).status is OrderStatus.OPEN

    bench.core.admission.halted.clear()
    bench.price("90")

    assert executions(bench.fills()) == pairs(("95", "1"))


def test_a_price_that_crosses_nothing_looks_at_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    for number in range(40):
        bench.buy("0.1", str(90 - number))
    looked_at: list[object] = []
    monkeypatch.setattr(matching, "_is_crossed", lambda order, quote: looked_at.append(order))

    for price in ("99", "101", "90.01"):
        bench.price(price)

    assert looked_at == []


class TestAmending:
    def test_an_order_takes_price_and_total_quantity_and_keeps_what_filled(self) -> None:
        bench = Bench()
        bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.4")
        order = bench.buy("1", "95")
        bench.price("95")

        changed = bench.amend(order, "2", "90")

        assert not isinstance(changed, RefusalCode)
        assert (changed.quantity, changed.price, changed.filled) == (Decimal(2), Decimal(90), Decimal("0.4"))
        assert changed.status is OrderStatus.PARTIALLY_FILLED

    def test_an_order_cannot_shrink_below_what_filled(self) -> None:
        bench = Bench()
        bench.core.matcher.fill_sizes[bench.symbol] = Decimal("0.4")
        order = bench.buy("1", "100")

        assert bench.amend(order, "0.399") is RefusalCode.INVALID_ORDER
        done = bench.amend(order, "0.4")
        assert not isinstance(done, RefusalCode)
        assert done.status is OrderStatus.FILLED

    def test_an_order_amended_through_the_price_fills_at_once(self) -> None:
        bench = Bench()
        order = bench.buy("1", "95")

        changed = bench.amend(order, "1", "101")

        assert not isinstance(changed, RefusalCode)
        assert executions(changed.fills) == pairs(("100", "1"))

    def test_a_stop_takes_a_new_trigger_but_none_that_is_through(self) -> None:
        bench = Bench()
        bench.buy("1")
        stop = bench.sell("1", type_=OrderType.STOP_MARKET, trigger="90", reduce_only=True)

        assert bench.amend(stop, "1", "100.5") is RefusalCode.WOULD_TRIGGER
        assert bench.now(stop).trigger_price == 90
        changed = bench.amend(stop, "1", "95")
        assert not isinstance(changed, RefusalCode)
        bench.price("94")
        assert executions(bench.now(stop).fills) == pairs(("94", "1"))

    def test_the_limit_of_a_stop_limit_keeps_its_distance(self) -> None:
        bench = Bench()
        stop = bench.sell("1", "94.5", type_=OrderType.STOP_LIMIT, trigger="95")

        changed = bench.amend(stop, "1", "97")

        assert not isinstance(changed, RefusalCode)
        assert (changed.trigger_price, changed.price) == (Decimal(97), Decimal("96.5"))

    def test_an_order_keeps_its_place_in_line(self) -> None:
        bench = Bench()
        first, second = bench.buy("1", "95"), bench.buy("1", "95")
        bench.amend(first, "2")

        bench.price("95")

        assert [fill.client_order_id for fill in bench.fills()] == [first.client_order_id, second.client_order_id]

    def test_what_is_over_or_was_never_there_is_not_found(self) -> None:
        bench = Bench()

        assert bench.amend(bench.buy("1"), "2") is RefusalCode.NOT_FOUND
