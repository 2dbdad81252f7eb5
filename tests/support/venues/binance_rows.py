"""The book in Binance's JSON: numbers as strings, ids as numbers, times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, Liquidity, OrderSide, OrderType, Side
from app.exchange.paper.ledger import is_conditional
from app.exchange.paper.margin import MAINTENANCE_RATE
from app.messages.reports import FillKind
from app.ports.paper_store import PaperFill, PaperFunding, PaperOrder, PaperPosition
from tests.support.venues.binance_book import (
    ALGO_IDS,
    ORDER_IDS,
    AccountEvent,
    AlgoEvent,
    Book,
    ForcedEvent,
    OrderEvent,
    Trade,
    is_waiting,
)
from tests.support.venues.words import market_id, milliseconds, text

Json = dict[str, Any]
WIRE_TYPE = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOP_MARKET",
    OrderType.STOP_LIMIT: "STOP",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT_MARKET",
}
_STATUS = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
}
_PRICE_DIGITS = Decimal("0.00000")


def decimals(unit: Decimal) -> int:
    """How many digits after the point a multiple of `unit` has."""
    exponent = unit.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def realized_average(order: PaperOrder) -> Decimal:
    return (order.filled_value / order.filled).quantize(_PRICE_DIGITS) if order.filled else ZERO


def acting_type(order: PaperOrder) -> str:
    """A triggered order is a plain one in the matching engine."""
    if is_conditional(order.type) and order.triggered:
        return "LIMIT" if order.type is OrderType.STOP_LIMIT else "MARKET"
    return WIRE_TYPE[order.type]


def exchange_info(book: Book, now: int) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": now,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in book.wallet],
        "symbols": [_symbol(book, rules) for rules in book.ledger.rules.values()],
    }


def _symbol(book: Book, rules: MarketRules) -> Json:
    halted = rules.symbol in book.core.admission.halted
    most = text(rules.max_qty) if rules.max_qty is not None else "1000000000"
    lot = {"minQty": text(rules.min_qty), "maxQty": most, "stepSize": text(rules.step_size)}
    return {
        "symbol": market_id(rules),
        "pair": market_id(rules),
        "contractType": "PERPETUAL",
        "deliveryDate": book.delisted_ms.get(rules.symbol, 4133404800000),
        "onboardDate": 1569398400000,
        "status": "SETTLING" if halted else "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "marginAsset": rules.quote,
        "pricePrecision": decimals(rules.tick_size),
        "quantityPrecision": decimals(rules.step_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(rules.tick_size),
                "maxPrice": "1000000000",
                "tickSize": text(rules.tick_size),
            },
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": text(rules.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


# ---------------------------------------------------------------------- orders


def position_side(book: Book, order: PaperOrder) -> str:
    return order.position_side.upper() if book.ledger.is_hedged else "BOTH"


def order_row(book: Book, order: PaperOrder, *, as_placed: bool = False) -> Json:
    """An order of the matching engine. `as_placed` shows it before anything happened to it (`ACK`)."""
    if as_placed:
        order = replace(order, filled=ZERO, filled_value=ZERO, status=OrderStatus.OPEN)
    extras = book.extras_of(order)
    rules = book.ledger.rules[order.symbol]
    return {
        "orderId": ORDER_IDS + order.number,
        "symbol": market_id(rules),
        "status": _STATUS[order.status],
        "clientOrderId": client_id(order),
        "price": text(order.price),
        "avgPrice": text(realized_average(order)),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "cumQty": text(order.filled),
        "cumQuote": text(order.filled_value * rules.contract_size),
        "timeInForce": extras.time_in_force,
        "type": acting_type(order),
        "reduceOnly": order.reduce_only,
        "closePosition": extras.close_position,
        "side": order.side.upper(),
        "positionSide": position_side(book, order),
        "stopPrice": "0",
        "workingType": extras.working_type,
        "priceProtect": False,
        "origType": acting_type(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at),
    }


def forced_id(fill: PaperFill) -> str:
    """Title: Event: Order Update; its client order ids of liquidations and auto-deleveraging."""
    return f"autoclose-{milliseconds(fill.at)}" if fill.kind is FillKind.LIQUIDATION else "adl_autoclose"


def forced_row(book: Book, fill: PaperFill) -> Json:
    """An order that the venue made by itself, as it is found by its number."""
    rules = book.ledger.rules[fill.symbol]
    return {
        "orderId": ORDER_IDS + 900_000_000 + fill.number,
        "symbol": market_id(rules),
        "status": "FILLED",
        "clientOrderId": forced_id(fill),
        "price": text(fill.price),
        "avgPrice": text(fill.price),
        "origQty": text(fill.quantity),
        "executedQty": text(fill.quantity),
        "cumQuote": text(rules.notional(fill.price, fill.quantity)),
        "timeInForce": "IOC",
        "type": "LIMIT",
        "reduceOnly": True,
        "side": fill.side.upper(),
        "positionSide": fill.position_side.upper() if book.ledger.is_hedged else "BOTH",
        "origType": "LIMIT",
        "time": milliseconds(fill.at),
        "updateTime": milliseconds(fill.at),
    }


def client_id(order: PaperOrder) -> str:
    return order.client_order_id or f"web_{order.number:020d}"


def algo_status(order: PaperOrder) -> str:
    if is_waiting(order):
        return {OrderStatus.OPEN: "NEW", OrderStatus.CANCELLED: "CANCELED"}.get(order.status, "EXPIRED")
    return "TRIGGERED" if order.is_live else "FINISHED"


def algo_row(book: Book, order: PaperOrder) -> Json:
    extras = book.extras_of(order)
    row = {
        "algoId": ALGO_IDS + order.number,
        "clientAlgoId": client_id(order),
        "algoType": "CONDITIONAL",
        "orderType": WIRE_TYPE[order.type],
        "symbol": market_id(book.ledger.rules[order.symbol]),
        "side": order.side.upper(),
        "positionSide": position_side(book, order),
        "timeInForce": extras.time_in_force,
        "quantity": text(order.quantity),
        "algoStatus": algo_status(order),
        "actualOrderId": "" if is_waiting(order) else str(ORDER_IDS + order.number),
        "actualPrice": text(realized_average(order)),
        "triggerPrice": text(order.trigger_price),
        "price": text(order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": extras.working_type,
        "priceMatch": "NONE",
        "closePosition": extras.close_position,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": milliseconds(order.created_at),
        "updateTime": milliseconds(order.updated_at),
        "triggerTime": 0 if is_waiting(order) else milliseconds(order.updated_at),
        "goodTillDate": 0,
    }
    if extras.close_position:
        row["quantity"] = "0"
    return row


def trade_row(book: Book, trade: Trade) -> Json:
    fill = trade.fill
    rules = book.ledger.rules[fill.symbol]
    return {
        "symbol": market_id(rules),
        "id": fill.number,
        "orderId": ORDER_IDS + (fill.order_number or 900_000_000 + fill.number),
        "side": fill.side.upper(),
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "realizedPnl": text(trade.realized),
        "quoteQty": text(rules.notional(fill.price, fill.quantity)),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": milliseconds(fill.at),
        "positionSide": fill.position_side.upper() if book.ledger.is_hedged else "BOTH",
        "buyer": fill.side is OrderSide.BUY,
        "maker": fill.liquidity is Liquidity.MAKER,
    }


def income_row(book: Book, payment: PaperFunding) -> Json:
    rules = book.ledger.rules[payment.symbol]
    return {
        "symbol": market_id(rules),
        "incomeType": "FUNDING_FEE",
        "income": text(payment.amount),
        "asset": rules.quote,
        "time": milliseconds(payment.at),
        "info": "FUNDING_FEE",
        "tranId": 5_000_000_000 + payment.number,
        "tradeId": "",
    }


# ---------------------------------------------------------------------- the account


def gain(book: Book, position: PaperPosition) -> Decimal:
    size = book.ledger.rules[position.symbol].contract_size
    mark = book.ledger.quotes[position.symbol].mark
    return position.side.gain(position.entry_value, mark * position.quantity) * size


def _slots(book: Book, symbol: str) -> list[tuple[str, Side, PaperPosition | None]]:
    """A market's rows: one, or LONG and SHORT in hedge mode."""
    positions = book.ledger.positions
    if book.ledger.is_hedged:
        return [(side.upper(), side, positions.get((symbol, side))) for side in Side]
    held = next((positions[symbol, side] for side in Side if (symbol, side) in positions), None)
    return [("BOTH", held.side if held else Side.LONG, held)]


