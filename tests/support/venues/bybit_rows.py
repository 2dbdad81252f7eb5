"""The book in Bybit's JSON: numbers as strings, times in milliseconds as strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import ONE, ZERO, Liquidity, MarketType, OrderSide, OrderType, Side
from app.exchange.paper.ledger import is_conditional
from app.exchange.paper.margin import MAINTENANCE_RATE
from app.messages.reports import FillKind
from app.ports.paper_store import PaperFill, PaperFunding, PaperOrder
from tests.support.venues.bybit_book import BybitBook, is_waiting
from tests.support.venues.words import market_id, milliseconds, text

Json = dict[str, Any]
_LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_EXEC_TYPE = {FillKind.TRADE: "Trade", FillKind.LIQUIDATION: "BustTrade", FillKind.ADL: "AdlTrade"}
_DIGITS = Decimal("0.00000001")


def order_id(number: int, market_type: MarketType) -> str:
    """Spot counts its orders, perpetuals have UUIDs."""
    if market_type is MarketType.SPOT:
        return str(1_320_000_000_000_000_000 + number)
    return f"{number:08x}-7847-404e-b947-b46980a4d140"


def exec_id(number: int, kind: str = "e0cb") -> str:
    return f"{number:08x}-{kind}-5866-9415-cf319b5dab3b"


def side_word(side: OrderSide) -> str:
    return "Buy" if side is OrderSide.BUY else "Sell"


def position_index(book: BybitBook, side: Side) -> int:
    if not book.ledger.is_hedged:
        return 0
    return 1 if side is Side.LONG else 2


def largest(rules: MarketRules, kind: OrderType) -> Decimal:
    """The most that an order may have; a fifth of it at market."""
    most = rules.max_qty if rules.max_qty is not None else Decimal(1_000_000_000)
    return most if kind in _LIMITS else most / 5


def instrument(book: BybitBook, rules: MarketRules) -> Json:
    """https://bybit-exchange.github.io/docs/v5/market/instrument"""
    halted = rules.symbol in book.core.admission.halted
    most, at_market = (text(largest(rules, kind)) for kind in (OrderType.LIMIT, OrderType.MARKET))
    row: Json = {
        "symbol": market_id(rules),
        "baseCoin": rules.base,
        "quoteCoin": rules.quote,
        "status": "Closed" if halted else "Trading",
        "priceFilter": {"tickSize": text(rules.tick_size), "minPrice": text(rules.tick_size), "maxPrice": "1999999.80"},
    }
    if book.market_type is MarketType.SPOT:
        lots = {"basePrecision": text(rules.step_size), "quotePrecision": "0.00000001"}
        lots |= {"minOrderQty": text(rules.min_qty), "maxOrderQty": most, "maxMarketOrderQty": at_market}
        lots |= {"minOrderAmt": text(rules.min_notional), "maxOrderAmt": "8000000"}
        return row | {"innovation": "0", "marginTrading": "none", "stTag": "0", "lotSizeFilter": lots}
    lots = {"qtyStep": text(rules.step_size), "minOrderQty": text(rules.min_qty), "maxOrderQty": most}
    lots |= {"maxMktOrderQty": at_market, "postOnlyMaxOrderQty": most, "minNotionalValue": text(rules.min_notional)}
    return row | {
        "contractType": "LinearPerpetual",
        "launchTime": "1569398400000",
        "deliveryTime": "0",
        "settleCoin": rules.quote,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "lotSizeFilter": lots,
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
    }


def ticker(book: BybitBook, rules: MarketRules, quote: Quote) -> Json:
    """https://bybit-exchange.github.io/docs/v5/market/tickers"""
    row = {
        "symbol": market_id(rules),
        "lastPrice": text(quote.last),
        "highPrice24h": text(quote.last),
        "lowPrice24h": text(quote.last),
        "prevPrice24h": text(quote.last),
        "price24hPcnt": "0",
        "volume24h": "0",
        "turnover24h": "0",
        "bid1Price": text(quote.bid),
        "bid1Size": "100",
        "ask1Price": text(quote.ask),
        "ask1Size": "100",
    }
    if book.market_type is MarketType.SPOT:
        return row | {"usdIndexPrice": text(quote.last)}
    return row | {
        "markPrice": text(quote.mark),
        "indexPrice": text(quote.mark),
        "openInterest": "0",
        "openInterestValue": "0",
        "fundingRate": "0.0001",
        "nextFundingTime": "1672387200000",
    }


