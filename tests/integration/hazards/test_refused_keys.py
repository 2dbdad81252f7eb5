"""Keys that the exchange refuses while the program runs: it stops asking, says so once, and comes back by itself."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from app.domain.order import OrderStatus
from app.domain.values import PositionMode
from app.engine import recovery
from app.exchange.ccxt import venue
from tests.support.markets import PLACES, Place
from tests.support.trading import ACCOUNT, Trading, grid
from tests.support.venues.faults import FaultKind

KEY = "Kq7Zp3Rt9Wd5Xb1Mv8Lc6Hy2Jf4Ng0Ss"
PERPS = [place for place in PLACES if place.name in {"binance", "bybit", "aster"}]
REFUSALS = {
    "binance": (-2015, f"Invalid API-key {KEY}, IP, or permissions for action."),
    "bybit": (10004, f"error sign! origin_string[1763740000000{KEY}5000category=linear]"),
    "aster": (-1022, f"Signature of {KEY.lower()} for this request is not valid."),
}
PUBLIC = ("time", "ticker", "exchangeInfo", "instruments-info", "risk-limit", "premiumIndex")
"""How the ends of public paths begin."""
UNDER_WAY_SEC = 0.5
"""What was sent before the refusal has arrived by then."""
PRIVATE = (
    "order openOrders algoOrder openAlgoOrders batchOrders userTrades income balance account positionRisk dual"
    " leverageBracket listenKey realtime history list create create-batch cancel wallet-balance info transaction-log"
).split()


def refuse(trading: Trading, *methods: str) -> None:
    """Whatever is asked for the account from now on."""
    code, message = REFUSALS[trading.place.name]
    for method in methods or ("GET", "POST", "PUT", "DELETE"):
        for path in PRIVATE:
            trading.fake.faults.arm(FaultKind.REFUSE, path, method=method, times=None, code=code, message=message)


def told(trading: Trading) -> str:
    account = trading.engine.state.accounts[ACCOUNT]
    orders = [order.reason for order in trading.engine.state.orders.values()]
    return str([account.reason, orders, [event.data for event in trading.events]])


@pytest.fixture(params=PERPS, ids=lambda place: place.name)
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.param
    if "api_key" not in found.keys:
        return found
    keys = {"api_key": KEY, "secret": "secret-of-the-key"}
    return Place(found.name, partial(found.made, **keys), found.dialect, keys)


@pytest.mark.expects_log_warnings
async def test_refused_keys_end_all_private_requests_with_one_critical_alert_and_no_key_in_any_text(
    place: Place,
) -> None:
    async with Trading(place=place) as trading:
        await trading.enter()
        account = trading.engine.state.accounts[ACCOUNT]
        refuse(trading)
        await trading.reconcile()
        await trading.until(lambda: not account.connected)
        assert not account.ready
        assert account.refused is not None
        assert account.reason is not None
        assert account.reason.startswith(f"the exchange refuses the keys of {ACCOUNT}: ")
        await trading.until(lambda: trading.clock.monotonic() - trading.requests.at[-1] > UNDER_WAY_SEC)
        before = len(trading.requests)
        await trading.reconcile()
        await trading.clock.sleep(2.0)
        asked = [item.path for item in trading.requests[before:]]
        assert [path for path in asked if not path.rsplit("/", 1)[-1].startswith(PUBLIC)] == []
        (alert,) = trading.alerts("critical")
        assert "refuses the keys" in alert
        assert KEY.lower() not in told(trading).lower()


@pytest.mark.expects_log_warnings
async def test_a_look_that_is_let_in_brings_the_account_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue, "REFUSED_RETRY_SEC", 0.3)
    monkeypatch.setattr(recovery, "REFUSED_RETRY_SEC", 0.3)
    async with Trading() as trading:
        account = trading.engine.state.accounts[ACCOUNT]
        refuse(trading)
        await trading.reconcile()
        await trading.until(lambda: account.refused is not None)
        await trading.clock.sleep(1.0)
        assert not account.connected
        assert len(trading.alerts("critical")) == 1
        trading.fake.faults.clear()
        await trading.until(lambda: account.ready)
        assert account.refused is None
        await trading.enter()


@pytest.mark.expects_log_warnings
async def test_after_a_restart_refused_keys_are_told_again() -> None:
    async with Trading() as trading:
        refuse(trading)
        await trading.restart(ready=False)
        await trading.until(lambda: bool(trading.alerts("critical")))
        assert "refuses the keys" in trading.alerts("critical")[-1]


@pytest.mark.expects_log_warnings
async def test_an_order_that_the_keys_may_not_place_takes_the_account_out(place: Place) -> None:
    async with Trading(grid(("0", "50", "2"), ("1", "50", "2")), place=place) as trading:
        account = trading.engine.state.accounts[ACCOUNT]
        refuse(trading, "POST")
        await trading.signal()
        await trading.until(lambda: account.refused is not None and not account.connected)
        orders = trading.engine.state.orders.values()
        await trading.until(lambda: any(order.status is OrderStatus.REJECTED for order in orders))
        assert len(trading.alerts("critical")) == 1
        assert KEY.lower() not in told(trading).lower()


@pytest.mark.expects_log_warnings
async def test_a_position_mode_that_was_changed_at_the_exchange_is_explained_once_and_read_again(place: Place) -> None:
    legs = [("0", "40", "2"), ("1", "20", "2"), ("2", "20", "2"), ("3", "20", "2")]
    async with Trading(grid(*legs), place=place) as trading:
        account = trading.engine.state.accounts[ACCOUNT]
        trading.fake.book.ledger.is_hedged = True
        await trading.signal()
        await trading.until(lambda: account.capabilities.position_mode is PositionMode.HEDGE and account.ready)
        (alert,) = [each for each in trading.alerts("warning") if "refused" in each]
        assert "another position mode than the exchange has" in alert
        await trading.enter()
        assert trading.held() > Decimal(0)
