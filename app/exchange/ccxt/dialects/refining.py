"""What several venues need changed in ccxt's class."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def refined(base: Any, order_id_name: str = "orderId", grain_ms: int = 0, lacks: tuple[str, ...] = ()) -> Any:
    """`base` without lists of currencies, and telling all trades since a moment or of an order.

    The venue tells the newest first.

    Currencies are of no use to orders, and some venues want permissions for them that a trading key should not have.
    `order_id_name` is what the venue calls the order in a question about its trades. Its moments are whole `grain_ms`.
    `lacks` are abilities that ccxt claims and does not have.
    """

    class Refined(base):  # type: ignore[misc]  # ccxt is untyped
        def describe(self) -> Any:
            return self.deep_extend(super().describe(), {"has": dict.fromkeys(("fetchCurrencies", *lacks), False)})

        async def fetch_my_trades(
            self, symbol: Any = None, since: Any = None, limit: Any = None, params: Any = None
        ) -> list[Any]:
            words = _renamed(dict(params or {}), order_id_name)
            page = await super().fetch_my_trades(symbol, since, limit, words)
            found = {key_of(row): row for row in page}
            is_whole = limit is None or (since is None and order_id_name not in words)
            while not is_whole and len(page) >= limit:
                words["until"] = min(row["timestamp"] for row in page) + grain_ms
                page = await super().fetch_my_trades(symbol, since, limit, words)
                if len(page) >= limit and all(key_of(row) in found for row in page):
                    raise import_module("ccxt").ExchangeNotAvailable("more trades at one moment than a page holds")
                found |= {key_of(row): row for row in page}
            return sorted(found.values(), key=lambda row: row["timestamp"])

    return Refined


def key_of(row: Mapping[str, Any]) -> tuple[Any, str]:
    """What no other row has: some venues count the trades of each market by themselves."""
    return row.get("symbol"), str(row["id"])


def _renamed(params: dict[str, Any], name: str) -> dict[str, Any]:
    if "orderId" in params:
        params[name] = params.pop("orderId")
    return params
