"""Endpoints of the Aster fake that change something. A docstring's title names the chapter of Aster's documents."""

from __future__ import annotations

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, Side
from app.ports.paper_store import PaperOrder
from tests.support.venues.aster_rows import order_row
from tests.support.venues.binance_book import ORDER_IDS
from tests.support.venues.binance_orders import Json, Params, Trading, needed, number
from tests.support.venues.refusals import VenueRefusal, malformed, mandatory

_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_MARKET": OrderType.STOP_MARKET,
    "STOP": OrderType.STOP_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
}
_PLAIN = {OrderType.LIMIT, OrderType.MARKET}
_FLAGS = ("reduceOnly", "closePosition")


class AsterTrading(Trading):
    """Conditional orders are placed, found and cancelled like the others."""

    def new_order(self, params: Params) -> Json:
        """Title: New Order."""
        kind = _TYPES.get(needed(params, "type"))
        if kind is None:
            raise VenueRefusal(-1116, "Invalid orderType.")
        for flag in _FLAGS:
            if params.get(flag, "false") not in {"true", "false"}:
                raise malformed(flag)
        trigger = None if kind in _PLAIN else number(params, "stopPrice")
        if trigger is None and kind not in _PLAIN:
            raise mandatory("stopPrice")
        order = self._placed(params, kind, params.get("newClientOrderId"), trigger)
        return self._row(order, as_placed=self._shows_as_placed(params))

    def _shows_as_placed(self, params: Params) -> bool:
        return params.get("newOrderRespType", "ACK") == "ACK"

    def _found(self, params: Params, refusal: tuple[int, str]) -> PaperOrder:
        order = self._by_id(params, "orderId", "origClientOrderId", ORDER_IDS)
        if order is None or ("symbol" in params and order.symbol != self.rules(params).symbol):
            raise VenueRefusal(*refusal)
        return order

    def cancel_all(self, params: Params) -> Json:
        """Title: Cancel All Open Orders."""
        symbol = self.rules(params).symbol
        self._cancel_where(lambda order: order.symbol == symbol)
        return {"code": "200", "msg": "The operation of cancel all open order is done."}

    def _row(self, order: PaperOrder, *, as_placed: bool = False) -> Json:
        return order_row(self._book, order, as_placed=as_placed)


class SpotTrading(AsterTrading):
    """Spot has no positions, and no FOK. Title: Place order (spot)."""

    def _placed(self, params: Params, kind: OrderType, own_id: str | None, trigger: object) -> PaperOrder:
        for name in (*_FLAGS, "positionSide"):
            if name in params:
                raise VenueRefusal(-1106, f"Parameter '{name}' sent when not required.")
        if params.get("timeInForce") == "FOK":
            raise VenueRefusal(-1115, "Invalid timeInForce.")
        return super()._placed(params, kind, own_id, trigger)  # type: ignore[arg-type]  # a decimal or nothing

    def _shows_as_placed(self, params: Params) -> bool:
        if "newOrderRespType" in params:
            raise VenueRefusal(-1103, "An unknown parameter was sent.")
        return False

    def _position_side(self, params: Params, side: OrderSide) -> Side:
        return Side.LONG

    def _result(self, outcome: object, rules: MarketRules) -> PaperOrder:
        try:
            return super()._result(outcome, rules)  # type: ignore[arg-type]  # what the engine answered
        except VenueRefusal as refusal:
            raise _SPOT_WORDS.get(refusal.code, refusal) from None


_SPOT_WORDS = {
    -2019: VenueRefusal(-2018, "Balance is insufficient."),
    -4116: VenueRefusal(-2010, "Duplicate order sent."),
    -4140: VenueRefusal(-4022, "market status sent is not valid."),
}