def stream_ticker(book: BybitBook, rules: MarketRules, quote: Quote) -> Json:
    """https://bybit-exchange.github.io/docs/v5/websocket/public/ticker: spot tells no bid and ask there."""
    row = ticker(book, rules, quote)
    if book.market_type is MarketType.SPOT:
        return {name: value for name, value in row.items() if not name.startswith(("bid1", "ask1"))}
    return row


def order_row(book: BybitBook, order: PaperOrder, status: str | None = None) -> Json:
    """https://bybit-exchange.github.io/docs/v5/order/open-order"""
    is_spot = book.market_type is MarketType.SPOT
    base = book.base_prices.get(order.number, ZERO)
    is_limit = order.type in _LIMITS
    waits = is_conditional(order.type)
    row: Json = {
        "orderId": order_id(order.number, book.market_type),
        "orderLinkId": order.client_order_id or "",
        "blockTradeId": "",
        "symbol": market_id(book.ledger.rules[order.symbol]),
        "price": text(order.price),
        "qty": text(order.quantity),
        "side": side_word(order.side),
        "isLeverage": "0" if is_spot else "",
        "positionIdx": 0 if is_spot else position_index(book, order.position_side),
        "orderStatus": status or status_of(order, is_spot=is_spot),
        "cancelType": "CancelByUser" if order.status == "cancelled" else "UNKNOWN",
        "rejectReason": "EC_NoError",
        "avgPrice": text((order.filled_value / order.filled).quantize(_DIGITS)) if order.filled else "",
        "leavesQty": text(order.remaining) if order.is_live else "0",
        "leavesValue": "0",
        "cumExecQty": text(order.filled),
        "cumExecValue": text(order.filled_value),
        "cumExecFee": "0",
        "timeInForce": order.time_in_force.value.upper() if is_limit else "IOC",
        "orderType": "Limit" if is_limit else "Market",
        "stopOrderType": "Stop" if waits else ("" if is_spot else "UNKNOWN"),
        "marketUnit": "baseCoin" if is_spot and not is_limit else "",
        "triggerPrice": text(order.trigger_price),
        "takeProfit": "",
        "stopLoss": "",
        "triggerDirection": _direction(order) if waits and not is_spot else 0,
        "triggerBy": "LastPrice" if waits and not is_spot else "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "createdTime": str(milliseconds(order.created_at)),
        "updatedTime": str(milliseconds(order.updated_at)),
        "cumFeeDetail": {},
    }
    if is_spot:
        return row | {"basePrice": text(base)}
    return row | {"lastPriceOnCreated": text(base), "createType": "CreateByUser", "tpslMode": ""}


def _direction(order: PaperOrder) -> int:
    rises = (order.side is OrderSide.BUY) != (order.type is OrderType.TAKE_PROFIT_MARKET)
    return 1 if rises else 2


def status_of(order: PaperOrder, *, is_spot: bool) -> str:
    """https://bybit-exchange.github.io/docs/v5/enum#orderstatus"""
    if order.is_live:
        if is_waiting(order):
            return "Untriggered"
        return "PartiallyFilled" if order.filled else "New"
    if order.status is OrderStatus.FILLED:
        return "Filled"
    if order.status is OrderStatus.REJECTED:
        return "Rejected"
    if is_waiting(order):
        return "Deactivated"
    return "PartiallyFilledCanceled" if is_spot and order.filled else "Cancelled"


def fill_row(book: BybitBook, fill: PaperFill, order: PaperOrder | None) -> Json:
    """https://bybit-exchange.github.io/docs/v5/order/execution; a forced close has an order of the venue's own."""
    is_spot = book.market_type is MarketType.SPOT
    number = fill.order_number if fill.order_number is not None else 0x70000000 + fill.number
    row: Json = {
        "symbol": market_id(book.ledger.rules[fill.symbol]),
        "orderId": order_id(number, book.market_type),
        "orderLinkId": fill.client_order_id or "",
        "side": side_word(fill.side),
        "orderPrice": text(order.price) if order is not None else "0",
        "orderQty": text(order.quantity) if order is not None else text(fill.quantity),
        "leavesQty": text(order.remaining) if order is not None else "0",
        "orderType": "Limit" if order is not None and order.type in _LIMITS else "Market",
        "stopOrderType": "UNKNOWN",
        "execFee": text(fill.fee),
        "execId": exec_id(fill.number),
        "execPrice": text(fill.price),
        "execQty": text(fill.quantity),
        "execType": _EXEC_TYPE[fill.kind],
        "execValue": text(fill.price * fill.quantity),
        "execTime": str(milliseconds(fill.at)),
        "feeCurrency": fill.fee_asset if is_spot else "",
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "feeRate": "0",
        "markPrice": text(book.ledger.quotes[fill.symbol].mark),
        "closedSize": "0",
        "blockTradeId": "",
        "seq": fill.number,
    }
    return row if is_spot else row | {"createType": "CreateByUser"}