def position_rows(book: Book, now: int, *, version: int, symbol: str | None = None) -> list[Json]:
    """Version 2 lists every market, version 3 those with a position or live orders."""
    rows = []
    for name in [symbol] if symbol is not None else list(book.ledger.rules):
        in_use = bool(book.ledger.resting.get(name)) or any((name, side) in book.ledger.positions for side in Side)
        if version == 2 or in_use or symbol is not None:
            rows += [_position_row(book, name, slot, held, now, version) for slot, _, held in _slots(book, name)]
    return [row for row in rows if row] if version == 2 else [row for row in rows if _is_told(row)]


def _is_told(row: Json) -> bool:
    return bool(row["positionSide"] == "BOTH" or row["positionAmt"] != "0")


def signed(held: PaperPosition | None) -> Decimal:
    return held.quantity * held.side.sign if held else ZERO


def _position_row(book: Book, symbol: str, slot: str, held: PaperPosition | None, now: int, version: int) -> Json:
    rules, mark = book.ledger.rules[symbol], book.ledger.quotes[symbol].mark
    leverage, mode = book.ledger.leverage(symbol)
    notional = rules.notional(mark, signed(held))
    initial, waiting = book.position_margin(held) if held else ZERO, book.order_margin(symbol, slot)
    entry = held.entry_price.quantize(Decimal("1E-8")) if held else ZERO
    isolated = initial if mode == "isolated" else ZERO
    row = {
        "symbol": market_id(rules),
        "positionSide": slot,
        "positionAmt": text(signed(held)),
        "entryPrice": text(entry),
        "breakEvenPrice": text(entry),
        "markPrice": text(mark),
        "unRealizedProfit": text(gain(book, held)) if held else "0",
        "liquidationPrice": text(book.core.margin.liquidation_price(held)) if held else "0",
        "isolatedMargin": text(isolated),
        "notional": text(notional),
        "isolatedWallet": text(isolated),
        "updateTime": now if held else 0,
    }
    if version == 2:
        return row | {
            "leverage": text(leverage),
            "maxNotionalValue": "100000000",
            "marginType": mode,
            "isAutoAddMargin": "false",
            "isolated": mode == "isolated",
            "adlQuantile": 1,
        }
    return row | {
        "marginAsset": rules.quote,
        "initialMargin": text(initial + waiting),
        "maintMargin": text(abs(notional) * MAINTENANCE_RATE),
        "positionInitialMargin": text(initial),
        "openOrderInitialMargin": text(waiting),
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
    }


