"""What several venues need changed in ccxt's class."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ById:
    """How to ask for trades before one: with `name`, of that whose id the venue tells as `told_as`."""

    name: str
    told_as: str


def refined(
    base: Any,
    order_id_name: str = "orderId",
    grain_ms: int = 0,
    lacks: tuple[str, ...] = (),
    by_id: ById | None = None,
) -> Any:
    """`base` without lists of currencies, and telling all trades since a moment or of an order.

    The venue tells the newest first.

    Currencies are of no use to orders, and some venues want permissions for them that a trading key should not have.
    `order_id_name` is what the venue calls the order in a question about its trades. Its moments are whole `grain_ms`.
    `lacks` are abilities that ccxt claims and does not have. Without `by_id` no more than a page is had of one moment.
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
            is_stuck = False
            while not is_whole and len(page) >= limit:
                words = _further(words, page, grain_ms, by_id, is_stuck=is_stuck)
                page = await super().fetch_my_trades(symbol, since, limit, words)
                is_stuck = all(key_of(row) in found for row in page)
                found |= {key_of(row): row for row in page}
            return sorted(found.values(), key=lambda row: row["timestamp"])

    return Refined


def _further(
    words: Mapping[str, Any], page: Sequence[Mapping[str, Any]], grain_ms: int, by_id: ById | None, *, is_stuck: bool
) -> dict[str, Any]:
    """How to ask for the trades before `page`: by its moment, and by id once that leads no further.

    Where neither does, the rest of that moment is left out: an account that is never read is worse, and its orders tell
    how much of them was filled.
    """
    oldest = min(row["timestamp"] for row in page)
    is_by_id = by_id is not None and by_id.name in words
    if by_id is not None and is_by_id != is_stuck:  # by moment it is stuck, or by id it is not
        return {**words, by_id.name: min(int(row["info"][by_id.told_as]) for row in page)}
    if not is_stuck:
        return {**words, "until": oldest + grain_ms}
    log.warning("more trades in %s at %d ms than a page holds; some may be missing", page[0].get("symbol"), oldest)
    return {**words, "until": oldest - grain_ms - 1}


def key_of(row: Mapping[str, Any]) -> tuple[Any, str]:
    """What no other row has: some venues count the trades of each market by themselves."""
    return row.get("symbol"), str(row["id"])


def _renamed(params: dict[str, Any], name: str) -> dict[str, Any]:
    if "orderId" in params:
        params[name] = params.pop("orderId")
    return params
