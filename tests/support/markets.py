"""The markets on which the main job is proven: a fake venue, how to speak to it, and who trades there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules
from app.domain.values import MarketType
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR, ASTER_SPOT
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.paper.board import PriceBoard
from tests.support.venues import AsterLinear, AsterSpot, BinanceLinear, BinanceSpot, BybitLinear, BybitSpot
from tests.support.venues.aster_linear import AGENT_KEY, WALLET

_STEP = Decimal("0.001")
_KEYS = {"api_key": "key", "secret": "secret"}
_AGENT = {"private_key": AGENT_KEY, "wallet_address": WALLET}


@dataclass(frozen=True, slots=True)
class Place:
    """One venue's market. `made` builds the fake over a board; `keys` are fields of `Access`."""

    name: str
    made: Callable[..., Any]
    dialect: Dialect
    keys: Mapping[str, Any] = field(default_factory=lambda: dict(_KEYS))
    position_mode: str = "one_way"

    @property
    def is_spot(self) -> bool:
        return self.dialect.market_type is MarketType.SPOT

    def symbol(self, base: str) -> str:
        """In ccxt's spelling."""
        return f"{base}/USDT" if self.is_spot else f"{base}/USDT:USDT"

    def ticker(self, base: str) -> str:
        """In TradingView's spelling."""
        return f"{base}USDT" if self.is_spot else f"{base}USDT.P"

    def rules(self, base: str) -> MarketRules:
        kind = self.dialect.market_type
        return MarketRules(
            self.symbol(base), kind, base, "USDT", Decimal("0.01"), _STEP, _STEP, Decimal(5), Decimal(1000)
        )

    def fake(self, board: PriceBoard, clock: Clock, account: AccountConfig | None = None) -> Any:
        """The venue, with 10 000 USDT unless `account`, which is the fake's own, says otherwise."""
        kind = self.dialect.market_type.value
        usual = AccountConfig.model_validate({"id": "fake", "market_type": kind, "position_mode": self.position_mode})
        return self.made(board, clock, config=account or usual)


BINANCE = Place("binance", BinanceLinear, BINANCE_USDM)
PLACES = (
    BINANCE,
    Place("binance hedge", BinanceLinear, BINANCE_USDM, position_mode="hedge"),
    Place("bybit", partial(BybitLinear, margin_mode="ISOLATED_MARGIN"), BYBIT_LINEAR),
    Place("aster", AsterLinear, ASTER_LINEAR, _AGENT),
    Place("binance spot", BinanceSpot, BINANCE_SPOT),
    Place("bybit spot", BybitSpot, BYBIT_SPOT),
    Place("aster spot", AsterSpot, ASTER_SPOT, _AGENT),
)