def _asset_row(book: Book, asset: str, now: int) -> Json:
    positions = [item for item in book.ledger.positions.values() if book.ledger.rules[item.symbol].quote == asset]
    profit = sum((gain(book, item) for item in positions), ZERO)
    initial = sum((book.position_margin(item) for item in positions), ZERO)
    worth = sum(
        (book.ledger.notional(p.symbol, book.ledger.quotes[p.symbol].mark, p.quantity) for p in positions), ZERO
    )
    wallet, free = book.ledger.balances.get(asset, ZERO), book.core.margin.free(asset)
    return {
        "asset": asset,
        "walletBalance": text(wallet),
        "unrealizedProfit": text(profit),
        "marginBalance": text(wallet + profit),
        "maintMargin": text(worth * MAINTENANCE_RATE),
        "initialMargin": text(initial),
        "positionInitialMargin": text(initial),
        "openOrderInitialMargin": text(max(wallet - free - initial, ZERO)),
        "crossWalletBalance": text(wallet),
        "crossUnPnl": text(profit),
        "availableBalance": text(free),
        "maxWithdrawAmount": text(free),
        "marginAvailable": True,
        "updateTime": now,
    }


def balance_rows(book: Book, now: int) -> list[Json]:
    rows = [_asset_row(book, asset, now) for asset in book.ledger.balances]
    keys = ("asset", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "marginAvailable")
    return [
        {"accountAlias": "fake", "balance": row["walletBalance"], "updateTime": now} | {key: row[key] for key in keys}
        for row in rows
    ]


