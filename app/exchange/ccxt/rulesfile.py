"""The markets of one venue as they were last loaded, kept for a start without it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from app.base.clock import Clock, iso
from app.base.private_file import write_private

log = logging.getLogger(__name__)
Markets = Mapping[str, Any]
VERSION = 2
"""Of the file; in older ones some coins have names that their venue does not give them."""


class RulesFile:
    """ccxt's markets by symbol, in one JSON file. Both calls block: keep them off the event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[Markets, datetime] | None:
        """The markets and when they were fetched; None where there are none that can be read."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            markets, fetched_at = document["markets"], datetime.fromisoformat(document["fetched_at"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.info("the kept market rules cannot be read: %s", error)
            return None
        if not isinstance(markets, dict) or not markets or fetched_at.tzinfo is None:
            return None
        if document.get("version") != VERSION:
            return None
        return markets, fetched_at

    def keep(self, markets: Markets, now: datetime) -> None:
        """Put `markets`, fetched at `now`, in place of what was kept; the old ones stay where that fails."""
        document = {"version": VERSION, "fetched_at": iso(now), "markets": dict(markets)}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, json.dumps(document))
        except (OSError, TypeError) as error:
            log.info("the market rules could not be kept: %s", error)


class KeptRules:
    """Keeps the markets that an exchange's object loads, and goes on with the kept ones while they cannot be loaded."""

    def __init__(self, file: RulesFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self.fetched_at: datetime | None = None
        """When the markets in use were fetched."""

    def around(self, exchange: Any) -> Any:
        """ccxt's `exchange`, loading its markets so from now on."""
        load = exchange.load_markets

        async def load_markets(reload: bool = False, params: Mapping[str, Any] | None = None) -> Any:
            before = exchange.markets
            try:
                markets = await load(reload, dict(params or {}))
            except import_module("ccxt").OperationFailed as error:
                if before or not await self._use_kept(exchange, error):
                    raise
                return exchange.markets
            if exchange.markets is not before:
                self.fetched_at = self._clock.now()
                await asyncio.to_thread(self._file.keep, markets, self.fetched_at)
            return markets

        exchange.load_markets = load_markets
        return exchange

    async def _use_kept(self, exchange: Any, error: Exception) -> bool:
        kept = await asyncio.to_thread(self._file.load)
        if kept is None:
            return False
        markets, self.fetched_at = kept
        exchange.set_markets(list(markets.values()))
        log.info("market rules of %s are used, the exchange does not give them: %s", iso(self.fetched_at), error)
        return True
