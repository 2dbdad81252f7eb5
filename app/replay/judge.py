"""`check` steps: does a part of the state hold? Subsets, by replay.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any


def failures(expected: Any, actual: Any, path: str = "") -> list[str]:
    """What of `expected` does not hold in `actual`, each with its path and both values."""
    if isinstance(expected, Mapping):
        return _mapping(expected, actual, path)
    if isinstance(expected, list | tuple):
        return _sequence(expected, actual, path)
    return [] if _equal(expected, actual) else [f"{path or 'it'}: expected {_show(expected)}, found {_show(actual)}"]


def _mapping(expected: Mapping[str, Any], actual: Any, path: str) -> list[str]:
    if "~" in expected:
        return _near(expected, actual, path)
    if isinstance(actual, Sequence) and not isinstance(actual, str):
        return _list_rule(expected, actual, path)
    if not isinstance(actual, Mapping):
        return [f"{path}: expected {_show(expected)}, found {_show(actual)}"]
    if not expected:
        return [f"{path}: expected nothing, found {_show(actual)}"] if actual else []
    found: list[str] = []
    for key, value in expected.items():
        where = f"{path}.{key}" if path else str(key)
        if str(key) not in actual:
            found.append(f"{where}: expected {_show(value)}, found nothing")
        else:
            found += failures(value, actual[str(key)], where)
    return found


def _list_rule(expected: Mapping[str, Any], actual: Sequence[Any], path: str) -> list[str]:
    found: list[str] = []
    unknown = set(expected) - {"any", "count"}
    if unknown or not expected:
        return [f"{path}: expected {_show(expected)}, found a list of {len(actual)}"] if unknown or actual else []
    if "count" in expected and len(actual) != int(expected["count"]):
        found.append(f"{path}: expected {expected['count']} items, found {len(actual)}: {_show(list(actual))}")
    if "any" in expected and not any(not failures(expected["any"], item) for item in actual):
        found.append(f"{path}: none is {_show(expected['any'])} among {_show(list(actual))}")
    return found


def _sequence(expected: Sequence[Any], actual: Any, path: str) -> list[str]:
    if not isinstance(actual, Sequence) or isinstance(actual, str):
        return [f"{path}: expected a list, found {_show(actual)}"]
    if len(expected) != len(actual):
        return [f"{path}: expected {len(expected)} items, found {len(actual)}: {_show(list(actual))}"]
    return [
        problem
        for index, (want, have) in enumerate(zip(expected, actual, strict=True))
        for problem in failures(want, have, f"{path}[{index}]")
    ]


def _near(expected: Mapping[str, Any], actual: Any, path: str) -> list[str]:
    want, have = _number(expected["~"]), _number(actual)
    tolerance = _number(expected.get("tol", 0))
    if want is None or have is None or tolerance is None or abs(want - have) > tolerance:
        return [f"{path}: expected {expected['~']} ± {expected.get('tol', 0)}, found {_show(actual)}"]
    return []


def _equal(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    want, have = _number(expected), _number(actual)
    if want is not None and have is not None:
        return want == have
    return str(expected) == str(actual)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _show(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_show(item) for item in value[:6]) + (", …]" if len(value) > 6 else "]")
    return str(value)
