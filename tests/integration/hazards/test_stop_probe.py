"""Hazard 9: it is found out whether an account takes stops as they are sent; where it does not, they are watched."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from app.domain.values import CloseReason, OrderRole
from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.wire import Environment
from tests.support.markets import BINANCE, PLACES, Place
from tests.support.trading import ACCOUNT, ALGO_ORDER, SOL, Trading, role_of
from tests.support.venues.faults import FaultKind
from tests.support.venues.okx import OkxSpot
from tests.support.venues.server import Asked

D = Decimal
SPOT = next(place for place in PLACES if place.name == "binance spot")
STOP = OrderRole.STOP_LOSS
OKX = Place("okx", OkxSpot, OKX_SPOT, {"api_key": "key", "secret": "secret", "password": "phrase"})
WITH_A_TEST_NETWORK = [place for place in PLACES if "aster" not in place.name]
TRIED = "/order/test"
MOVED = {"code": -4120, "message": "Order type not supported for this endpoint. Please use the Algo Order API."}


def is_trial(params: Mapping[str, str]) -> bool:
    return any(str(value).startswith("zgprobe-") for value in params.values())


def trials(trading: Trading, method: str = "POST") -> list[Asked]:
    return [item for item in trading.requests if item.method == method and is_trial(item.params)]


def left(trading: Trading) -> list[str]:
    """Trials that rest at the venue."""
    return [order.client_order_id for order in trading.resting() if order.client_order_id.startswith("zgprobe-")]


async def test_h09_on_a_test_account_a_far_stop_is_placed_and_taken_back_at_connect() -> None:
    async with Trading(environment=Environment.DEMO) as trading:
        await trading.enter()  # the fake takes no reduce-only order of a flat account
        await trading.restart()
        await trading.until(lambda: len(trials(trading, "DELETE")) == 1 and not left(trading))
        tried = trials(trading)[-1]
        assert (tried.params["type"], tried.params["reduceOnly"], tried.code) == ("STOP_MARKET", "true", None)
        assert D(tried.params["triggerPrice"]) == 100
        assert trading.engine.state.accounts[ACCOUNT].conditional_refused is None
        assert len(trading.stops()) == 1


@pytest.mark.expects_log_warnings
async def test_h09_a_trial_that_was_not_taken_back_is_nobodys_and_gone_after_the_next_connect() -> None:
    async with Trading(environment=Environment.DEMO) as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.LOST_BEFORE, ALGO_ORDER, method="DELETE", times=None)
        await trading.restart()
        await trading.until(lambda: bool(trials(trading, "DELETE")))
        await trading.reconcile()
        (kept,) = left(trading)
        assert trading.engine.state.accounts[ACCOUNT].external_orders == ()
        trading.fake.faults.clear()
        await trading.restart()
        await trading.until(lambda: len(trials(trading)) == 3 and not left(trading))
        assert kept in {item.params["clientAlgoId"] for item in trials(trading, "DELETE")[1:]}


@pytest.mark.parametrize("place", WITH_A_TEST_NETWORK, ids=lambda place: place.name)
async def test_h09_a_trial_leaves_nothing_behind_and_stops_are_placed_after_it(place: Place) -> None:
    is_demo = place.dialect is BINANCE.dialect
    async with Trading(place=place, environment=Environment.DEMO if is_demo else Environment.TESTNET) as trading:
        await trading.until(lambda: any(is_trial(item.params) for item in trading.requests if item.method == "POST"))
        await trading.until(lambda: not trading.resting())
        assert trading.engine.state.accounts[ACCOUNT].conditional_refused is None
        await trading.signal()
        await trading.until(lambda: bool(trading.stops()))


@pytest.mark.parametrize("place", [BINANCE, SPOT], ids=["perpetuals", "spot"])
async def test_h09_nothing_is_placed_on_a_live_account_to_try_it(place: Place) -> None:
    async with Trading(place=place) as trading:
        await trading.signal()
        await trading.until(lambda: bool(trading.stops()))
        assert None not in {role_of(params) for params in trading.placed()}


async def test_h09_spot_tries_a_stop_without_placing_it() -> None:
    async with Trading(place=SPOT) as trading:
        await trading.until(lambda: bool(trading.fake.asked("POST", TRIED)))
        (tried,) = trading.fake.asked("POST", TRIED)
        assert (tried.params["type"], tried.code) == ("STOP_LOSS", None)
        assert trading.resting() == []


@pytest.mark.parametrize(
    ("place", "path", "environment"),
    [(BINANCE, ALGO_ORDER, Environment.DEMO), (SPOT, TRIED, Environment.LIVE)],
    ids=["perpetuals", "spot"],
)
async def test_h09_an_account_found_to_take_no_stops_is_told_and_its_stops_are_watched(
    place: Place, path: str, environment: Environment
) -> None:
    trading = Trading(place=place, environment=environment)
    trading.fake.faults.arm(FaultKind.REFUSE, path, method="POST", times=None, **MOVED)
    async with trading:
        await trading.until(lambda: bool(trading.alerts("critical")))
        assert f"{ACCOUNT} takes no stops (-4120" in trading.alerts("critical")[0]
        assert "-4120" in (trading.engine.snapshot().accounts[0].conditional_refused or "")
        await trading.signal()
        await trading.until(lambda: bool(trading.orders(OrderRole.TAKE_PROFIT)))
        assert trading.placed(STOP) == trading.stops() == []
        trading.price("189.9")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS


async def test_h09_another_refusal_of_the_trial_says_nothing_of_stops() -> None:
    trading = Trading(environment=Environment.DEMO)
    trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", code=-2022, message="ReduceOnly is rejected.")
    async with trading:
        await trading.until(lambda: bool(trading.fake.asked("POST", "/algoOrder")))
        await trading.enter()
        assert len(trading.stops()) == 1


async def test_h09_a_trial_without_an_answer_is_taken_back_and_says_nothing() -> None:
    trading = Trading(environment=Environment.DEMO)
    trading.fake.faults.arm(FaultKind.LOST_AFTER, ALGO_ORDER, method="POST")
    async with trading:
        await trading.until(lambda: bool(trading.fake.asked("DELETE", "/algoOrder")))
        await trading.until(lambda: not trading.resting())
        assert trading.alerts("critical") == []


async def test_h09_the_first_stop_refused_for_its_kind_is_watched_and_its_position_kept() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, **MOVED)
        await trading.signal()
        await trading.until(lambda: bool(trading.alerts("critical")))
        assert f"{ACCOUNT} takes no stops (-4120" in trading.alerts("critical")[0]
        assert len(trading.placed(STOP)) == 1
        assert trading.group.closed_at is None
        trading.price("189.9")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert len(trading.placed(STOP)) == 1


async def test_h09_a_stop_that_rests_stays_though_the_next_is_refused_for_its_kind() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, **MOVED)
        await trading.signal(symbol=BINANCE.ticker("LINK"), price="20")
        await trading.until(lambda: bool(trading.alerts("critical")))
        await trading.reconcile()
        assert [stop.symbol for stop in trading.stops()] == [SOL]


async def test_h09_where_no_stop_is_ever_placed_the_account_is_told_once_and_its_stops_are_watched() -> None:
    async with Trading(place=OKX) as trading:
        await trading.until(lambda: bool(trading.alerts("warning")))
        assert "places none at this exchange" in (trading.engine.snapshot().accounts[0].conditional_refused or "")
        await trading.signal()
        await trading.until(lambda: trading.held() > 0)
        trading.price("189.9")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert len(trading.alerts("warning")) == 1
