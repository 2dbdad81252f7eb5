"""Timeframes: many spellings in, one out. The case counts: `1m` is a minute, `1M` a month."""

from __future__ import annotations

import re
from functools import lru_cache

_SPELLING = re.compile(r"([1-9][0-9]{0,5})?([A-Za-z]?)")
_DAY = 86_400
_WEEK = 7 * _DAY
_MONTH = 30 * _DAY
_UNIT_SECONDS = {
    "": 60, "S": 1, "s": 1, "m": 60, "H": 3_600, "h": 3_600, "D": _DAY, "d": _DAY, "W": _WEEK, "w": _WEEK, "M": _MONTH,
}  # fmt: skip
_DIVISIBLE = (("D", _DAY), ("h", 3_600), ("m", 60), ("S", 1))


def _count_and_unit(text: str) -> tuple[int, str]:
    found = _SPELLING.fullmatch(text)
    if not text or found is None or found[2] not in _UNIT_SECONDS:
        raise ValueError("is not a timeframe such as 15, 60, 240, 1D, 1W, 1M or 30S")
    return int(found[1] or 1), found[2]


@lru_cache(maxsize=1024)
def canonical(text: str) -> str:
    """One spelling for each length: `15` and `15m` → `15m`, `60` → `1h`, `240` → `4h`, `D` → `1D`, `30S` → `30S`.

    Lengths up to days take the largest unit that divides them (`90` → `90m`, `1440` → `1D`). Weeks and months stay as
    they are, since TradingView's bars of a week and of seven days begin on different days. Unknown spellings, tick and
    range charts among them, raise `ValueError`.
    """
    count, unit = _count_and_unit(text.strip())
    if unit in {"W", "w"}:
        return f"{count}W"
    if unit == "M":
        return f"{count}M"
    length = count * _UNIT_SECONDS[unit]
    return next(f"{length // size}{letter}" for letter, size in _DIVISIBLE if length % size == 0)


def of_group(text: str) -> str:
    """As groups carry it: canonical, or `manual` for what a person ordered and `decision` for what an agent did."""
    return text if text in {"manual", "decision"} else canonical(text)


def seconds(timeframe: str) -> int:
    """The length of a bar; a month counts 30 days."""
    count, unit = _count_and_unit(timeframe)
    return count * _UNIT_SECONDS[unit]
