"""Gate v4, spot. Facts are from <https://www.gate.com/docs/developers/apiv4/>."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from itertools import count
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.base import NEW_ORDERS, Budget, Dialect, HedgeStyle, Operation, Pool, facts, spelled
from app.exchange.ccxt.dialects.refining import refined
from app.exchange.ccxt.verdicts import BUSY, CLOCK, KEYS, LIMITED, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode

PREFIX = "t-"
WORST_ABOVE = Decimal("0.01")
"""How far above the best offer a market buy may pay."""
WHOLE_SECOND_MS = 999
UNIFIED = 2
"""The mode of a unified account's keys ("Retrieve user account information"; the key needs the permission for it)."""
OPEN_PAGE = 100
ENDED_PAGE = 100
ENDED_PAGES = 10

_INVALID = refused(RefusalCode.INVALID_ORDER)
_FUNDS = refused(RefusalCode.INSUFFICIENT_BALANCE)
_HALTED = refused(RefusalCode.HALTED)
_GONE = refused(RefusalCode.NOT_FOUND)
_SMALL = refused(RefusalCode.MIN_NOTIONAL)

GATE_CODES = Codes(
    table=MappingProxyType(
        {
            "ACCOUNT_LOCKED": KEYS,
            "AMOUNT_TOO_LITTLE": _SMALL,
            "AUTHENTICATION_FAILED": KEYS,
            "BALANCE_NOT_ENOUGH": _FUNDS,
            "CLIENT_ID_NOT_FOUND": _GONE,
            "FORBIDDEN": KEYS,
            "INTERNAL": UNKNOWN,
            "INVALID_CREDENTIALS": KEYS,
            "INVALID_CURRENCY": _HALTED,
            "INVALID_CURRENCY_PAIR": _HALTED,
            "INVALID_KEY": KEYS,
            "INVALID_PARAM_VALUE": _INVALID,
            "INVALID_PRECISION": refused(RefusalCode.PRECISION),
            "INVALID_SIGNATURE": KEYS,
            "IP_FORBIDDEN": KEYS,
            "MISSING_REQUIRED_HEADER": KEYS,
            "ORDER_CANCELLED": _GONE,
            "ORDER_CLOSED": _GONE,
            "ORDER_NOT_FOUND": _GONE,
            "POC_FILL_IMMEDIATELY": refused(RefusalCode.WOULD_TRIGGER),
            "PRICE_TOO_DEVIATED": _INVALID,
            "READ_ONLY": KEYS,
            "REPEATED_CREATION": refused(RefusalCode.DUPLICATE_ID),
            "REQUEST_EXPIRED": CLOCK,
            "SERVER_ERROR": UNKNOWN,
            "SUB_ACCOUNT_LOCKED": KEYS,
            "TOO_BUSY": BUSY,
            "TOO_FAST": LIMITED,
            "TOO_MANY_ORDERS": _INVALID,
            "TOO_MANY_REQUESTS": LIMITED,
            "TRADE_RESTRICTED": refused(RefusalCode.PERMISSION),
        }
    ),
    phrases=(("too small", _SMALL),),
    vague=frozenset({"INVALID_PARAM_VALUE"}),
    pattern=re.compile(r'"label"\s*:\s*"([A-Za-z_]+)"'),
)


@dataclass(frozen=True, slots=True)
class GateSpot(Dialect):
    def sent_id(self, client_order_id: str) -> str:
        """A `text` of ours begins with `t-` ("Create an order")."""
        return PREFIX + client_order_id

    def own_id(self, told: str | None) -> str | None:
        """Orders that were made otherwise have a word like `web` there, many of them the same."""
        return _own(told)

    def refined(self, exchange: Any) -> Any:
        told_whole = refined(exchange, order_id_name="order_id", grain_ms=WHOLE_SECOND_MS)
        return _gate(_listing(_sure_of_account(told_whole)))


def _own(told: str | None) -> str | None:
    return told.removeprefix(PREFIX) if told is not None and told.startswith(PREFIX) else None


def _sure_of_account(base: Any) -> Any:
    """`base`, knowing what kind of account it is."""

    class SureOfAccount(base):  # type: ignore[misc]  # ccxt is untyped
        async def load_unified_status(self, params: Any = None) -> bool:
            """Asked until it is answered: ccxt takes whatever cannot be asked for a spot account, for good."""
            if self.options.get("unifiedAccount") is None:
                told = await self.privateAccountGetDetail(params or {})
                self.options["unifiedAccount"] = int(told["key"]["mode"]) == UNIFIED
            return bool(self.options["unifiedAccount"])

    return SureOfAccount