def funding_row(book: BybitBook, payment: PaperFunding) -> Json:
    """https://bybit-exchange.github.io/docs/v5/order/execution: a fee above zero is one that was paid."""
    position = book.ledger.positions.get((payment.symbol, payment.position_side))
    mark = book.ledger.quotes[payment.symbol].mark
    size = abs(payment.amount / (payment.rate * mark)) if payment.rate else (position.quantity if position else ONE)
    return {
        "symbol": market_id(book.ledger.rules[payment.symbol]),
        "orderId": exec_id(payment.number, "0f0d"),
        "orderLinkId": "",
        "side": "Buy" if payment.position_side is Side.LONG else "Sell",
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "execFee": text(-payment.amount),
        "execId": exec_id(payment.number, "f00d"),
        "execPrice": text(mark),
        "execQty": text(size),
        "execType": "Funding",
        "execValue": text(size * mark),
        "execTime": str(milliseconds(payment.at)),
        "isMaker": False,
        "feeRate": text(payment.rate),
        "createType": "",
        "feeCurrency": "",
        "seq": payment.number,
    }


def position_row(book: BybitBook, symbol: str, side: Side) -> Json:
    """https://bybit-exchange.github.io/docs/v5/position; a flat one where there is none."""
    rules, held = book.ledger.rules[symbol], book.ledger.positions.get((symbol, side))
    leverage = book.ledger.leverage(symbol)[0]
    quote = book.ledger.quotes[symbol]
    value = held.entry_value if held else ZERO
    liquidation = book.core.margin.liquidation_price(held) if held else None
    word = {Side.LONG: "Buy", Side.SHORT: "Sell"}[side] if held else ""
    return {
        "positionIdx": position_index(book, side),
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": market_id(rules),
        "side": word,
        "size": text(held.quantity) if held else "0",
        "avgPrice": text(held.entry_price) if held else "0",
        "positionValue": text(value) if held else "",
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": text(leverage),
        "markPrice": text(quote.mark),
        "liqPrice": text(liquidation) if liquidation is not None else "",
        "bustPrice": "",
        "positionIM": text(value / leverage),
        "positionMM": text(value * MAINTENANCE_RATE),
        "positionBalance": text(value / leverage) if book.margin_mode == "ISOLATED_MARGIN" else "0",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": text(_gain(side, held.quantity, held.entry_price, quote.mark)) if held else "",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "createdTime": "1676538056258",
        "updatedTime": str(milliseconds(book.now())),
        "seq": -1,
    }


def _gain(side: Side, quantity: Decimal, entry: Decimal, mark: Decimal) -> Decimal:
    return side.sign * (mark - entry) * quantity


def wallet(book: BybitBook) -> Json:
    """https://bybit-exchange.github.io/docs/v5/account/wallet-balance"""
    return {
        "accountType": "UNIFIED",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "totalEquity": "",
        "totalAvailableBalance": "",
        "coin": [_coin(book, asset) for asset in book.ledger.balances],
    }


def _coin(book: BybitBook, asset: str) -> Json:
    total, bound = book.ledger.balances[asset], book.core.margin.locked(asset)
    is_spot = book.market_type is MarketType.SPOT
    held = ZERO if is_spot else _position_margin(book, asset)
    return {
        "coin": asset,
        "equity": text(total),
        "walletBalance": text(total),
        "locked": text(bound) if is_spot else "0",
        "totalOrderIM": "0" if is_spot else text(max(bound - held, ZERO)),
        "totalPositionIM": text(held),
        "totalPositionMM": "0",
        "availableToWithdraw": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "usdValue": "",
        "collateralSwitch": True,
        "marginCollateral": True,
    }


def _position_margin(book: BybitBook, asset: str) -> Decimal:
    held = (item for item in book.ledger.positions.values() if book.ledger.rules[item.symbol].quote == asset)
    return sum((item.entry_value / book.ledger.leverage(item.symbol)[0] for item in held), ZERO)


def kline(bar: Any) -> list[str]:
    """https://bybit-exchange.github.io/docs/v5/market/kline"""
    prices = (bar.open, bar.high, bar.low, bar.close)
    return [str(milliseconds(bar.at)), *map(text, prices), "0", "0"]
