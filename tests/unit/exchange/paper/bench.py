"""Short-hands for tests of the paper exchange's core."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.values import MarketType, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.core import Core
from app.messages.reports import Accepted, FillReport, OrderReport, RefusalCode, Refused
from app.ports.paper_store import PaperFill, PaperPosition
from app.ports.venue import OrderRef, OrderRequest
from tests.support.clock import MIDNIGHT

SOL = "SOL/USDT:USDT"
BTC = "BTC/USDT:USDT"
SPOT = "SOL/USDT"
FREE = {"maker": Decimal(0), "taker": Decimal(0)}


def rules_of(symbol: str, **others: Any) -> MarketRules:
    """Tick 0.01, step 0.001, minimum notional 5."""
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    facts = {
        "tick_size": Decimal("0.01"),
        "step_size": Decimal("0.001"),
        "min_qty": Decimal("0.001"),
        "min_notional": Decimal(5),
    }
    market_type = MarketType.LINEAR if settle else MarketType.SPOT
    return MarketRules(symbol=symbol, market_type=market_type, base=base, quote=quote, **{**facts, **others})


def request(
    side: OrderSide,
    quantity: str,
    price: str | None = None,
    *,
    order_id: str,
    symbol: str = SOL,
    type_: OrderType | None = None,
    trigger: str | None = None,
    **others: Any,
) -> OrderRequest:
    """A limit order where a price is given, else a market order, unless `type` says otherwise."""
    facts: dict[str, Any] = {
        "position_side": Side.LONG if side is OrderSide.BUY else Side.SHORT,
        "reduce_only": False,
        "time_in_force": TimeInForce.GTC,
    }
    return OrderRequest(
        client_order_id=order_id,
        symbol=symbol,
        side=side,
        type=type_ or (OrderType.MARKET if price is None else OrderType.LIMIT),
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        trigger_price=None if trigger is None else Decimal(trigger),
        **{**facts, **others},
    )


class Bench:
    """One account's core at a price, with a counter for client order ids."""

    def __init__(self, *, symbol: str = SOL, price: str = "100", **account: Any) -> None:
        facts: dict[str, Any] = {
            "id": "paper",
            "market_type": "linear" if ":" in symbol else "spot",
            "balances": {"USDT": Decimal(10_000)},
            "fees": FREE,
        }
        self.core = Core(AccountConfig.model_validate({**facts, **account}))
        self.ledger = self.core.ledger
        self.ledger.open_account()
        self.symbol = symbol
        self.at = MIDNIGHT
        self._ids = 0
        self.list_market(symbol, price)

    def list_market(self, symbol: str, price: str, **rules: Any) -> None:
        self.ledger.rules[symbol] = rules_of(symbol, **rules)
        self.ledger.quotes[symbol] = Quote.flat(Decimal(price), self.at)

    def price(self, price: str | Decimal, symbol: str | None = None) -> None:
        self.quote(Quote.flat(Decimal(price), self._later()), symbol)

    def quote(self, quote: Quote, symbol: str | None = None) -> None:
        self.core.on_price(symbol or self.symbol, quote, self._later())

    def _later(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def request(self, side: OrderSide, quantity: str, price: str | None = None, **others: Any) -> OrderRequest:
        self._ids += 1
        return request(side, quantity, price, **{"symbol": self.symbol, "order_id": f"order{self._ids}", **others})

    def buy(self, quantity: str, price: str | None = None, **others: Any) -> OrderReport:
        return self.order(OrderSide.BUY, quantity, price, **others)

    def sell(self, quantity: str, price: str | None = None, **others: Any) -> OrderReport:
        return self.order(OrderSide.SELL, quantity, price, **others)

    def order(self, side: OrderSide, quantity: str, price: str | None = None, **others: Any) -> OrderReport:
        """An order that is taken; as the answer tells it."""
        outcome = self.core.submit(self.request(side, quantity, price, **others), self._later())
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    def refused(self, side: OrderSide, quantity: str, price: str | None = None, **others: Any) -> RefusalCode:
        outcome = self.core.submit(self.request(side, quantity, price, **others), self._later())
        assert isinstance(outcome, Refused), outcome
        return outcome.code

    def amend(self, order: OrderReport, quantity: str, price: str | None = None) -> OrderReport | RefusalCode:
        outcome = self.core.amend(ref(order), Decimal(quantity), None if price is None else Decimal(price), self.at)
        return outcome.order if isinstance(outcome, Accepted) else outcome.code

    def now(self, order: OrderReport) -> OrderReport:
        """The order as it stands."""
        found = self.core.find(ref(order))
        assert found is not None
        return self.core.report.order(found, with_fills=True)

    def fills(self) -> list[PaperFill]:
        return self.ledger.fills

    def position(self, side: Side = Side.LONG, symbol: str | None = None) -> PaperPosition | None:
        return self.ledger.positions.get((symbol or self.symbol, side))

    def held(self, side: Side = Side.LONG) -> Decimal:
        position = self.position(side)
        return position.quantity if position else Decimal(0)

    def balance(self, asset: str = "USDT") -> Decimal:
        return self.ledger.balances.get(asset, Decimal(0))

    def free(self, asset: str = "USDT") -> Decimal:
        return self.core.margin.free(asset)


def ref(order: OrderReport) -> OrderRef:
    return OrderRef(order.client_order_id or "", order.venue_order_id, order.symbol, order.type)


def executions(fills: list[PaperFill] | tuple[FillReport, ...]) -> list[tuple[Decimal, Decimal]]:
    """(price, quantity) of each."""
    return [(fill.price, fill.quantity) for fill in fills]


def pairs(*texts: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in texts]
