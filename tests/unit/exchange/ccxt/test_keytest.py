"""What an exchange tells of a pair of keys, and that nothing is guessed where it does not."""

from __future__ import annotations

from typing import Any

import ccxt  # type: ignore[import-untyped]  # it has no types
import pytest

from app.base.errors import OperatorActionNeeded
from app.exchange.ccxt.dialects.aster_wire import MainWalletRefused
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.keytest import ask_about_keys
from app.exchange.ccxt.wire import Access, StreamHooks
from app.ports.accounts import KeyReport

RIGHTS = {"enableFutures": True, "enableSpotAndMarginTrading": True, "enableWithdrawals": False, "ipRestrict": True}
BYBIT = {"readOnly": "0", "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": []}, "ips": ["*"]}


class Library:
    """Stands in for ccxt's object: says or raises what it is given, by the name of the method."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {"fetch_time": 1_000, "fetch_position_mode": {"hedged": False}, **answers}
        self.has = {"fetchPositionMode": True}
        self.options: dict[str, Any] = {"defaultType": "swap"}
        self.urls = {"api": {"sapi": "https://api.binance.com/sapi/v1"}}
        self.is_closed = False

    def milliseconds(self) -> int:
        return 1_000

    def eth_get_address_from_private_key(self, key: str) -> str:
        return {"agent": "0xA9E47", "main": "0xMAIN"}[key]

    async def close(self) -> None:
        self.is_closed = True

    def __getattr__(self, name: str) -> Any:
        async def answer() -> Any:
            told = self._answers[name]
            if isinstance(told, Exception):
                raise told
            return told

        return answer


async def asked(library: Library, dialect: Dialect = BINANCE_USDM, access: Access | None = None) -> KeyReport:
    def make(_dialect: Dialect, _access: Access, _hooks: StreamHooks) -> Library:
        return library

    try:
        return await ask_about_keys(dialect, access or Access(), make)
    finally:
        assert library.is_closed


def futures(can_trade: bool = True, rights: Any = None, **answers: Any) -> Library:
    told = RIGHTS if rights is None else rights
    return Library(fapiPrivateV2GetAccount={"canTrade": can_trade}, sapiGetAccountApiRestrictions=told, **answers)


def values(report: KeyReport) -> tuple[bool | None, bool | None, bool | None]:
    return report.may_trade.value, report.may_withdraw.value, report.address_restricted.value


async def test_good_keys_trade_cannot_withdraw_and_are_bound() -> None:
    report = await asked(futures())
    assert values(report) == (True, False, True)
    assert (report.reachable.value, report.position_mode.value, report.clock_skew_ms.value) == (True, "one_way", 0)


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (futures(rights={**RIGHTS, "enableWithdrawals": True}), (True, True, True)),
        (futures(rights={**RIGHTS, "enableFutures": False}), (False, False, True)),
        (futures(rights={**RIGHTS, "ipRestrict": False}), (True, False, False)),
        (futures(can_trade=False), (False, False, True)),
        (futures(rights={}), (True, None, None)),
    ],
)
async def test_binance_futures_tells_by_key_and_account(library: Library, expected: tuple[bool | None, ...]) -> None:
    assert values(await asked(library)) == expected


async def test_a_test_network_of_binance_is_not_asked_for_rights_that_it_does_not_tell() -> None:
    library = futures(rights=ccxt.NotSupported("binance does not have a testnet/sandbox URL for sapi endpoints"))
    del library.urls["api"]["sapi"]
    report = await asked(library)
    assert values(report) == (True, None, None)
    assert report.unasked is None


@pytest.mark.parametrize("failure", [ccxt.ExchangeNotAvailable("503"), ccxt.BadRequest("404"), []])
async def test_rights_that_could_not_be_asked_for_are_not_taken_for_untold(failure: Any) -> None:
    report = await asked(futures(rights=failure))
    assert values(report) == (None, None, None)
    assert "it could not be asked what these keys may do" in (report.unasked or "")


async def test_a_question_of_bybit_that_failed_is_not_taken_for_untold() -> None:
    report = await asked(Library(privateGetV5UserQueryApi=ccxt.RequestTimeout("slow")), BYBIT_LINEAR)
    assert (report.may_withdraw.value, report.may_withdraw.failed) == (None, True)
    assert "slow" in (report.unasked or "")


async def test_binance_spot_looks_at_the_right_to_trade_spot() -> None:
    rights = {**RIGHTS, "enableSpotAndMarginTrading": False}
    library = Library(privateGetAccount={"canTrade": True}, sapiGetAccountApiRestrictions=rights)
    report = await asked(library, BINANCE_SPOT)
    assert report.may_trade.value is False
    assert report.position_mode.value is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, False, False)),
        ({"readOnly": "1"}, (False, False, False)),
        ({"permissions": {"Spot": ["SpotTrade"]}}, (False, False, False)),
        ({"permissions": {"ContractTrade": ["Order"]}}, (False, False, False)),
        ({"permissions": {**BYBIT["permissions"], "Wallet": ["Withdraw"]}}, (True, True, False)),  # type: ignore[dict-item]  # BYBIT holds values of several kinds
        ({"ips": ["203.0.113.7"]}, (True, False, True)),
    ],
)
async def test_bybit_tells_all_of_it(changes: dict[str, Any], expected: tuple[bool, ...]) -> None:
    library = Library(privateGetV5UserQueryApi={"result": {**BYBIT, **changes}})
    assert values(await asked(library, BYBIT_LINEAR)) == expected


@pytest.mark.parametrize(
    ("permission", "addresses", "expected"),
    [
        ("General,Spot", "", (True, False, False)),
        ("General, Spot, InnerTransfer", "203.**.7", (True, False, True)),
        ("General,Futures,Transfer", "", (False, True, False)),
        ("General,Trade,Withdrawal", "", (True, True, False)),
    ],
)
async def test_kucoin_tells_all_of_it(permission: str, addresses: str, expected: tuple[bool, ...]) -> None:
    library = Library(privateGetUserApiKey={"data": {"permission": permission, "ipWhitelist": addresses}})
    assert values(await asked(library, KUCOIN_SPOT)) == expected


async def test_keys_that_the_exchange_refuses_may_not_trade() -> None:
    report = await asked(Library(fapiPrivateV2GetAccount=ccxt.AuthenticationError("-2015 Invalid API-key")))
    assert values(report) == (False, None, None)
    assert "-2015" in report.may_trade.detail


async def test_an_exchange_that_fails_halfway_leaves_the_rest_unknown() -> None:
    report = await asked(futures(fetch_position_mode=ccxt.RequestTimeout("slow")))
    assert report.position_mode.value is None
    report = await asked(Library(fapiPrivateV2GetAccount=ccxt.ExchangeNotAvailable("503")))
    assert (report.reachable.value, report.may_trade.value) == (True, None)


async def test_an_exchange_that_is_not_reached_tells_nothing_and_no_signature_is_shown() -> None:
    url = "GET https://fapi.binance.com/fapi/v1/time?timestamp=1&signature=abcdef"
    report = await asked(Library(fetch_time=ccxt.NetworkError(url)))
    assert (report.reachable.value, *values(report)) == (False, None, None, None)
    assert "abcdef" not in report.reachable.detail


async def test_a_clock_that_is_off_is_told_and_allowed_for() -> None:
    library = futures(fetch_time=3_500)
    report = await asked(library)
    assert report.clock_skew_ms.value == -2_500
    assert "2.5 s behind" in report.clock_skew_ms.detail
    assert library.options["timeDifference"] == -2_500


async def test_the_main_wallets_own_key_is_refused_an_agents_is_not() -> None:
    with pytest.raises(MainWalletRefused, match="agent signer"):
        await asked(futures(), access=Access(private_key="main", wallet_address="0xmain"))
    report = await asked(futures(), access=Access(private_key="agent", wallet_address="0xmain"))
    assert report.may_trade.value


async def test_text_that_is_no_private_key_is_told_as_such() -> None:
    with pytest.raises(OperatorActionNeeded, match="cannot be read"):
        await asked(futures(), access=Access(private_key="12 words of a seed", wallet_address="0xmain"))