def account_row(book: Book, now: int, *, version: int) -> Json:
    assets = [_asset_row(book, asset, now) for asset in book.ledger.balances]
    dollars: Json = next((row for row in assets if row["asset"] == "USDT"), assets[0] if assets else {})
    totals = {
        "totalInitialMargin": "initialMargin",
        "totalMaintMargin": "maintMargin",
        "totalWalletBalance": "walletBalance",
        "totalUnrealizedProfit": "unrealizedProfit",
        "totalMarginBalance": "marginBalance",
        "totalPositionInitialMargin": "positionInitialMargin",
        "totalOpenOrderInitialMargin": "openOrderInitialMargin",
        "totalCrossWalletBalance": "crossWalletBalance",
        "totalCrossUnPnl": "crossUnPnl",
        "availableBalance": "availableBalance",
        "maxWithdrawAmount": "maxWithdrawAmount",
    }
    row: Json = {name: dollars.get(key, "0") for name, key in totals.items()}
    row |= {
        "assets": assets,
        "positions": [_account_position(book, item, version) for item in _account_rows(book, now)],
    }
    if version == 2:
        row |= {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True, "multiAssetsMargin": False}
    return row


def _account_rows(book: Book, now: int) -> list[Json]:
    return position_rows(book, now, version=3)


def _account_position(book: Book, row: Json, version: int) -> Json:
    keys = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet", "initialMargin")
    told = {key: row[key] for key in (*keys, "maintMargin", "updateTime")}
    told["unrealizedProfit"] = row["unRealizedProfit"]
    if version == 2:
        symbol = next(name for name, rules in book.ledger.rules.items() if market_id(rules) == row["symbol"])
        leverage, mode = book.ledger.leverage(symbol)
        told |= {"entryPrice": row["entryPrice"], "leverage": text(leverage), "isolated": mode == "isolated"}
    return told


# ---------------------------------------------------------------------- events


def order_event(book: Book, event: OrderEvent, now: int) -> Json:
    """Title: Event: Order Update."""
    order, extras = event.order, book.extras_of(event.order)
    told: Json = {
        "s": market_id(book.ledger.rules[order.symbol]),
        "c": client_id(order),
        "S": order.side.upper(),
        "o": acting_type(order),
        "f": extras.time_in_force,
        "q": text(order.quantity),
        "p": text(order.price),
        "ap": text(realized_average(order)),
        "sp": "0",
        "x": event.what,
        "X": "NEW" if event.what == "NEW" else _STATUS[order.status],
        "i": ORDER_IDS + order.number,
        "z": text(order.filled),
        "R": order.reduce_only,
        "wt": extras.working_type,
        "ot": acting_type(order),
        "ps": position_side(book, order),
        "cp": extras.close_position,
        "er": "0",
    }
    return _order_update(told | _trade_part(event.trade, milliseconds(order.updated_at)), now)


