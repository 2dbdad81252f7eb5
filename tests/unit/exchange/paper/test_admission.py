"""Why the paper exchange does not take an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.values import OrderSide, OrderType, Side
from app.messages.reports import RefusalCode
from tests.unit.exchange.paper.bench import SPOT, Bench, ref

BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"quantity": "1.0001", "price": "95"}, RefusalCode.PRECISION),
        ({"quantity": "1", "price": "95.001"}, RefusalCode.PRECISION),
        ({"quantity": "1", "type_": OrderType.STOP_MARKET, "trigger": "105.001"}, RefusalCode.PRECISION),
        ({"quantity": "0", "price": "95"}, RefusalCode.PRECISION),
        ({"quantity": "-1", "price": "95"}, RefusalCode.PRECISION),
        ({"quantity": "1", "price": "0"}, RefusalCode.PRECISION),
        ({"quantity": "0.052", "price": "95"}, RefusalCode.MIN_NOTIONAL),
        ({"quantity": "0.049"}, RefusalCode.MIN_NOTIONAL),
        ({"quantity": "1", "type_": OrderType.LIMIT}, RefusalCode.INVALID_ORDER),
        ({"quantity": "1", "type_": OrderType.STOP_MARKET}, RefusalCode.INVALID_ORDER),
        ({"quantity": "1", "price": "95", "trigger": "105"}, RefusalCode.INVALID_ORDER),
        ({"quantity": "1", "price": "95", "symbol": "XYZ/USDT:USDT"}, RefusalCode.INVALID_ORDER),
        ({"quantity": "1", "type_": OrderType.STOP_MARKET, "trigger": "100"}, RefusalCode.WOULD_TRIGGER),
        ({"quantity": "1", "type_": OrderType.STOP_MARKET, "trigger": "99"}, RefusalCode.WOULD_TRIGGER),
        ({"quantity": "1", "type_": OrderType.TAKE_PROFIT_MARKET, "trigger": "101"}, RefusalCode.WOULD_TRIGGER),
        ({"quantity": "101"}, RefusalCode.INSUFFICIENT_BALANCE),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_with_its_code(facts: dict[str, str], code: RefusalCode) -> None:
    bench = Bench()

    assert bench.refused(BUY, **facts) is code
    assert bench.ledger.orders == {}


def test_a_quantity_outside_the_markets_bounds_is_refused() -> None:
    bench = Bench()
    bench.list_market(bench.symbol, "100", min_qty=Decimal("0.5"), max_qty=Decimal(10))

    assert bench.refused(BUY, "0.4", "95") is RefusalCode.MIN_NOTIONAL
    assert bench.refused(BUY, "10.001", "95") is RefusalCode.INVALID_ORDER
    assert bench.buy("10", "95").quantity == 10


def test_a_client_order_id_is_used_once_for_ever() -> None:
    bench = Bench()
    order = bench.buy("1", "95", order_id="mine")
    bench.core.cancel(ref(order), bench.at)

    assert bench.refused(BUY, "1", "95", order_id="mine") is RefusalCode.DUPLICATE_ID


def test_a_refused_order_does_not_use_up_its_id() -> None:
    bench = Bench()
    bench.refused(BUY, "1000", "95", order_id="mine")

    assert bench.buy("1", "95", order_id="mine").client_order_id == "mine"


def test_a_halted_market_takes_no_orders_but_cancels() -> None:
    bench = Bench()
    order = bench.buy("1", "95")
    bench.core.admission.halted.add(bench.symbol)

    assert bench.refused(BUY, "1", "95") is RefusalCode.HALTED
    assert bench.amend(order, "2") is RefusalCode.HALTED
    bench.core.cancel(ref(order), bench.at)
    assert bench.core.open_orders() == []


class TestReduceOnly:
    def test_it_needs_a_position_to_reduce(self) -> None:
        bench = Bench()
        assert bench.refused(SELL, "1", "105", reduce_only=True) is RefusalCode.REDUCE_ONLY

        bench.sell("1")
        assert bench.refused(SELL, "1", "105", reduce_only=True) is RefusalCode.REDUCE_ONLY
        assert bench.buy("1", "95", reduce_only=True).reduce_only

    def test_it_is_exempt_from_the_minimum_notional_but_not_from_the_minimum_quantity(self) -> None:
        bench = Bench()
        bench.list_market(bench.symbol, "100", min_qty=Decimal("0.01"))
        bench.buy("1")

        assert bench.sell("0.01", "105", reduce_only=True).quantity == Decimal("0.01")
        assert bench.refused(SELL, "0.009", "105", reduce_only=True) is RefusalCode.MIN_NOTIONAL

    def test_it_needs_no_margin(self) -> None:
        bench = Bench()
        bench.buy("100")

        assert bench.free() == 0
        assert bench.sell("100", "200", reduce_only=True).quantity == 100

    def test_spot_does_not_know_it(self) -> None:
        bench = Bench(symbol=SPOT)

        assert bench.refused(SELL, "1", "105", reduce_only=True) is RefusalCode.INVALID_ORDER

    def test_hedge_orders_against_their_position_are_bound_to_it(self) -> None:
        bench = Bench(position_mode="hedge")
        assert bench.refused(SELL, "1", position_side=Side.LONG) is RefusalCode.REDUCE_ONLY

        bench.buy("1")
        assert bench.sell("3", position_side=Side.LONG).filled == 1
        assert bench.position(Side.SHORT) is None


class TestMargin:
    def test_resting_orders_bind_margin_and_fee(self) -> None:
        bench = Bench(fees={"maker": "0.0002", "taker": "0.0005"})
        bench.buy("50", "95")

        assert bench.free() == Decimal(10_000) - 4750 - Decimal("2.375")
        assert bench.refused(BUY, "53", "99") is RefusalCode.INSUFFICIENT_BALANCE
        assert bench.buy("52", "99").quantity == 52

    def test_leverage_divides_it(self) -> None:
        bench = Bench()
        bench.core.set_leverage(bench.symbol, Decimal(10), "isolated")
        bench.buy("500", "95")

        assert bench.free() == 10_000 - 4750

    def test_cancelling_frees_it(self) -> None:
        bench = Bench()
        order = bench.buy("50", "95")
        bench.core.cancel(ref(order), bench.at)

        assert bench.free() == 10_000

    def test_what_closes_a_position_needs_none(self) -> None:
        bench = Bench()
        bench.buy("100")

        assert bench.sell("100", "110").quantity == 100
        assert bench.refused(SELL, "1", "110") is RefusalCode.INSUFFICIENT_BALANCE
        bench.price("110")
        assert bench.position() is None

    def test_only_the_opening_part_of_an_order_that_turns_a_position_round_needs_it(self) -> None:
        bench = Bench()
        bench.buy("60")

        assert bench.refused(SELL, "101") is RefusalCode.INSUFFICIENT_BALANCE
        assert bench.sell("100").filled == 100
        assert bench.held(Side.SHORT) == 40

    def test_amending_frees_what_the_order_bound_before(self) -> None:
        bench = Bench()
        order = bench.buy("100", "95")

        assert bench.amend(order, "106") is RefusalCode.INSUFFICIENT_BALANCE
        assert bench.amend(order, "105") is not RefusalCode.INSUFFICIENT_BALANCE

    def test_open_losses_of_cross_positions_bind_too(self) -> None:
        bench = Bench()
        bench.core.set_leverage(bench.symbol, Decimal(10), "cross")
        bench.buy("100")
        assert bench.free() == 9_000

        bench.price("95")
        assert bench.free() == 8_500
        bench.price("105")
        assert bench.free() == 9_000


class TestSpot:
    def test_buys_need_quote_and_resting_ones_lock_it(self) -> None:
        bench = Bench(symbol=SPOT)
        bench.buy("60", "95")

        assert bench.free() == 10_000 - 5_700
        assert bench.refused(BUY, "44") is RefusalCode.INSUFFICIENT_BALANCE
        assert bench.buy("43").filled == 43

    def test_sells_need_coins_that_no_other_order_locks(self) -> None:
        bench = Bench(symbol=SPOT, balances={"USDT": "1000", "SOL": "2"})
        bench.sell("1.5", "110")

        assert bench.free("SOL") == Decimal("0.5")
        assert bench.refused(SELL, "0.501") is RefusalCode.INSUFFICIENT_BALANCE
        assert bench.refused(SELL, "0.6", type_=OrderType.STOP_MARKET, trigger="90") is RefusalCode.INSUFFICIENT_BALANCE

    def test_the_fee_of_a_buy_is_taken_in_the_coin_and_of_a_sell_in_quote(self) -> None:
        bench = Bench(symbol=SPOT, fees={"maker": "0.001", "taker": "0.001"})

        bought = bench.buy("10")
        assert (bought.fills[0].fee, bought.fills[0].fee_asset) == (Decimal("0.010"), "SOL")
        assert bench.balance("SOL") == Decimal("9.990")
        assert bench.refused(SELL, "10") is RefusalCode.INSUFFICIENT_BALANCE

        sold = bench.sell("9.99")
        assert (sold.fills[0].fee, sold.fills[0].fee_asset) == (Decimal("0.99900"), "USDT")
        assert bench.balance() == Decimal(10000) - 1000 + 999 - Decimal("0.999")

    def test_a_stop_buy_that_jumps_past_what_it_locked_buys_what_it_can(self) -> None:
        bench = Bench(symbol=SPOT)
        bench.buy("90", type_=OrderType.STOP_MARKET, trigger="110")

        bench.price("125")

        assert bench.balance("SOL") == 80
        assert bench.balance() == 0
        assert bench.core.open_orders() == []
