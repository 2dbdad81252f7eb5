"""OKX, KuCoin, Gate and MEXC spot where the wire fails or the venue has its own ways: the fake's book is the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.symbol import unify
from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.gate import GATE_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.dialects.mexc import MEXC_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.keytest import ask_about_keys
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import Access
from app.messages.reports import (
    Accepted,
    FillReport,
    Found,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
)
from app.ports.venue import OrderRequest
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import market as any_market
from tests.integration.exchange.venue_contract import ref
from tests.integration.exchange.venue_contract import request as any_request
from tests.support.venues.faults import FaultKind
from tests.support.venues.gate import GateSpot
from tests.support.venues.kucoin import KucoinSpot
from tests.support.venues.mexc import MexcSpot
from tests.support.venues.okx import OkxSpot
from tests.support.venues.small import Placed, SmallVenue

SYMBOL = "SOL/USDT"
OTHER = "ETH/USDT"
FILLS = 130
"""More than a page has, except at Gate."""
D = Decimal


@dataclass(frozen=True)
class Case:
    fake: type[SmallVenue]
    dialect: Dialect
    orders: str
    """The end of the path that takes new orders."""
    coin: str
    """One that ccxt has another name for."""


CASES = {
    "okx": Case(OkxSpot, OKX_SPOT, "/trade/order", "AE"),
    "kucoin": Case(KucoinSpot, KUCOIN_SPOT, "/hf/orders/sync", "ALT"),
    "gate": Case(GateSpot, GATE_SPOT, "/spot/orders", "GTC"),
    "mexc": Case(MexcSpot, MEXC_SPOT, "/order", "GMT"),
}


def request(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    return any_request(number, side, **{"symbol": SYMBOL, **changes})


def market(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    return any_market(number, side, **{"symbol": SYMBOL, **changes})


@dataclass
class Joined:
    case: Case
    fake: SmallVenue
    harness: WireHarness

    @property
    def venue(self) -> CcxtVenue:
        return self.harness.venue

    def arm(self, kind: FaultKind, **fields: Any) -> None:
        """Let it happen to the next new order."""
        self.fake.faults.arm(kind, self.case.orders, method="POST", **fields)

    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fake.book.fills), D(0))


@pytest.fixture(params=CASES)
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Joined]:
    case = CASES[request.param]
    board = board_with(SYMBOL)
    board.open(OTHER, D(3000))
    board.open(f"{case.coin}/USDT", D(20))
    fake = case.fake(board)
    access = Access(api_key="key", secret="secret", password="phrase", base_url=await fake.start())
    async with joined(fake, board, case.dialect, access, SYMBOL) as harness:
        yield Joined(case, fake, harness)


async def test_rules_are_the_venues(at: Joined) -> None:
    report = await at.venue.load_market(SYMBOL, None)
    assert report is not None
    least = D(0) if at.case.dialect is OKX_SPOT else D(5)
    assert (report.rules.tick_size, report.rules.step_size, report.rules.min_notional) == (D("0.01"), D("0.001"), least)


async def test_a_coin_has_the_name_that_its_venue_and_the_charts_give_it(at: Joined) -> None:
    coin = at.case.coin
    symbol, _ = unify(f"{coin}USDT")
    assert await at.venue.load_market(symbol, None) is not None
    outcome = await at.venue.create_order(market(1, symbol=symbol, quantity=D(2)))
    assert isinstance(outcome, Accepted)
    (fill,) = await at.venue.fetch_fills(at.fake.clock.now() - timedelta(minutes=1))
    assert {order.symbol for order in at.fake.ledger.orders.values()} == {symbol}
    assert (outcome.order.symbol, fill.symbol, fill.fee_asset) == (symbol, symbol, at.fake.book.fills[0].fee_asset)
    assert coin in {each.asset for each in await at.venue.fetch_balances()}


async def test_a_market_buy_is_of_the_quantity_not_of_the_money(at: Joined) -> None:
    order = market(1, quantity=D("1.5"))
    outcome = await at.venue.create_order(order)
    assert isinstance(outcome, Accepted)
    assert (outcome.order.status, outcome.order.filled, outcome.order.type) == (
        OrderStatus.FILLED,
        D("1.5"),
        order.type,
    )
    assert outcome.order.client_order_id == order.client_order_id
    assert at.filled() == D("1.5")


async def test_a_market_sell_is_of_the_quantity(at: Joined) -> None:
    await at.venue.create_order(market(1, quantity=D(2)))
    outcome = await at.venue.create_order(market(2, OrderSide.SELL, quantity=D(1)))
    assert isinstance(outcome, Accepted)
    assert outcome.order.filled == D(1)
    assert at.fake.book.fills[-1].side is OrderSide.SELL


async def test_what_is_over_at_once_is_told_without_waiting(at: Joined) -> None:
    order = market(1)
    await at.venue.create_order(order)
    fills = [each for each in at.harness.seen if isinstance(each, FillReport)]
    told = [each for each in at.harness.seen if isinstance(each, OrderReport)]
    assert [(fill.client_order_id, fill.quantity, fill.price) for fill in fills] == [
        (order.client_order_id, D("1.000"), D(200))
    ]
    assert [report.status for report in told] == [OrderStatus.FILLED]


@pytest.mark.parametrize(
    "kind", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER, FaultKind.HTML_AFTER, FaultKind.CUT_BODY]
)
async def test_a_resting_order_whose_answer_is_lost_is_found_by_our_id(at: Joined, kind: FaultKind) -> None:
    at.arm(kind)
    order = request(1)
    assert isinstance(await at.venue.create_order(order), OutcomeUnknown)
    found = await at.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert (found.order.status, found.order.client_order_id) == (OrderStatus.OPEN, order.client_order_id)


async def test_a_market_order_whose_answer_is_lost_is_found_though_it_has_ended(at: Joined) -> None:
    """Gate forgets our id when an order ends: taken for one that never came, it would be sent twice."""
    at.arm(FaultKind.LOST_AFTER)
    order = market(1)
    assert isinstance(await at.venue.create_order(order), OutcomeUnknown)
    found = await at.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert (found.order.status, found.order.filled) == (OrderStatus.FILLED, D("1.000"))
    assert sum(fill.quantity for fill in found.order.fills) == D("1.000")


async def test_an_order_that_was_lost_before_it_came_is_not_found(at: Joined) -> None:
    at.arm(FaultKind.LOST_BEFORE)
    order = market(1)
    assert isinstance(await at.venue.create_order(order), OutcomeUnknown)
    assert isinstance(await at.venue.look_up(ref(order)), NotFound)
    assert at.filled() == 0


async def test_an_id_that_was_used_is_refused(at: Joined) -> None:
    order = request(1)
    await at.venue.create_order(order)
    again = await at.venue.create_order(order)
    assert isinstance(again, Refused)
    assert again.code is RefusalCode.DUPLICATE_ID


async def test_too_many_requests_hold_back_the_next_ones(at: Joined) -> None:
    at.arm(FaultKind.RATE_LIMIT)
    outcome = await at.venue.create_order(request(1))
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after is not None
    assert at.fake.ledger.orders == {}
    assert at.venue.limiter.host.paused_for() > 0


async def test_a_clock_that_is_off_is_set_and_the_order_sent_once_more(at: Joined) -> None:
    at.fake.faults.clock_skew_ms = 120_000
    assert isinstance(await at.venue.create_order(request(1)), Accepted)
    assert [order.quantity for order in at.fake.ledger.orders.values()] == [D("1.000")]
    assert at.venue.health().detail is not None


async def test_a_wrong_secret_is_a_matter_for_the_operator(at: Joined) -> None:
    at.fake.secret = "another"
    with pytest.raises(OperatorActionNeeded):
        await at.venue.fetch_balances()


async def test_keys_can_be_tried(at: Joined) -> None:
    access = Access(api_key="key", secret="secret", password="phrase", base_url=at.fake.url)
    report = await ask_about_keys(at.case.dialect, access)
    assert report.reachable.value is True
    assert report.may_trade.value is not False
    wrong = replace(access, secret="wrong")
    assert (await ask_about_keys(at.case.dialect, wrong)).may_trade.value is False


async def test_an_order_made_by_hand_is_listed_without_an_id_of_ours(at: Joined) -> None:
    fake = at.fake
    fake.book.act(
        lambda: fake.book.core.place_by_hand(SYMBOL, OrderSide.BUY, OrderType.LIMIT, D(1), D(190), fake.clock.now())
    )
    (listed,) = await at.venue.fetch_open_orders()
    assert (listed.client_order_id, listed.quantity, listed.price) == (None, D(1), D(190))


async def test_fills_beyond_a_page_are_all_read(at: Joined) -> None:
    before = at.fake.clock.now()
    for number in range(FILLS):
        at.fake.place(Placed(SYMBOL, OrderSide.BUY, OrderType.MARKET, D("0.03"), None, f"own{number}"))
    fills = await at.venue.fetch_fills(before - timedelta(seconds=1))
    assert sorted(str(fill.client_order_id) for fill in fills) == sorted(f"own{number}" for number in range(FILLS))


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(("at", "found"), [("okx", FILLS), ("kucoin", FILLS), ("mexc", 100)], indirect=["at"])
async def test_an_account_stays_readable_with_more_fills_in_one_moment_than_a_page_holds(
    at: Joined, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, told = at.fake.clock.now(), at.fake.fills_of
    for number in range(FILLS):
        at.fake.place(Placed(SYMBOL, OrderSide.BUY, OrderType.MARKET, D("0.03"), None, f"own{number}"))
    moment = at.fake.clock.now()
    monkeypatch.setattr(at.fake, "fills_of", lambda *of: [replace(fill, at=moment) for fill in told(*of)])
    assert len(await at.venue.fetch_fills(before - timedelta(seconds=1))) == found


async def test_candles_end_with_the_running_one(at: Joined) -> None:
    for price in ("201", "199", "200.5"):
        await at.harness.set_price(price)
    candles = await at.venue.fetch_candles(SYMBOL, "1m", 10)
    assert candles[-1].close == D("200.5")
    assert candles[-1].high >= D(201)
    assert [candle.at for candle in candles] == sorted(candle.at for candle in candles)


@pytest.mark.parametrize("at", ["okx"], indirect=True)
async def test_fills_that_could_not_be_read_with_the_order_are_told_a_little_later(at: Joined) -> None:
    at.fake.faults.arm(FaultKind.HTML, "/trade/fills-history")
    await at.venue.create_order(market(1))
    assert [each for each in at.harness.seen if isinstance(each, FillReport)] == []
    await at.harness.settle()
    assert [each.quantity for each in at.harness.seen if isinstance(each, FillReport)] == [D("1.000")]


# ---------------------------------------------------------------------------------------------------- ways of their own


def only(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("at", [name], indirect=True)


@only("okx")
async def test_okx_is_asked_for_spot_without_borrowing_in_the_base_currency(at: Joined) -> None:
    await at.venue.create_order(market(1))
    (sent,) = at.fake.asked("POST", "/trade/order")
    assert (sent.params["tdMode"], sent.params["tgtCcy"], sent.params["sz"]) == ("cash", "base_ccy", "1")


@only("gate")
async def test_gate_buys_with_a_limit_that_is_bounded_and_cannot_rest(at: Joined) -> None:
    at.fake.set_price(SYMBOL, "200")
    await at.venue.create_order(market(1))
    (sent,) = at.fake.asked("POST", "/spot/orders")
    assert (sent.params["type"], sent.params["time_in_force"], sent.params["amount"]) == ("limit", "ioc", "1")
    assert D(sent.params["price"]) == D("202.00")


@only("gate")
async def test_a_unified_account_at_gate_is_not_taken_for_a_spot_account_when_it_cannot_be_asked(at: Joined) -> None:
    assert isinstance(at.fake, GateSpot)
    at.fake.is_unified = True
    at.fake.faults.arm(FaultKind.HTML, "/account/detail")
    with pytest.raises(Retryable):
        await at.venue.connect(at.harness.deliver)
    await at.venue.connect(at.harness.deliver)
    assert isinstance(await at.venue.create_order(market(1)), Accepted)
    (sent,) = at.fake.asked("POST", "/spot/orders")
    assert sent.params["account"] == "unified"
    assert {each.asset: each.total for each in await at.venue.fetch_balances()}["SOL"] > 0


@only("gate")
async def test_keys_that_may_not_ask_gate_for_the_kind_of_account_are_a_matter_for_the_operator(at: Joined) -> None:
    assert isinstance(at.fake, GateSpot)
    at.fake.tells_account = False
    with pytest.raises(OperatorActionNeeded, match="does not have account permission"):
        await at.venue.connect(at.harness.deliver)


@only("gate")
async def test_gate_does_not_buy_at_any_price(at: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    """The price runs away between the question and the order."""
    fake, before = at.fake, at.fake.quote

    def told_and_gone(rules: MarketRules) -> Quote:
        told = before(rules)
        fake.set_price(SYMBOL, "203")
        return told

    monkeypatch.setattr(fake, "quote", told_and_gone)
    outcome = await at.venue.create_order(market(1))
    assert isinstance(outcome, Accepted)
    assert (outcome.order.status, outcome.order.filled) == (OrderStatus.CANCELLED, D(0))
    assert at.filled() == 0


@only("gate")
async def test_gate_without_a_price_sends_no_order(at: Joined) -> None:
    at.fake.faults.arm(FaultKind.HTML, "/spot/tickers")
    order = market(1)
    assert not isinstance(await at.venue.create_order(order), Accepted)
    assert at.fake.asked("POST", "/spot/orders") == []
    assert isinstance(await at.venue.look_up(ref(order)), NotFound)


@only("gate")
async def test_gates_failing_list_of_ended_orders_is_no_proof_that_there_is_none(at: Joined) -> None:
    at.arm(FaultKind.LOST_AFTER)
    order = market(1)
    await at.venue.create_order(order)
    at.fake.faults.arm(FaultKind.HTML, "/spot/orders", method="GET")
    assert isinstance(await at.venue.look_up(ref(order)), OutcomeUnknown)


async def test_orders_in_markets_that_we_do_not_know_are_listed_too(at: Joined) -> None:
    fake = at.fake
    fake.book.act(
        lambda: fake.book.core.place_by_hand(OTHER, OrderSide.BUY, OrderType.LIMIT, D(1), D(2900), fake.clock.now())
    )
    assert [order.symbol for order in await at.venue.fetch_open_orders()] == [OTHER]


@only("gate")
async def test_gate_lists_more_open_orders_than_a_page_holds(at: Joined) -> None:
    for number in range(FILLS):
        at.fake.place(Placed(SYMBOL, OrderSide.BUY, OrderType.LIMIT, D("0.03"), D(190), f"own{number}"))
    listed = await at.venue.fetch_open_orders()
    assert sorted(str(each.client_order_id) for each in listed) == sorted(f"own{number}" for number in range(FILLS))


@only("mexc")
async def test_mexc_is_connected_without_its_host_for_perpetuals(at: Joined) -> None:
    assert at.fake.asked("GET", "/api/v1/contract/detail") == []


@only("mexc")
async def test_an_order_that_mexc_finds_malformed_does_not_keep_the_exit_from_being_sent(at: Joined) -> None:
    await at.venue.create_order(market(1, quantity=D(2)))
    at.arm(FaultKind.REFUSE, code=400, message=" amount scale is invalid")
    refused = await at.venue.create_order(request(2))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.PRECISION
    assert isinstance(await at.venue.create_order(market(3, OrderSide.SELL, quantity=D(1))), Accepted)


@only("kucoin")
async def test_kucoin_tells_that_the_keys_may_not_withdraw(at: Joined) -> None:
    access = Access(api_key="key", secret="secret", password="phrase", base_url=at.fake.url)
    report = await ask_about_keys(at.case.dialect, access)
    assert (report.may_trade.value, report.may_withdraw.value, report.address_restricted.value) == (True, False, False)


@only("kucoin")
async def test_an_empty_answer_of_kucoins_is_no_order(at: Joined) -> None:
    assert isinstance(at.fake, KucoinSpot)
    at.fake.tells_absence = False
    assert isinstance(await at.venue.look_up(ref(market(1))), NotFound)


@only("kucoin")
async def test_kucoin_answers_once_the_order_is_in_the_book(at: Joined) -> None:
    await at.venue.create_order(request(1))
    await at.venue.cancel_order(ref(request(1)))
    assert [call.path for call in at.fake.requests if call.method in {"POST", "DELETE"}] == [
        "/api/v1/hf/orders/sync",
        f"/api/v1/hf/orders/sync/client-order/{request(1).client_order_id}",
    ]
