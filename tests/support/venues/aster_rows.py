"""The book in Aster's JSON: Binance's words, but a conditional order is an order like the others."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules, Quote
from app.domain.values import ZERO
from app.exchange.paper.ledger import is_conditional
from app.ports.paper_store import PaperOrder
from tests.support.venues import binance_rows
from tests.support.venues.binance_book import AccountEvent, AlgoEvent, Book, OrderEvent, Trade
from tests.support.venues.binance_rows import Json, decimals
from tests.support.venues.words import market_id, milliseconds, text

_NOT_OF_ASTER = ("priceMatch", "selfTradePreventionMode", "goodTillDate")
_NOT_OF_ASTER_EVENTS = ("pP", "si", "ss", "V", "pm", "gtd", "er")
_NOT_OF_SPOT = ("reduceOnly", "closePosition", "positionSide", "workingType", "priceProtect")
_POSITION_KEYS = (
    "entryPrice",
    "marginType",
    "isAutoAddMargin",
    "isolatedMargin",
    "leverage",
    "liquidationPrice",
    "markPrice",
    "maxNotionalValue",
    "positionAmt",
    "symbol",
    "unRealizedProfit",
    "positionSide",
    "updateTime",
)


def order_row(book: Book, order: PaperOrder, *, as_placed: bool = False) -> Json:
    row = binance_rows.order_row(book, order, as_placed=as_placed)
    for key in _NOT_OF_ASTER:
        del row[key]
    row["origType"] = binance_rows.WIRE_TYPE[order.type]
    row["stopPrice"] = text(order.trigger_price)
    if not book.ledger.is_spot:
        return row
    for key in _NOT_OF_SPOT:
        del row[key]
    return row | {"orderListId": -1}


def trade_row(book: Book, trade: Trade) -> Json:
    row = binance_rows.trade_row(book, trade)
    if not book.ledger.is_spot:
        return row
    del row["realizedPnl"], row["positionSide"]
    return row | {"counterpartyId": 19, "createUpdateId": None}


def position_rows(book: Book, now: int, symbol: str | None) -> list[Json]:
    """Every market has one; without a notional, which Binance tells."""
    rows = binance_rows.position_rows(book, now, version=2, symbol=symbol)
    return [{key: row[key] for key in _POSITION_KEYS} for row in rows]


def spot_account(book: Book, now: int) -> Json:
    balances = []
    for asset, total in book.ledger.balances.items():
        free = book.core.margin.free(asset)
        balances.append({"asset": asset, "free": text(free), "locked": text(total - free)})
    can = {"canTrade": True, "canDeposit": True, "canWithdraw": True, "canBurnAsset": True}
    return {"feeTier": 0, **can, "updateTime": now, "balances": balances}


def spot_market(book: Book, rules: MarketRules) -> Json:
    halted = rules.symbol in book.core.admission.halted
    most = text(rules.max_qty) if rules.max_qty is not None else "1000000000"
    lot = {"minQty": text(rules.min_qty), "maxQty": most, "stepSize": text(rules.step_size)}
    price = {"minPrice": text(rules.tick_size), "maxPrice": "1000000000", "tickSize": text(rules.tick_size)}
    return {
        "symbol": market_id(rules),
        "status": "HALT" if halted else "TRADING",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "pricePrecision": decimals(rules.tick_size),
        "quantityPrecision": decimals(rules.step_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", **price},
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": "200"},
            {"filterType": "MIN_NOTIONAL", "minNotional": text(rules.min_notional)},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "GTX", "HIDDEN"],
        "ocoAllowed": False,
    }


def spot_day_ticker(name: str, quote: Quote, now: int, rules: MarketRules) -> Json:
    sides = {"bidPrice": text(quote.bid), "bidQty": "1000", "askPrice": text(quote.ask), "askQty": "1000"}
    assets = {"baseAsset": rules.base, "quoteAsset": rules.quote}
    return binance_rows.day_ticker(name, quote, now) | assets | sides


# ---------------------------------------------------------------------- events


def waiting_event(book: Book, event: AlgoEvent, now: int, *, what: str | None = None) -> Json | None:
    """A conditional order that waits, was cancelled, or found nothing to do when it triggered."""
    if event.status not in {"NEW", "CANCELED", "EXPIRED"} and what is None:
        return None
    told = order_event(book, OrderEvent(what or event.status, event.order), now)
    part = told["o"] if "o" in told and isinstance(told["o"], dict) else told
    kind = binance_rows.WIRE_TYPE[event.order.type]
    part |= {"o": kind, "ot": kind, "X": what or event.status}
    return told


def order_event(book: Book, event: OrderEvent, now: int) -> Json:
    """Titles: Event: Order Update; Payload: Order Update (spot)."""
    if book.ledger.is_spot:
        return _spot_event(book, event, now)
    told = binance_rows.order_event(book, event, now)
    part: Json = told["o"]
    for key in _NOT_OF_ASTER_EVENTS:
        part.pop(key, None)
    part["sp"] = text(event.order.trigger_price)
    if is_conditional(event.order.type):
        part["ot"] = binance_rows.WIRE_TYPE[event.order.type]
    return told


def _spot_event(book: Book, event: OrderEvent, now: int) -> Json:
    order, trade = event.order, event.trade
    linear: Json = binance_rows.order_event(book, event, now)["o"]
    shared = ("s", "c", "S", "o", "f", "q", "p", "ap", "x", "X", "i", "l", "z", "L", "T", "t", "m")
    told = {key: linear[key] for key in shared}
    last = book.ledger.rules[order.symbol].notional(trade.fill.price, trade.fill.quantity) if trade else ZERO
    return told | {
        "e": "executionReport",
        "E": now,
        "P": text(order.trigger_price),
        "n": linear.get("n", "0"),
        "N": linear.get("N"),
        "ot": binance_rows.WIRE_TYPE[order.type],
        "O": milliseconds(order.created_at),
        "Z": text(order.filled_value),
        "Y": text(last),
        "Q": "0",
    }


def spot_balances(book: Book, event: AccountEvent, now: int) -> Json:
    """Title: Payload: ACCOUNT_UPDATE."""
    rows = []
    for asset in event.assets:
        total, free = book.ledger.balances.get(asset, Decimal(0)), book.core.margin.free(asset)
        rows.append({"a": asset, "f": text(free), "l": text(total - free)})
    return {"e": "outboundAccountPosition", "E": now, "T": now, "m": event.reason, "B": rows}


def book_ticker_event(told: Mapping[str, Any]) -> Json:
    """Spot's has no event type, no times. Title: Best order book information by symbol."""
    return {key: told[key] for key in ("u", "s", "b", "B", "a", "A")}
