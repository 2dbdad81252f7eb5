"""Two exits over one quantity, of which the venue lets only one happen: Binance's order list of the kind OCO."""

from __future__ import annotations

from typing import Any

from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt.asking import priority_of
from app.exchange.ccxt.dialects.base import Operation, Params, spelled
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.session import RequestFailed, Session
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused
from app.ports.venue import OrderRequest

PROFITS = frozenset({OrderType.LIMIT, OrderType.TAKE_PROFIT_MARKET})
STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})
_WIRE_TYPES = {
    # A limit order of a pair must rest, and is called so.
    OrderType.LIMIT: "LIMIT_MAKER",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
    OrderType.STOP_MARKET: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}


async def create_pair(
    session: Session, take_profit: OrderRequest, stop: OrderRequest
) -> tuple[Raw, Raw] | Refused | NotSent | OutcomeUnknown:
    """Both orders in ccxt's words, or what became of the request for both."""
    unfit = _unfit(session, take_profit, stop)
    if unfit is not None:
        return unfit
    try:
        return await session.call(
            Operation.CREATE, priority_of(take_profit), lambda api: _ask(api, take_profit, stop), orders=2
        )
    except RequestFailed as failed:
        return session.outcome(failed.failure)
    except LookupError:
        return OutcomeUnknown("the exchange's answer does not tell both orders")


def _unfit(session: Session, take_profit: OrderRequest, stop: OrderRequest) -> Refused | None:
    if not session.dialect.oco:
        return Refused(RefusalCode.INVALID_ORDER, "the exchange cannot bind two orders to one quantity")
    same = (take_profit.symbol, take_profit.side, take_profit.quantity) == (stop.symbol, stop.side, stop.quantity)
    if take_profit.type not in PROFITS or stop.type not in STOPS or not same:
        return Refused(RefusalCode.INVALID_ORDER, "a pair is a profit and a stop, of one side and quantity")
    return None


async def _ask(api: Any, take_profit: OrderRequest, stop: OrderRequest) -> tuple[Raw, Raw]:
    """Title: New Order list - OCO."""
    market = api.market(take_profit.symbol)
    told = await api.privatePostOrderListOco(pair_words(market["id"], take_profit, stop))
    orders = {each["clientOrderId"]: api.parse_order(each, market) for each in told["orderReports"]}
    return orders[take_profit.client_order_id], orders[stop.client_order_id]


def pair_words(market_id: str, take_profit: OrderRequest, stop: OrderRequest) -> Params:
    """What Binance wants to be told. A seller's profit lies above the price, a buyer's below."""
    selling = take_profit.side is OrderSide.SELL
    above, below = (take_profit, stop) if selling else (stop, take_profit)
    return {
        "symbol": market_id,
        "side": take_profit.side.value.upper(),
        "quantity": spelled(take_profit.quantity),
        "listClientOrderId": f"{take_profit.client_order_id}-pair",
        "newOrderRespType": "RESULT",
        **_leg_words("above", above),
        **_leg_words("below", below),
    }


def _leg_words(where: str, leg: OrderRequest) -> Params:
    words: Params = {f"{where}Type": _WIRE_TYPES[leg.type], f"{where}ClientOrderId": leg.client_order_id}
    if leg.price is not None:
        words[f"{where}Price"] = spelled(leg.price)
    if leg.trigger_price is not None:
        words[f"{where}StopPrice"] = spelled(leg.trigger_price)
    if leg.type is OrderType.STOP_LIMIT:
        words[f"{where}TimeInForce"] = leg.time_in_force.value.upper()
    return words
