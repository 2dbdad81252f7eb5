"""What an account's keys may do, asked of its exchange. What it does not tell stays unknown.

A question that failed is told apart from one that the exchange does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from app.exchange.ccxt.dialects.aster_wire import refuse_main_wallet
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.errors import said
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import NOTABLE_SKEW_MS
from app.ports.accounts import KeyReport, Told

Make = Callable[[Dialect, Access, StreamHooks], Any]
_UNTOLD = "the exchange does not tell"
_NOT_REACHED = "it could not be asked"


_TRADE: Told[bool] = Told(None, f"{_UNTOLD} whether these keys may trade")
_WITHDRAW: Told[bool] = Told(None, f"{_UNTOLD} whether these keys may withdraw; make sure that they may not")
_ADDRESSES: Told[bool] = Told(None, f"{_UNTOLD} whether these keys are bound to addresses")


@dataclass(frozen=True, slots=True)
class Permissions:
    may_trade: Told[bool] = _TRADE
    may_withdraw: Told[bool] = _WITHDRAW
    address_restricted: Told[bool] = _ADDRESSES


async def ask_about_keys(dialect: Dialect, access: Access, make: Make = make_exchange) -> KeyReport:
    """Ask, change nothing. Raises MainWalletRefused."""
    async with _looked_at(dialect, access, make) as exchange:
        return await _report(exchange, dialect)


async def look_at_keys(dialect: Dialect, access: Access, make: Make = make_exchange) -> None:
    """Ask nothing. Raises MainWalletRefused."""
    async with _looked_at(dialect, access, make):
        return


@asynccontextmanager
async def _looked_at(dialect: Dialect, access: Access, make: Make) -> AsyncIterator[Any]:
    """ccxt's object for keys of a kind that may be kept."""
    exchange = make(dialect, access, StreamHooks(lambda: None, lambda _: None))
    try:
        refuse_main_wallet(exchange, access.private_key, access.wallet_address)
        yield exchange
    finally:
        await exchange.close()


async def _report(exchange: Any, dialect: Dialect) -> KeyReport:
    try:
        skew = await _skew(exchange)
    except Exception as error:  # noqa: BLE001 - ccxt raises anything; each means that the exchange was not reached
        reachable = Told(False, f"the exchange does not answer: {said(error)}")
        unknown = _failed(_NOT_REACHED)
        return KeyReport(reachable, unknown, unknown, unknown, unknown, unknown)
    permissions = await _permissions(exchange, dialect)
    return KeyReport(
        reachable=Told(True, "the exchange answers"),
        may_trade=permissions.may_trade,
        may_withdraw=permissions.may_withdraw,
        address_restricted=permissions.address_restricted,
        position_mode=await _position_mode(exchange, dialect),
        clock_skew_ms=skew,
    )


async def _skew(exchange: Any) -> Told[int]:
    before = exchange.milliseconds()
    told = await exchange.fetch_time()
    skew = int((before + exchange.milliseconds()) / 2 - int(told))
    exchange.options["timeDifference"] = skew
    where = "ahead of" if skew > 0 else "behind"
    if abs(skew) > NOTABLE_SKEW_MS:
        return Told(skew, f"the clock is {abs(skew) / 1000:.1f} s {where} the exchange's; set it right")
    return Told(skew, f"the clock is {abs(skew)} ms {where} the exchange's")


async def _permissions(exchange: Any, dialect: Dialect) -> Permissions:
    try:
        return await _ASKED.get(dialect.exchange, _by_balance)(exchange)
    except Exception as error:  # noqa: BLE001 - ccxt raises anything; the kinds that matter are told apart
        if isinstance(error, import_module("ccxt").AuthenticationError):
            return Permissions(may_trade=Told(False, f"the exchange refuses the keys: {said(error)}"))
        why = _failed(f"{_NOT_REACHED} what these keys may do: {said(error)}")
        return Permissions(why, _failed(_NOT_REACHED), _failed(_NOT_REACHED))


def _failed(why: str) -> Told[Any]:
    return Told(None, why, failed=True)


async def _position_mode(exchange: Any, dialect: Dialect) -> Told[str]:
    if not dialect.is_linear:
        return Told(None, "spot has no position mode")
    if not exchange.has.get("fetchPositionMode"):
        return Told(None, f"{_UNTOLD} the position mode")
    try:
        told = await exchange.fetch_position_mode()
    except Exception as error:  # noqa: BLE001 - ccxt raises anything; the mode is then not known
        return _failed(f"{_NOT_REACHED}: {said(error)}")
    if told.get("hedged"):
        return Told("hedge", "long and short may be held at once (hedge mode)")
    return Told("one_way", "one position a market (one-way mode)")


