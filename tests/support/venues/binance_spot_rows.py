"""A spot account's book in Binance's JSON: eight digits after the point, ids as numbers, times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, Liquidity, OrderSide, OrderType
from app.exchange.paper.ledger import is_conditional
from app.ports.paper_store import PaperOrder
from tests.support.venues import binance_rows
from tests.support.venues.binance_book import ORDER_IDS, AccountEvent, Book, Extras, Trade
from tests.support.venues.binance_rows import Json, client_id
from tests.support.venues.words import market_id, milliseconds

STATUS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}
WIRE_TYPE = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
}
MOST_ORDERS = 200
MOST_ALGO_ORDERS = 5
MOST_LISTS = 20
MOST_NOTIONAL = Decimal(9_000_000)
LOWEST_BID, HIGHEST_BID = Decimal("0.2"), Decimal(5)
LOWEST_ASK, HIGHEST_ASK = Decimal("0.2"), Decimal(5)
_NEVER = -1


@dataclass(frozen=True, slots=True)
class SpotExtras(Extras):
    """`is_maker` marks a LIMIT_MAKER, `list_id` the order list that an order is part of."""

    is_maker: bool = False
    list_id: int = _NEVER


@dataclass(frozen=True, slots=True)
class OrderList:
    """Two orders of which one happens, by their numbers in the book."""

    number: int
    client_id: str
    symbol: str
    numbers: tuple[int, int]


def eight(value: Decimal | None) -> str:
    return f"{value or ZERO:.8f}"


def extras_of(book: Book, order: PaperOrder) -> SpotExtras:
    found = book.extras_of(order)
    return found if isinstance(found, SpotExtras) else SpotExtras()


def wire_type(book: Book, order: PaperOrder) -> str:
    return "LIMIT_MAKER" if extras_of(book, order).is_maker else WIRE_TYPE[order.type]


def is_working(order: PaperOrder) -> bool:
    """Whether an order is on the book: a conditional one is not before it triggers."""
    return order.triggered or not is_conditional(order.type)


# ---------------------------------------------------------------------- markets


def exchange_info(book: Book, now: int) -> Json:
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    burst = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100}
    daily = {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000}
    raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000}
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": [weight, burst, daily, raw],
        "exchangeFilters": [],
        "symbols": [_symbol(book, rules) for rules in book.ledger.rules.values()],
    }


def _symbol(book: Book, rules: MarketRules) -> Json:
    halted = rules.symbol in book.core.admission.halted
    return {
        "symbol": market_id(rules),
        "status": "HALT" if halted else "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _filters(rules: MarketRules) -> list[Json]:
    """Title: Filters."""
    most = eight(rules.max_qty or Decimal(900_000))
    lot = {"minQty": eight(rules.min_qty), "maxQty": most, "stepSize": eight(rules.step_size)}
    price = {"minPrice": eight(rules.tick_size), "maxPrice": "1000000.00000000", "tickSize": eight(rules.tick_size)}
    return [
        {"filterType": "PRICE_FILTER", **price},
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": str(HIGHEST_BID),
            "bidMultiplierDown": str(LOWEST_BID),
            "askMultiplierUp": str(HIGHEST_ASK),
            "askMultiplierDown": str(LOWEST_ASK),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": eight(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": eight(MOST_NOTIONAL),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MOST_ORDERS},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MOST_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_ALGO_ORDERS},
    ]


def day_ticker(name: str, quote: Quote, now: int) -> Json:
    sides = {"bidPrice": eight(quote.bid), "bidQty": "1000", "askPrice": eight(quote.ask), "askQty": "1000"}
    return binance_rows.day_ticker(name, quote, now) | {"prevClosePrice": eight(quote.last)} | sides


def book_ticker(name: str, quote: Quote) -> Json:
    told = binance_rows.book_ticker(name, quote)
    del told["time"]
    return told


def stream_event(channel: str, name: str, quote: Quote, number: int, now: int) -> Mapping[str, Any] | None:
    """Titles: Individual Symbol Book Ticker Streams, which tells no event name, and those of the perpetuals."""
    told = binance_rows.stream_event(channel, name, quote, number, now)
    if channel == "markPrice" or told is None:
        return None
    return {key: told[key] for key in "usbBaA"} if channel == "bookTicker" else told


# ---------------------------------------------------------------------- orders


def order_row(book: Book, order: PaperOrder) -> Json:
    made = milliseconds(order.created_at)
    return {
        **order_state(book, order),
        "icebergQty": eight(ZERO),
        "time": made,
        "updateTime": milliseconds(order.updated_at),
        "isWorking": is_working(order),
        "workingTime": made if is_working(order) else _NEVER,
        "origQuoteOrderQty": eight(ZERO),
    }


def order_state(book: Book, order: PaperOrder) -> Json:
    """What every answer tells of an order."""
    extras = extras_of(book, order)
    return {
        "symbol": market_id(book.ledger.rules[order.symbol]),
        "orderId": ORDER_IDS + order.number,
        "orderListId": extras.list_id,
        "clientOrderId": client_id(order),
        "price": eight(order.price),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.filled),
        "cummulativeQuoteQty": eight(order.filled_value),
        "status": STATUS[order.status],
        "timeInForce": extras.time_in_force,
        "type": wire_type(book, order),
        "side": order.side.upper(),
        "stopPrice": eight(order.trigger_price),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def placed_row(book: Book, order: PaperOrder, response: str) -> Json:
    """The answer to a new order. Title: New order, its responses ACK, RESULT and FULL."""
    state = order_state(book, order) | {"transactTime": milliseconds(order.created_at)}
    if response == "ACK":
        return {key: state[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
    state |= {"workingTime": state["transactTime"] if is_working(order) else _NEVER}
    if response == "FULL":
        state["fills"] = [_fill(trade) for trade in book.trades if trade.fill.order_number == order.number]
    return state


def _fill(trade: Trade) -> Json:
    fill = trade.fill
    return {
        "price": eight(fill.price),
        "qty": eight(fill.quantity),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.number,
    }


def cancelled_row(book: Book, order: PaperOrder) -> Json:
    """Title: Cancel order. The cancellation has an id of its own."""
    state = order_state(book, order) | {"origClientOrderId": client_id(order), "clientOrderId": cancel_id(order)}
    return state | {"transactTime": milliseconds(order.updated_at)}


def cancel_id(order: PaperOrder) -> str:
    return f"cancel{order.number:016d}"


def list_row(book: Book, pair: OrderList) -> Json:
    """Title: Query Order list."""
    orders = [book.ledger.orders[number] for number in pair.numbers]
    is_done = not any(order.is_live for order in orders)
    name = market_id(book.ledger.rules[pair.symbol])
    return {
        "orderListId": pair.number,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if is_done else "EXECUTING",
        "listClientOrderId": pair.client_id,
        "transactionTime": max(milliseconds(order.updated_at) for order in orders),
        "symbol": name,
        "orders": [
            {"symbol": name, "orderId": ORDER_IDS + order.number, "clientOrderId": client_id(order)} for order in orders
        ],
    }


def trade_row(book: Book, trade: Trade) -> Json:
    fill = trade.fill
    rules = book.ledger.rules[fill.symbol]
    order = book.ledger.orders[fill.order_number or 0]
    return {
        "symbol": market_id(rules),
        "id": fill.number,
        "orderId": ORDER_IDS + order.number,
        "orderListId": extras_of(book, order).list_id,
        "price": eight(fill.price),
        "qty": eight(fill.quantity),
        "quoteQty": eight(rules.notional(fill.price, fill.quantity)),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": milliseconds(fill.at),
        "isBuyer": fill.side is OrderSide.BUY,
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "isBestMatch": True,
    }


# ---------------------------------------------------------------------- the account


def account_row(book: Book, now: int) -> Json:
    fees = {"maker": eight(book.ledger.config.fees.maker), "taker": eight(book.ledger.config.fees.taker)}
    return {
        "makerCommission": int(book.ledger.config.fees.maker * 10_000),
        "takerCommission": int(book.ledger.config.fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": fees | {"buyer": eight(ZERO), "seller": eight(ZERO)},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": now,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": free, "locked": locked} for asset, (free, locked) in _balances(book).items()
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def _balances(book: Book) -> dict[str, tuple[str, str]]:
    """Free and locked of each asset."""
    found = {}
    for asset, total in book.ledger.balances.items():
        free = min(book.core.margin.free(asset), total)
        found[asset] = eight(free), eight(total - free)
    return found


# ---------------------------------------------------------------------- events


def execution_report(book: Book, order: PaperOrder, what: str, trade: Trade | None, now: int) -> Json:
    """Title: Order Update. One that was cancelled is told under the cancellation's id, with its own beside."""
    extras, is_cancel = extras_of(book, order), what == "CANCELED"
    status = "NEW" if what == "NEW" else STATUS[order.status]
    if what == "NEW":
        order = replace(order, filled=ZERO, filled_value=ZERO)
    told: Json = {
        "e": "executionReport",
        "E": now,
        "s": market_id(book.ledger.rules[order.symbol]),
        "c": cancel_id(order) if is_cancel else client_id(order),
        "S": order.side.upper(),
        "o": wire_type(book, order),
        "f": extras.time_in_force,
        "q": eight(order.quantity),
        "p": eight(order.price),
        "P": eight(order.trigger_price),
        "F": eight(ZERO),
        "g": extras.list_id,
        "C": client_id(order) if is_cancel else "",
        "x": what,
        "X": status,
        "r": "NONE",
        "i": ORDER_IDS + order.number,
        "z": eight(order.filled),
        "T": milliseconds(order.updated_at),
        "I": 0,
        "w": is_working(order) and order.is_live,
        "M": False,
        "O": milliseconds(order.created_at),
        "Z": eight(order.filled_value),
        "Q": eight(ZERO),
        "V": "EXPIRE_MAKER",
    }
    return told | _trade_part(trade)


