"""What each venue wants to be spoken to like: facts only, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, OrderType, PositionMode
from app.ports.venue import Capabilities

MINUTE = 60.0
PLAIN_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
CONDITIONAL_TYPES = frozenset(OrderType) - PLAIN_TYPES


class Family(StrEnum):
    """Venues whose error codes and messages mean the same."""

    BINANCE = "binance"
    BYBIT = "bybit"
    ASTER = "aster"


class HedgeStyle(StrEnum):
    """How an order names its position."""

    NONE = "none"
    POSITION_SIDE = "position_side"
    """`positionSide` is LONG or SHORT in hedge mode, which forbids reduce-only."""
    POSITION_INDEX = "position_index"
    """`positionIdx` is 0 in one-way mode, else 1 (long) or 2 (short); reduce-only goes with it."""


class Pool(StrEnum):
    """What a budget counts."""

    WEIGHT = "weight"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Budget:
    """So much may be spent in any `seconds`.

    `header` names the header, in lower case, that tells what is used, or with `tells_rest` what is left.
    """

    pool: Pool
    amount: int
    seconds: float
    header: str | None = None
    tells_rest: bool = False


class Operation(StrEnum):
    """Kinds of requests that differ in weight."""

    CREATE = "create"
    CREATE_BATCH = "create_batch"
    CANCEL = "cancel"
    AMEND = "amend"
    LOOK_UP = "look_up"
    OPEN_ORDERS = "open_orders"
    POSITIONS = "positions"
    BALANCES = "balances"
    FILLS = "fills"
    FUNDING = "funding"
    CANDLES = "candles"
    MARKETS = "markets"
    TICKER = "ticker"
    SETTING = "setting"
    TIME = "time"


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
    family: Family
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
    margin_mode_by_symbol: bool = True
    look_up_params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    id_beside_client_id: bool = True
    """Whether ccxt wants an id even where our own is given; elsewhere an id given would hide ours."""

    @property
    def is_linear(self) -> bool:
        return self.market_type is MarketType.LINEAR

    def weight(self, operation: Operation) -> int:
        """What a request costs of the weight budgets."""
        return self.weights.get(operation, 1)

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
            amend=bool(self.amend_types),
            batch_orders=self.batch_size > 1,
            fees=fees or (self.maker_fee, self.taker_fee),
        )


def _facts(**values: Any) -> Mapping[str, Any]:
    return MappingProxyType(values)


_BINANCE_OPTIONS: Mapping[str, Any] = _facts(
    adjustForTimeDifference=False,
    warnOnFetchOpenOrdersWithoutSymbol=False,
    recvWindow=5000,
    fetchCurrencies=False,
)

BINANCE_USDM = Dialect(
    name="binance_usdm",
    exchange="binanceusdm",
    family=Family.BINANCE,
    market_type=MarketType.LINEAR,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    trigger_id_create="clientAlgoId",
    trigger_id_read="clientAlgoId",
    triggers_apart=True,
    trigger_params=_facts(trigger=True),
    hedge_style=HedgeStyle.POSITION_SIDE,
    exits_below_minimum=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    batch_size=5,
    amend_types=frozenset({OrderType.LIMIT}),
    trade_page=1000,
    options=MappingProxyType({**_BINANCE_OPTIONS, "fetchMarkets": {"types": ["linear"]}}),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 300, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m"),
    ),
    weights=MappingProxyType(
        {
            Operation.CREATE: 0,
            Operation.CREATE_BATCH: 5,
            Operation.OPEN_ORDERS: 40,
            Operation.POSITIONS: 5,
            Operation.BALANCES: 5,
            Operation.FILLS: 5,
            Operation.FUNDING: 30,
            Operation.CANDLES: 5,
            Operation.TICKER: 2,
        }
    ),
)

BINANCE_SPOT = Dialect(
    name="binance_spot",
    exchange="binance",
    family=Family.BINANCE,
    market_type=MarketType.SPOT,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    trade_page=1000,
    options=MappingProxyType({**_BINANCE_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}),
    budgets=(
        Budget(Pool.WEIGHT, 6000, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 100, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 200_000, 24 * 60 * MINUTE, "x-mbx-order-count-1d"),
    ),
    weights=MappingProxyType(
        {
            Operation.LOOK_UP: 4,
            Operation.OPEN_ORDERS: 80,
            Operation.BALANCES: 20,
            Operation.FILLS: 20,
            Operation.CANDLES: 2,
            Operation.MARKETS: 20,
            Operation.TICKER: 4,
        }
    ),
)

_BYBIT_OPTIONS: Mapping[str, Any] = _facts(
    adjustForTimeDifference=False, recvWindow=5000, loadAllOptions=False, fetchCurrencies=False
)
_BYBIT_BUDGETS = (Budget(Pool.WEIGHT, 600, 5.0), Budget(Pool.ORDERS, 10, 1.0, "x-bapi-limit-status", True))

BYBIT_LINEAR = Dialect(
    name="bybit_linear",
    exchange="bybit",
    family=Family.BYBIT,
    market_type=MarketType.LINEAR,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.POSITION_INDEX,
    margin_mode_by_symbol=False,
    reduce_only_in_hedge=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.00055"),
    batch_size=20,
    batch_types=frozenset(OrderType),
    amend_types=frozenset(OrderType) - {OrderType.MARKET},
    trade_page=100,
    trades_need_symbol=False,
    look_up_params=_facts(acknowledged=True),
    id_beside_client_id=False,
    options=MappingProxyType(
        {**_BYBIT_OPTIONS, "defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}}
    ),
    budgets=_BYBIT_BUDGETS,
    weights=MappingProxyType({}),
)

BYBIT_SPOT = Dialect(
    name="bybit_spot",
    exchange="bybit",
    family=Family.BYBIT,
    market_type=MarketType.SPOT,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    batch_size=10,
    amend_types=frozenset({OrderType.LIMIT}),
    trade_page=100,
    trades_need_symbol=False,
    look_up_params=_facts(acknowledged=True),
    id_beside_client_id=False,
    options=MappingProxyType({**_BYBIT_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}),
    budgets=_BYBIT_BUDGETS,
    weights=MappingProxyType({}),
)

ASTER = Dialect(
    name="aster",
    exchange="aster",
    family=Family.ASTER,
    market_type=MarketType.LINEAR,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    hedge_style=HedgeStyle.POSITION_SIDE,
    exits_below_minimum=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0001"),
    taker_fee=Decimal("0.00035"),
    batch_size=5,
    trade_page=1000,
    # With the builder fee on, the first order would approve a fee for ccxt and every order would carry it.
    options=_facts(builderFee=False, defaultType="swap", recvWindow=5000, fetchCurrencies=False),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 300, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m"),
    ),
    weights=BINANCE_USDM.weights,
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (BINANCE_USDM, BINANCE_SPOT, BYBIT_LINEAR, BYBIT_SPOT, ASTER)}
)