def _listing(base: Any) -> Any:
    """`base`, telling all open orders; a page has so many of each market ("List all open orders", `page`)."""

    class Listing(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch_open_orders(
            self, symbol: Any = None, since: Any = None, limit: Any = None, params: Any = None
        ) -> list[Any]:
            found: dict[str, Any] = {}
            for page in count(1):
                rows = await super().fetch_open_orders(symbol, since, limit, {**(params or {}), "page": page})
                found |= {row["id"]: row for row in rows}
                if max(Counter(row["symbol"] for row in rows).values(), default=0) < OPEN_PAGE:
                    break
            return list(found.values())

    return Listing


def _gate(base: Any) -> Any:
    """`base`, buying a quantity, finding orders by our id after they have ended, and naming trades by it."""

    class Gate(base):  # type: ignore[misc]  # ccxt is untyped
        async def create_order(self, **order: Any) -> Any:
            """Gate takes an amount to spend for market buys: a limit that cannot rest buys the quantity instead."""
            if order["type"] == "market" and order["side"] == "buy":
                order = _bounded(order, await self.fetch_ticker(order["symbol"]))
            return await super().create_order(**order)

        async def cancel_order(self, order_id: Any, symbol: Any, params: Any = None) -> Any:
            own, words = _parted(params)
            return await super().cancel_order(order_id or own, symbol, words)

        async def fetch_order(self, order_id: Any, symbol: Any, params: Any = None) -> Any:
            """By our id an order is found while it rests; then it is among the ended ones, or was not there."""
            own, words = _parted(params)
            if order_id or own is None:
                return await super().fetch_order(order_id, symbol, words)
            try:
                return await super().fetch_order(own, symbol, words)
            except import_module("ccxt").OrderNotFound:
                found = await _among_ended(self, symbol, own)
            return found or await super().fetch_order(own, symbol, words)

        async def fetch_my_trades(self, *asked: Any) -> Any:
            """With our id where other venues have it; else each order would have to be asked for."""
            rows = await super().fetch_my_trades(*asked)
            for row in rows:
                row["info"]["clientOrderId"] = _own(row["info"].get("text"))
            return rows

    return Gate


def _parted(params: Any) -> tuple[str | None, dict[str, Any]]:
    """Our id, and the other parameters."""
    words = dict(params or {})
    return words.pop("text", None), words


def _bounded(order: dict[str, Any], ticker: Any) -> dict[str, Any]:
    """A market buy as a limit somewhat above the best offer, whose unfilled rest is cancelled at once."""
    worst = Decimal(str(ticker["ask"] or ticker["last"])) * (1 + WORST_ABOVE)
    params = {**order["params"], "timeInForce": "IOC"}
    return {**order, "type": "limit", "price": spelled(worst), "params": params}


async def _among_ended(api: Any, symbol: str, own: str) -> Any:
    """The order among those that have ended lately, None where they were all seen and it is none of them."""
    for page in range(1, ENDED_PAGES + 1):
        rows = await api.fetch_closed_orders(symbol, None, ENDED_PAGE, {"page": page})
        found = next((row for row in rows if row["clientOrderId"] == own), None)
        if found is not None or len(rows) < ENDED_PAGE:
            return found
    raise import_module("ccxt").ExchangeNotAvailable("the order is not among those that have ended lately")


GATE_SPOT = GateSpot(
    name="gate_spot",
    exchange="gate",
    codes=GATE_CODES,
    market_type=MarketType.SPOT,
    client_id_create="text",
    client_id_read="text",
    hedge_style=HedgeStyle.NONE,
    stop_types=frozenset(),
    maker_fee=Decimal("0.002"),
    taker_fee=Decimal("0.002"),
    trade_page=1000,
    trades_need_symbol=False,
    has_private_stream=False,
    always=facts(
        **dict.fromkeys(("/open_orders", "/my_trades", "/spot/accounts", "/spot/orders", "/currency_pairs"), list),
        **{"/unified/accounts": {"balances": dict}},
    ),
    options=facts(defaultType="spot", fetchMarkets={"types": ["spot"]}),
    # "Rate limits": 200 in 10 s for each endpoint, orders 10 in a second for each market.
    budgets=(Budget(Pool.WEIGHT, 200, 10.0), Budget(Pool.ORDERS, 10, 1.0, counts=NEW_ORDERS)),
    weights=MappingProxyType({Operation.MARKETS: 3, Operation.LOOK_UP: 2}),
)