def _trade_part(trade: Trade | None) -> Json:
    if trade is None:
        return {"l": eight(ZERO), "L": eight(ZERO), "n": "0", "N": None, "t": -1, "m": False, "Y": eight(ZERO)}
    fill = trade.fill
    return {
        "l": eight(fill.quantity),
        "L": eight(fill.price),
        "n": eight(fill.fee),
        "N": fill.fee_asset,
        "T": milliseconds(fill.at),
        "t": fill.number,
        "m": fill.liquidity is Liquidity.MAKER,
        "Y": eight(fill.price * fill.quantity),
    }


def account_position(book: Book, event: AccountEvent, now: int) -> Json:
    """Title: Account Update."""
    known = _balances(book)
    told = [{"a": asset, "f": known[asset][0], "l": known[asset][1]} for asset in event.assets]
    return {"e": "outboundAccountPosition", "E": now, "u": now, "B": told}


def list_status(book: Book, pair: OrderList, now: int) -> Json:
    """Title: List Status."""
    row = list_row(book, pair)
    return {
        "e": "listStatus",
        "E": now,
        "s": row["symbol"],
        "g": pair.number,
        "c": "OCO",
        "l": row["listStatusType"],
        "L": row["listOrderStatus"],
        "r": "NONE",
        "C": pair.client_id,
        "T": row["transactionTime"],
        "O": [{"s": item["symbol"], "i": item["orderId"], "c": item["clientOrderId"]} for item in row["orders"]],
    }
