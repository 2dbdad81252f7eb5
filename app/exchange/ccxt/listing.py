"""What a venue lists, and how long that is good for."""

from __future__ import annotations

from app.base.clock import Clock
from app.base.errors import Retryable
from app.domain.market import CLOSED_KEPT_SEC
from app.exchange.ccxt.dialects.base import Operation
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.session import Session

MARKETS_KEPT_SEC = 3600.0


class Listing:
    """The markets of one session, loaded again where one of them is wanted long after that."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._loaded_at: float | None = None

    def was_loaded(self) -> None:
        self._loaded_at = self._clock.monotonic()

    async def refresh(self, symbol: str, *, fresh: bool) -> None:
        """Load what the venue lists where that was long ago, or with `fresh` in any case.

        Unless it must be fresh the old list goes on where it cannot be had.
        """
        now, markets = self._clock.monotonic(), self._session.exchange.markets or {}
        is_old = self._loaded_at is None or now - self._loaded_at > kept_sec(markets.get(symbol))
        has_any = bool(markets)
        if has_any and not is_old and not fresh:
            return
        try:
            await self._session.read(Operation.MARKETS, lambda api: api.load_markets(has_any))
        except Retryable:
            if fresh or not has_any:
                raise
        self._loaded_at = now


def kept_sec(market: Raw | None) -> float:
    """How long what the venue lists is good for, where this market is wanted."""
    is_closed = market is not None and market.get("active") is False
    return CLOSED_KEPT_SEC if is_closed else MARKETS_KEPT_SEC