# ---------------------------------------------------------------------------------------------- what each venue tells


async def _binance_futures(exchange: Any) -> Permissions:
    account = await exchange.fapiPrivateV2GetAccount()
    rights = await _binance_rights(exchange)
    return _binance(account, rights, "enableFutures", "futures")


async def _binance_spot(exchange: Any) -> Permissions:
    account = await exchange.privateGetAccount()
    rights = await _binance_rights(exchange)
    return _binance(account, rights, "enableSpotAndMarginTrading", "spot")


async def _binance_rights(exchange: Any) -> Mapping[str, Any]:
    """Of the key; test networks have no such addresses, which ccxt knows without asking."""
    if "sapi" not in exchange.urls["api"]:
        return {}
    told: Mapping[str, Any] = await exchange.sapiGetAccountApiRestrictions()
    return told


def _binance(account: Mapping[str, Any], rights: Mapping[str, Any], right: str, what: str) -> Permissions:
    of_account, of_key = _flag(account.get("canTrade")), _flag(rights.get(right))
    may_trade = _TRADE
    if of_key is False:
        may_trade = Told(False, f"these keys lack the permission for {what} trading")
    elif of_account is not None:
        may_trade = Told(of_account, f"the account may {'' if of_account else 'not '}trade {what}")
    return Permissions(may_trade, _withdrawal(_flag(rights.get("enableWithdrawals"))), _bound(rights.get("ipRestrict")))


async def _bybit(exchange: Any) -> Permissions:
    told = await exchange.privateGetV5UserQueryApi()
    result = told["result"]
    granted: Mapping[str, Any] = result.get("permissions") or {}
    is_linear = exchange.options.get("defaultType") == "swap"
    section, needed = ("ContractTrade", {"Order", "Position"}) if is_linear else ("Spot", {"SpotTrade"})
    writes = str(result.get("readOnly")) == "0"
    may_trade = writes and needed <= set(granted.get(section) or ())
    missing = "they can only read" if not writes else f"they lack the permission {section}: {', '.join(sorted(needed))}"
    addresses = [address for address in result.get("ips") or () if address != "*"]
    return Permissions(
        Told(may_trade, "these keys may trade" if may_trade else f"these keys may not trade: {missing}"),
        _withdrawal("Withdraw" in (granted.get("Wallet") or ())),
        _bound(bool(addresses)),
    )


async def _okx(exchange: Any) -> Permissions:
    told = await exchange.privateGetAccountConfig()
    row = told["data"][0]
    granted = str(row["perm"]).split(",")
    return Permissions(
        _trading("trade" in granted),
        _withdrawal("withdraw" in granted),
        _bound(bool(row.get("ip"))),
    )


async def _kucoin(exchange: Any) -> Permissions:
    """Title: Get Apikey Info. The right to withdraw is called "Transfer" there, the right to trade once was "Trade"."""
    told = await exchange.privateGetUserApiKey()
    row = told["data"]
    granted = {name.strip() for name in row["permission"].split(",")}
    return Permissions(
        _trading(bool(granted & {"Spot", "Trade"})),
        _withdrawal(bool(granted & {"Transfer", "Withdrawal"})),
        _bound(bool(row.get("ipWhitelist"))),
    )


async def _by_balance(exchange: Any) -> Permissions:
    """The keys are good for reading at least; a venue of Binance's make tells whether the account may trade."""
    told = await exchange.fetch_balance()
    info = told.get("info")
    can_trade = _flag(info.get("canTrade")) if isinstance(info, dict) else None
    if can_trade is None:
        return Permissions(may_trade=Told(None, f"the keys are accepted; {_UNTOLD} whether they may trade"))
    return Permissions(may_trade=Told(can_trade, f"the account may {'' if can_trade else 'not '}trade"))


_ASKED: Mapping[str, Callable[[Any], Awaitable[Permissions]]] = {
    "binanceusdm": _binance_futures,
    "binance": _binance_spot,
    "bybit": _bybit,
    "okx": _okx,
    "kucoin": _kucoin,
}


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def _trading(allowed: bool) -> Told[bool]:
    return Told(allowed, f"these keys may {'' if allowed else 'not '}trade")


def _withdrawal(allowed: bool | None) -> Told[bool]:
    if allowed is None:
        return _WITHDRAW
    if allowed:
        return Told(True, "these keys may withdraw: whoever gets them can take the money away")
    return Told(False, "these keys cannot withdraw")


def _bound(told: Any) -> Told[bool]:
    restricted = _flag(told)
    if restricted is None:
        return _ADDRESSES
    if restricted:
        return Told(True, "these keys work from the addresses that were set at the exchange only")
    return Told(False, "these keys work from every address; bind them to yours at the exchange")