def _trade_part(trade: Trade | None, at: int) -> Json:
    rest: Json = {"b": "0", "a": "0", "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0}
    if trade is None:
        return rest | {"l": "0", "L": "0", "T": at, "t": 0, "m": False, "rp": "0"}
    fill = trade.fill
    return rest | {
        "l": text(fill.quantity),
        "L": text(fill.price),
        "N": fill.fee_asset,
        "n": text(fill.fee),
        "T": milliseconds(fill.at),
        "t": fill.number,
        "m": fill.liquidity is Liquidity.MAKER,
        "rp": text(trade.realized),
    }


def forced_event(book: Book, event: ForcedEvent, now: int) -> Json:
    """Title: Event: Order Update."""
    fill = event.trade.fill
    liquidated = fill.kind is FillKind.LIQUIDATION
    told: Json = {
        "s": market_id(book.ledger.rules[fill.symbol]),
        "c": forced_id(fill),
        "S": fill.side.upper(),
        "o": "LIMIT",
        "f": "IOC",
        "q": text(fill.quantity),
        "p": text(fill.price),
        "ap": text(fill.price),
        "sp": "0",
        "x": "CALCULATED" if liquidated else "TRADE",
        "X": "FILLED",
        "i": ORDER_IDS + 900_000_000 + fill.number,
        "z": text(fill.quantity),
        "R": True,
        "wt": "CONTRACT_PRICE",
        "ot": "LIQUIDATION" if liquidated else "LIMIT",
        "ps": fill.position_side.upper() if book.ledger.is_hedged else "BOTH",
        "cp": False,
        "er": "0",
    }
    return _order_update(told | _trade_part(event.trade, milliseconds(fill.at)), now)


def _order_update(told: Json, now: int) -> Json:
    return {"e": "ORDER_TRADE_UPDATE", "E": now, "T": told["T"], "o": told}


def algo_event(book: Book, event: AlgoEvent, now: int) -> Json:
    """Title: Event: Algo Order Update."""
    order, row = event.order, algo_row(book, event.order)
    placed = event.status in {"TRIGGERED", "FINISHED"}
    told = {
        "caid": row["clientAlgoId"],
        "aid": row["algoId"],
        "at": "CONDITIONAL",
        "o": row["orderType"],
        "s": row["symbol"],
        "S": row["side"],
        "ps": row["positionSide"],
        "f": row["timeInForce"],
        "q": row["quantity"],
        "X": event.status,
        "ai": row["actualOrderId"] if placed else "",
        "tp": row["triggerPrice"],
        "p": row["price"],
        "V": "EXPIRE_MAKER",
        "wt": row["workingType"],
        "pm": "NONE",
        "cp": row["closePosition"],
        "pP": False,
        "R": row["reduceOnly"],
        "tt": row["triggerTime"],
        "gtd": 0,
        "rm": order.reason or "",
    }
    if placed:
        told |= {"ap": text(realized_average(order)), "aq": text(order.filled), "act": acting_type(order)}
    return {"e": "ALGO_UPDATE", "T": milliseconds(order.updated_at), "E": now, "o": told}


def account_event(book: Book, event: AccountEvent, now: int) -> Json:
    """Title: Event: Balance and Position Update. Of funding on a cross position only the balance is told."""
    is_funding = event.reason == "FUNDING_FEE"
    keys = [key for key in event.positions if not is_funding or book.ledger.leverage(key[0])[1] == "isolated"]
    symbols = dict.fromkeys(symbol for symbol, _ in keys)
    touched = set(keys)
    told = [
        _position_part(book, symbol, slot, held)
        for symbol in symbols
        for slot, side, held in _slots(book, symbol)
        if slot == "BOTH" or (symbol, side) in touched
    ]
    balances = [_balance_part(book, asset, change, is_funding) for asset, change in event.assets.items()]
    return {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": {"m": event.reason, "B": balances, "P": told}}


def _balance_part(book: Book, asset: str, change: Decimal, is_funding: bool) -> Json:
    total = text(book.ledger.balances.get(asset, ZERO))
    return {"a": asset, "wb": total, "cw": total, "bc": text(change) if is_funding else "0"}


def _position_part(book: Book, symbol: str, slot: str, held: PaperPosition | None) -> Json:
    mode = book.ledger.leverage(symbol)[1]
    row = _position_row(book, symbol, slot, held, 0, 3)
    return {
        "s": row["symbol"],
        "pa": row["positionAmt"],
        "ep": row["entryPrice"],
        "bep": row["entryPrice"],
        "cr": "0",
        "up": row["unRealizedProfit"],
        "mt": mode,
        "iw": row["isolatedWallet"],
        "ps": slot,
    }


# ---------------------------------------------------------------------- market data

_DEPTH = "1000"


def book_ticker(name: str, quote: Quote) -> Json:
    return {
        "symbol": name,
        "bidPrice": text(quote.bid),
        "bidQty": _DEPTH,
        "askPrice": text(quote.ask),
        "askQty": _DEPTH,
        "time": milliseconds(quote.at),
    }


def premium_index(name: str, quote: Quote, now: int, rate: Decimal) -> Json:
    return {
        "symbol": name,
        "markPrice": text(quote.mark),
        "indexPrice": text(quote.mark),
        "estimatedSettlePrice": text(quote.mark),
        "lastFundingRate": text(rate),
        "interestRate": "0.0001",
        "nextFundingTime": now - now % 28_800_000 + 28_800_000,
        "time": now,
    }


def day_ticker(name: str, quote: Quote, now: int) -> Json:
    last = text(quote.last)
    return {
        "symbol": name,
        "priceChange": "0",
        "priceChangePercent": "0",
        "weightedAvgPrice": last,
        "lastPrice": last,
        "lastQty": "1",
        "openPrice": last,
        "highPrice": last,
        "lowPrice": last,
        "volume": "0",
        "quoteVolume": "0",
        "openTime": now - 86_400_000,
        "closeTime": now,
        "firstId": 1,
        "lastId": 1,
        "count": 1,
    }


def stream_event(channel: str, name: str, quote: Quote, number: int, now: int) -> Mapping[str, Any] | None:
    """What a market stream's channel says of a quote. Titles: Individual Symbol Book Ticker Streams, Mark Price Stream,
    Aggregate Trade Streams, Individual Symbol Ticker Streams, Individual Symbol Mini Ticker Stream."""
    last, at = text(quote.last), milliseconds(quote.at)
    match channel:
        case "bookTicker":
            sides = {"b": text(quote.bid), "B": _DEPTH, "a": text(quote.ask), "A": _DEPTH}
            return {"e": "bookTicker", "u": number, "E": now, "T": at, "s": name} | sides
        case "markPrice":
            mark = text(quote.mark)
            after = now - now % 28_800_000 + 28_800_000
            return {"e": "markPriceUpdate", "E": now, "s": name, "p": mark, "i": mark, "P": mark, "r": "0", "T": after}
        case "aggTrade":
            ids = {"a": number, "f": number, "l": number}
            return {"e": "aggTrade", "E": now, "s": name, "p": last, "q": "1", "T": at, "m": False} | ids
        case "trade":
            return {
                "e": "trade",
                "E": now,
                "T": at,
                "s": name,
                "t": number,
                "p": last,
                "q": "1",
                "X": "MARKET",
                "m": False,
            }
        case "ticker" | "miniTicker":
            kind = "24hrTicker" if channel == "ticker" else "24hrMiniTicker"
            small = {"e": kind, "E": now, "s": name, "c": last, "o": last, "h": last, "l": last, "v": "0", "q": "0"}
            if channel == "miniTicker":
                return small
            rest = {"p": "0", "P": "0", "w": last, "Q": "1", "O": now - 86_400_000, "C": now, "F": 1, "L": 1, "n": 1}
            return small | rest
    return None
