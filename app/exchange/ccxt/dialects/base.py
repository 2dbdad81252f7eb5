"""What each venue wants to be spoken to like: facts only, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType, UnionType
from typing import Any, TypeAlias

from app.domain.values import MarketType, OrderType, PositionMode, Side
from app.exchange.ccxt.verdicts import Codes
from app.ports.venue import Capabilities, OrderRef, OrderRequest

MINUTE = 60.0
PLAIN_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
CONDITIONAL_TYPES = frozenset(OrderType) - PLAIN_TYPES
Params = dict[str, Any]
Shape: TypeAlias = "type | UnionType | Mapping[str, Shape]"
"""What an answer is made of: something of a type, or an object that has at least these entries."""


def has_shape(told: Any, shape: Shape) -> bool:
    """`object` stands for whatever an entry holds, null too; the entry must be there all the same."""
    if not isinstance(shape, Mapping):
        return isinstance(told, shape)
    return isinstance(told, dict) and all(name in told and has_shape(told[name], of) for name, of in shape.items())


def spelled(value: Decimal) -> str:
    """A number as venues read it, never with an exponent."""
    return format(value, "f")


class HedgeStyle(StrEnum):
    """How an order names its position."""

    NONE = "none"
    POSITION_SIDE = "position_side"
    """`positionSide` is LONG or SHORT in hedge mode, which forbids reduce-only."""
    POSITION_INDEX = "position_index"
    """`positionIdx` is 0 in one-way mode, else 1 (long) or 2 (short); reduce-only goes with it."""


class Operation(StrEnum):
    """Kinds of requests that differ in weight."""

    CREATE = "create"
    CREATE_BATCH = "create_batch"
    CANCEL = "cancel"
    AMEND = "amend"
    LOOK_UP = "look_up"
    OPEN_ORDERS = "open_orders"
    OPEN_ORDERS_OF_MARKET = "open_orders_of_market"
    POSITIONS = "positions"
    BALANCES = "balances"
    FILLS = "fills"
    FUNDING = "funding"
    CANDLES = "candles"
    MARKETS = "markets"
    TICKER = "ticker"
    SETTING = "setting"
    TIERS = "tiers"
    LEVERAGE = "leverage"
    SET_LEVERAGE = "set_leverage"
    TIME = "time"


NEW_ORDERS = frozenset({Operation.CREATE, Operation.CREATE_BATCH, Operation.AMEND})
"""What most venues count together as orders."""


class Pool(StrEnum):
    """What a budget counts."""

    WEIGHT = "weight"
    """Of all accounts that share an address."""
    ORDERS = "orders"
    CANCELS = "cancels"
    REQUESTS = "requests"
    """Of one account, its questions and settings. What takes several counts as one: the header tells of the rest."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So much may be spent in any `seconds`, by the operations that it `counts`.

    `header` names the header, in lower case, that tells what is used, or with `tells_rest` what is left. A venue that
    `rolls` its window refuses whatever is too much in any stretch of that length; others begin anew.
    """

    pool: Pool
    amount: int
    seconds: float
    header: str | None = None
    tells_rest: bool = False
    rolls: bool = False
    counts: frozenset[Operation] = frozenset(Operation)


Cost: TypeAlias = "Mapping[Budget, int]"
"""What a request takes of each budget that counts it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One venue and market type.

    `exchange` names ccxt's class. `client_id_create` and `client_id_read` are the parameters that carry our id in a new
    order and in a question about one; the `trigger_id_…` ones do so for conditional orders where these
    differ. `triggers_apart` says that conditional orders live in a list of their own, asked for with `trigger_params`.
    `amend_types` is empty where orders cannot be amended, `batch_size` is 1 where they cannot be sent together.
    """

    name: str
    exchange: str
    codes: Codes
    market_type: MarketType
    client_id_create: str
    client_id_read: str
    hedge_style: HedgeStyle
    stop_types: frozenset[OrderType]
    maker_fee: Decimal
    taker_fee: Decimal
    budgets: tuple[Budget, ...]
    weights: Mapping[Operation, int]
    options: Mapping[str, Any]
    trigger_id_create: str | None = None
    trigger_id_read: str | None = None
    triggers_apart: bool = False
    trigger_params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    reduce_only_in_hedge: bool = False
    exits_below_minimum: bool = False
    batch_size: int = 1
    batch_types: frozenset[OrderType] = PLAIN_TYPES
    amend_types: frozenset[OrderType] = frozenset()
    trade_page: int = 500
    trades_need_symbol: bool = True
    trades_by_id: bool = False
    """Whether own trades can be asked for from an id on, as `fromId`; the other lists are told whole."""
    margin_mode_by_symbol: bool = True
    look_up_params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    id_beside_client_id: bool = True
    """Whether ccxt wants an id even where our own is given; elsewhere an id given would hide ours."""
    trade_window: timedelta = timedelta(days=7) - timedelta(milliseconds=1)
    """The longest span of time that own trades can be asked for at once."""
    followed_at_once: int = 100
    """How many markets may share one subscription to prices."""
    conditional_orders: int | None = None
    """How many a market takes of an account, where the venue's list of markets does not say."""
    oco: bool = False
    """Whether two exits can share one quantity, as `app.exchange.ccxt.oco` asks for them."""
    answers_with_id_only: bool = False
    """Whether a new order is acknowledged before anything has become of it."""
    has_private_stream: bool = True
    """Whether own orders and fills are pushed; otherwise they are asked for again and again."""
    shared_host: str | None = None
    """The host that several dialects ask, which counts their requests together; None where it serves this one only."""
    mode_by_market: bool = False
    """Whether each market may have a position mode of its own."""
    tries_orders: bool = False
    """Whether the venue tries an order without placing it, by ccxt's `test`."""
    always: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    """What the answer to a question always is, by the end of its address; the first that fits counts."""

    @property
    def is_linear(self) -> bool:
        return self.market_type is MarketType.LINEAR

    @property
    def host(self) -> str:
        """Whose request weight and bans these requests share."""
        return self.shared_host or self.name

    def weight(self, operation: Operation) -> int:
        """What a request costs of the weight budgets."""
        return self.weights.get(operation, 1)

    def cost(self, operation: Operation, orders: int = 0) -> Cost:
        """What a request takes that sends or cancels so many orders."""
        parts = {Pool.WEIGHT: self.weight(operation), Pool.REQUESTS: 1}
        return {budget: parts.get(budget.pool, orders) for budget in self.budgets if operation in budget.counts}

    def refined(self, exchange: Any) -> Any:
        """ccxt's class as the venue needs it."""
        return exchange

    def is_whole(self, path: str, answer: Any) -> bool:
        """Whether the answer to a question has what it must: ccxt reads any other as "nothing is there"."""
        return has_shape(answer, next((shape for end, shape in self.always.items() if path.endswith(end)), object))

    # ------------------------------------------------------------------ words, for venues to differ in

    def sent_id(self, client_order_id: str) -> str:
        """Our id as the venue wants it spelled."""
        return client_order_id

    def own_id(self, told: str | None) -> str | None:
        """Our id from what the venue tells; whatever else it tells stays as it is."""
        return told

    def order_words(self, request: OrderRequest) -> Params:  # noqa: ARG002 - for venues that want more
        """What every new order carries beside the usual."""
        return {}

    def trigger_words(self, request: OrderRequest, trigger_price: Decimal) -> Params:
        """How a conditional order says when it triggers."""
        is_profit = request.type is OrderType.TAKE_PROFIT_MARKET
        return {"takeProfitPrice" if is_profit else "stopLossPrice": spelled(trigger_price)}

    def position_words(self, request: OrderRequest, mode: PositionMode) -> Params:
        """How an order on perpetuals names its position."""
        is_hedged = mode is PositionMode.HEDGE
        params: Params = {}
        if self.hedge_style is HedgeStyle.POSITION_INDEX:
            params["positionIdx"] = (1 if request.position_side is Side.LONG else 2) if is_hedged else 0
        elif is_hedged:
            params["positionSide"] = request.position_side.value.upper()
        if request.reduce_only and (not is_hedged or self.reduce_only_in_hedge):
            params["reduceOnly"] = True
        return params

    def reference_words(self, order: OrderRef) -> Params:  # noqa: ARG002 - for venues that want more
        """What a question about an order carries beside its id."""
        return {}

    async def create(self, exchange: Any, order: Params) -> Any:
        """Send an order, given as the arguments of ccxt's `create_order`; its order."""
        return await exchange.create_order(**order)

    async def create_batch(self, exchange: Any, orders: Sequence[Params]) -> list[Any]:
        """Send several orders at once, given as the arguments of ccxt's `create_order`; its orders, in place."""
        told: list[Any] = await exchange.create_orders(orders)
        return told

    # ------------------------------------------------------------------ derived

    def is_renamed(self, market: Mapping[str, Any]) -> bool:
        """Whether the venue itself knows ccxt's market by another name, so that an alert may mean another coin."""
        names = ((market.get("base"), market.get("baseId")), (market.get("quote"), market.get("quoteId")))
        return any(own is not None and str(own).upper() != str(name).upper() for name, own in names)

    def may_batch(self, order_type: OrderType) -> bool:
        return self.batch_size > 1 and order_type in self.batch_types

    def is_apart(self, order_type: OrderType) -> bool:
        """Whether an order of this type lives in the list of conditional orders."""
        return self.triggers_apart and order_type in CONDITIONAL_TYPES

    def capabilities(self, position_mode: PositionMode, fees: tuple[Decimal, Decimal] | None = None) -> Capabilities:
        """What the venue can do for an account in `position_mode`; `fees` replaces the published ones."""
        return Capabilities(
            market_type=self.market_type,
            position_mode=position_mode,
            # In hedge mode the position side binds an exit to its position as firmly as reduce-only does.
            reduce_only=self.is_linear,
            exits_below_minimum=self.exits_below_minimum,
            stop_market=OrderType.STOP_MARKET in self.stop_types,
            stop_limit=OrderType.STOP_LIMIT in self.stop_types,
            take_profit_market=OrderType.TAKE_PROFIT_MARKET in self.stop_types,
            amend_types=self.amend_types,
            batch_orders=self.batch_size > 1,
            fees=fees or (self.maker_fee, self.taker_fee),
            oco=self.oco,
        )


def facts(**values: Any) -> Mapping[str, Any]:
    return MappingProxyType(values)


def lively(ping_ms: int) -> dict[str, Any]:
    """ccxt's options of streams whose silence is noticed within two pings; its own are up to three minutes apart."""
    return {"keepAlive": ping_ms, "maxPingPongMisses": 1.5, "connectionTimeout": 3000}
