"""Funding that is told twice, and fees in a coin that is neither of the market's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.group import Group
from app.domain.market import Quote
from app.domain.values import OrderRole, Side
from app.engine.indexing import index_group
from app.engine.state import Market
from app.messages.reports import FundingReport
from tests.support.examples import NOON
from tests.support.strategies import filled_at, filled_group, group_of, leg_of, rules_of
from tests.unit.engine.bench import Bench

D = Decimal
PAYMENT = FundingReport("paper", "BTC/USDT:USDT", "f1", D(-3), D("0.0001"), NOON)


def add(bench: Bench, group_id: str) -> None:
    """Another open group of the same book."""
    group = replace(filled_group(Side.LONG, ("100", "1")), id=group_id)
    index_group(bench.state, group, NOON)


def funding(bench: Bench) -> list[Decimal]:
    return [group.funding for group in bench.state.groups.values()]


def test_a_payment_is_shared_among_the_groups_that_are_open() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    add(bench, "g0000002")
    bench.tell(PAYMENT)
    assert funding(bench) == [D("-1.5"), D("-1.5")]


def test_a_payment_told_again_is_not_booked_to_a_group_that_opened_since() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    bench.tell(PAYMENT)
    add(bench, "g0000002")
    index_group(bench.state, replace(bench.group, closed_at=NOON), NOON)
    bench.tell(PAYMENT)
    assert funding(bench) == [D(-3), D(0)]


def waiting() -> Group:
    return group_of([leg_of(0, "90", "1")])


def fill_with_fee(bench: Bench, fee: str, asset: str) -> Group:
    bench.care()
    bench.fill(bench.orders(OrderRole.ENTRY)[0], "90", fee, asset)
    return bench.group


def know_bnb(bench: Bench, account: str, price: str) -> None:
    rules = rules_of("0.1", "0.001", symbol="BNB/USDT", base="BNB")
    bench.state.markets[account, "BNB/USDT"] = Market(rules, Quote.flat(D(price), NOON), NOON)


def test_a_fee_in_quote_is_booked_as_it_is() -> None:
    group = fill_with_fee(Bench(waiting()), "0.05", "USDT")
    assert (group.fees, group.estimated) == (D("0.05"), False)


def test_a_fee_in_a_third_coin_is_booked_at_its_price_on_the_account_itself() -> None:
    bench = Bench(waiting())
    know_bnb(bench, "other", "600")
    know_bnb(bench, "paper", "700")
    group = fill_with_fee(bench, "0.01", "BNB")
    assert (group.fees, group.estimated) == (D(7), False)


def test_a_fee_in_a_third_coin_is_booked_at_its_price_on_another_account() -> None:
    bench = Bench(waiting())
    know_bnb(bench, "other", "600")
    group = fill_with_fee(bench, "0.01", "BNB")
    assert (group.fees, group.estimated) == (D(6), False)


def test_a_fee_in_a_coin_of_unknown_price_is_not_guessed_and_the_result_is_marked_an_estimate() -> None:
    group = fill_with_fee(Bench(waiting()), "0.01", "BNB")
    assert (group.fees, group.estimated) == (D(0), True)


def test_no_fee_needs_no_price() -> None:
    group = fill_with_fee(Bench(waiting()), "0", "BNB")
    assert (group.fees, group.estimated) == (D(0), False)


def in_bnb(symbol: str, side: Side = Side.LONG, *, filled: bool = False) -> Bench:
    """A market whose base coin is the one that the venue takes fees in, with ten to buy or bought at 600."""
    leg = leg_of(0, "600", "10")
    group = filled_at(group_of([leg], side), (0, 0), "600", "10") if filled else group_of([leg], side)
    bench = Bench(replace(group, symbol=symbol, base="BNB"))
    bench.quote("600", rules_of("0.01", "0.001", symbol=symbol, base="BNB"))
    bench.care()
    return bench


@pytest.mark.parametrize("side", list(Side))
def test_a_fee_in_the_coin_of_a_perpetual_leaves_the_position_whole(side: Side) -> None:
    bench = in_bnb("BNB/USDT:USDT", side)
    bench.fill(bench.orders(OrderRole.ENTRY)[0], "600", "0.0045", "BNB")
    assert (bench.group.open_quantity, bench.group.fees) == (D(10), D("2.7"))
    assert [order.quantity for order in bench.orders(OrderRole.TAKE_PROFIT)] == [D(10)]


def test_a_fee_in_the_coin_itself_leaves_less_of_what_a_spot_exit_has_not_sold() -> None:
    bench = in_bnb("BNB/USDT", filled=True)
    bench.fill(bench.orders(OrderRole.TAKE_PROFIT)[0], "606", "0.003", "BNB", quantity="4")
    assert (bench.group.open_quantity, bench.group.fees) == (D("5.997"), D("1.818"))
    assert bench.group.realized_pnl == 4 * 6 + D("0.003") * 6 - D("1.818")


def test_the_fee_in_the_coin_of_the_last_exit_is_paid_from_elsewhere() -> None:
    bench = in_bnb("BNB/USDT", filled=True)
    bench.fill(bench.orders(OrderRole.TAKE_PROFIT)[0], "606", "0.0075", "BNB")
    assert (bench.group.open_quantity, bench.group.oversold, bench.group.dust) == (D(0), D(0), D(0))
