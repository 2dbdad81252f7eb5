"""Positions, margin, liquidation, funding."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.base.errors import OperatorActionNeeded
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import OrderType, Side
from app.messages.reports import FillKind, Refused
from tests.unit.exchange.paper.bench import BTC, Bench, executions, pairs


def test_entries_average_and_exits_realise_at_the_average() -> None:
    bench = Bench()
    bench.buy("1")
    bench.buy("3", "90")
    bench.price("90")
    position = bench.position()
    assert position is not None
    assert (position.quantity, position.entry_price) == (Decimal(4), Decimal("92.5"))

    bench.price("100")
    bench.sell("2")

    position = bench.position()
    assert position is not None
    assert (position.quantity, position.entry_price) == (Decimal(2), Decimal("92.5"))
    assert bench.balance() == 10_000 + 15


def test_an_order_beyond_the_position_turns_it_round() -> None:
    bench = Bench()
    bench.buy("1")
    bench.price("110")
    bench.sell("3")

    short = bench.position(Side.SHORT)
    assert bench.position() is None
    assert short is not None
    assert (short.quantity, short.entry_price) == (Decimal(2), Decimal(110))
    assert bench.balance() == 10_010


def test_hedge_mode_keeps_long_and_short_apart() -> None:
    bench = Bench(position_mode="hedge")
    bench.buy("2")
    bench.sell("1")
    assert (bench.held(), bench.held(Side.SHORT)) == (Decimal(2), Decimal(1))

    bench.price("110")
    bench.sell("2", position_side=Side.LONG, reduce_only=True)

    assert (bench.held(), bench.held(Side.SHORT)) == (Decimal(0), Decimal(1))
    assert bench.balance() == 10_020


def test_fees_are_exact_fractions_of_the_notional() -> None:
    bench = Bench(fees={"maker": "0.0002", "taker": "0.0005"})
    bench.buy("1.234")
    bench.buy("1", "95")
    bench.price("95")

    assert [fill.fee for fill in bench.fills()] == [Decimal("0.0617000"), Decimal("0.0190")]
    assert bench.balance() == Decimal(10_000) - Decimal("0.0807")


@pytest.mark.parametrize(
    ("side", "price"),
    [
        (Side.LONG, "90.46"),  # (100 - 10) / 0.995, up
        (Side.SHORT, "109.45"),  # (100 + 10) / 1.005, down
    ],
)
def test_an_isolated_position_is_liquidated_where_its_margin_is_down_to_the_maintenance(side: Side, price: str) -> None:
    bench = Bench(fees={"maker": "0", "taker": "0.001"})
    bench.core.set_leverage(bench.symbol, Decimal(10), "isolated")
    bench.order(side.entry_order_side, "10")
    stays = bench.order(side.entry_order_side, "1", "50" if side is Side.LONG else "150")
    step = Decimal("0.01") * side.sign

    bench.price(Decimal(price) + step)
    assert bench.position(side) is not None
    bench.price(price)

    forced = bench.fills()[-1]
    assert bench.position(side) is None
    assert (forced.kind, forced.client_order_id, forced.price) == (FillKind.LIQUIDATION, None, Decimal(price))
    assert forced.fee == Decimal(price) * 10 * Decimal("0.001")
    assert bench.now(stays).status is OrderStatus.CANCELLED


def test_a_mark_that_jumps_past_liquidates_at_the_liquidation_price() -> None:
    bench = Bench()
    bench.core.set_leverage(bench.symbol, Decimal(10), "isolated")
    bench.buy("10")

    bench.price("50")

    assert bench.fills()[-1].price == Decimal("90.46")


def test_it_is_the_mark_that_liquidates() -> None:
    bench = Bench()
    bench.core.set_leverage(bench.symbol, Decimal(10), "isolated")
    bench.buy("10")

    low, fair = Decimal(80), Decimal(99)
    bench.quote(Quote(low, low, low, fair, bench.at))
    assert bench.position() is not None
    bench.quote(Quote(fair, fair, fair, low, bench.at))
    assert bench.position() is None


def test_without_leverage_a_long_is_never_liquidated() -> None:
    bench = Bench()
    bench.buy("10")
    position = bench.position()

    assert position is not None
    assert bench.core.margin.liquidation_price(position) is None


def test_a_cross_position_lives_on_the_whole_wallet() -> None:
    bench = Bench()
    bench.core.set_leverage(bench.symbol, Decimal(10), "cross")
    bench.buy("200")

    bench.price("60")
    assert bench.position() is not None
    bench.price("50.2")  # 10000 - 200 x 49.8 = 40 is under 0.5 % of 10040

    assert bench.fills()[-1].kind is FillKind.LIQUIDATION


def test_one_cross_positions_loss_liquidates_another() -> None:
    bench = Bench()
    bench.list_market(BTC, "100")
    for symbol in (bench.symbol, BTC):
        bench.core.set_leverage(symbol, Decimal(10), "cross")
    bench.buy("100")
    bench.buy("400", symbol=BTC)

    bench.price("77", BTC)  # 9200 of 10000 lost

    assert bench.position(symbol=BTC) is not None
    bench.price("75.1", BTC)  # 40 left, 400 x 75.1 x 0.5 % + 50 needed
    assert {fill.symbol for fill in bench.fills() if fill.kind is FillKind.LIQUIDATION} >= {bench.symbol}


def test_auto_deleveraging_takes_part_of_a_position_at_the_mark() -> None:
    bench = Bench()
    bench.buy("3")
    bench.price("110")

    bench.core.force(bench.symbol, FillKind.ADL, Decimal(1), bench.at)

    assert bench.held() == 2
    assert executions(bench.fills()[-1:]) == pairs(("110", "1"))
    assert (bench.fills()[-1].kind, bench.fills()[-1].fee) == (FillKind.ADL, Decimal(0))


@pytest.mark.parametrize(("side", "amount"), [(Side.LONG, "-0.22"), (Side.SHORT, "0.22")])
def test_longs_pay_funding_to_shorts_on_the_mark(side: Side, amount: str) -> None:
    bench = Bench()
    bench.order(side.entry_order_side, "2")
    bench.price("110")

    bench.ledger.pay_funding(bench.symbol, Decimal("0.001"), bench.at)

    assert [payment.amount for payment in bench.ledger.funding] == [Decimal(amount)]
    assert bench.balance() == 10_000 + Decimal(amount)


class TestByHand:
    def test_a_position_closed_by_hand_leaves_a_fill_without_a_client_order_id(self) -> None:
        bench = Bench()
        bench.buy("2")
        bench.core.close_by_hand(bench.symbol, Decimal("0.5"), bench.at)
        bench.core.close_by_hand(bench.symbol, None, bench.at)

        assert bench.position() is None
        assert [fill.client_order_id for fill in bench.fills()[1:]] == [None, None]

    @pytest.mark.parametrize(
        ("quantity", "left", "resting"), [("1.5", "0.5005", 1), ("1.6", "0.4005", 0), (None, "0.0005", 0)]
    )
    def test_on_spot_orders_that_lock_the_coins_to_be_sold_are_cancelled(
        self, quantity: str | None, left: str, resting: int
    ) -> None:
        bench = Bench(symbol="SOL/USDT", balances={"USDT": "1000", "SOL": "2.0005"})
        bench.sell("0.5", "110")

        bench.core.close_by_hand(bench.symbol, Decimal(quantity) if quantity else None, bench.at)

        assert bench.balance("SOL") == Decimal(left)
        assert len(bench.core.open_orders()) == resting

    def test_orders_placed_by_hand_pass_the_same_checks_and_can_be_cancelled_by_hand(self) -> None:
        bench = Bench()
        at, buy, one = bench.at, Side.LONG.entry_order_side, Decimal(1)

        refused = bench.core.place_by_hand(bench.symbol, buy, OrderType.STOP_MARKET, one, Decimal(95), at)
        assert isinstance(refused, Refused)
        bench.core.place_by_hand(bench.symbol, buy, OrderType.STOP_MARKET, one, Decimal(105), at)
        assert [order.client_order_id for order in bench.core.open_orders()] == [None]

        assert bench.core.cancel_by_hand(lambda order: order.symbol == bench.symbol, at) == 1
        assert bench.core.open_orders() == []


class TestLeverage:
    def test_no_need_to_change_is_success(self) -> None:
        bench = Bench()
        bench.core.set_leverage(bench.symbol, Decimal(1), "isolated")

        assert bench.ledger.mark() == 1  # the first balance alone

    @pytest.mark.parametrize(("leverage", "mode"), [("0.5", "isolated"), ("126", "isolated"), ("2", "shared")])
    def test_what_is_not_offered_is_refused(self, leverage: str, mode: str) -> None:
        with pytest.raises(OperatorActionNeeded):
            Bench().core.set_leverage("SOL/USDT:USDT", Decimal(leverage), mode)

    def test_the_margin_mode_stays_while_it_is_in_use(self) -> None:
        bench = Bench()
        bench.buy("1", "95")

        with pytest.raises(OperatorActionNeeded, match="margin mode"):
            bench.core.set_leverage(bench.symbol, Decimal(1), "cross")

    def test_an_isolated_positions_leverage_is_not_lowered(self) -> None:
        bench = Bench()
        bench.core.set_leverage(bench.symbol, Decimal(5), "isolated")
        bench.buy("1")

        with pytest.raises(OperatorActionNeeded, match="lowered"):
            bench.core.set_leverage(bench.symbol, Decimal(4), "isolated")
        bench.core.set_leverage(bench.symbol, Decimal(10), "isolated")
        assert bench.free() == 9_990
