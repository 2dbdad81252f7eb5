"""What a turn gathers: mappings laid over the state's, and what is only ever appended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from app.domain.fill import Fill
from app.messages.effects import Effect
from app.messages.records import EquitySample, EventRecord, Finding, FundingPayment, Json

K = TypeVar("K")
V = TypeVar("V")


class Layer(Generic[K, V]):
    """A mapping with changes over one that stays as it is; a change to None removes."""

    __slots__ = ("base", "changes")

    def __init__(self, base: Mapping[K, V]) -> None:
        self.base = base
        self.changes: dict[K, V | None] = {}

    def get(self, key: K) -> V | None:
        if key in self.changes:
            return self.changes[key]
        return self.base.get(key)

    def put(self, key: K, value: V) -> None:
        self.changes[key] = value

    def remove(self, key: K) -> None:
        self.changes[key] = None

    def values(self) -> Iterator[V]:
        for key, value in self.base.items():
            current = self.changes.get(key, value) if key in self.changes else value
            if current is not None:
                yield current
        for key, changed in self.changes.items():
            if changed is not None and key not in self.base:
                yield changed


@dataclass(slots=True)
class Ledger:
    """What is only ever appended in a turn."""

    fills: list[Fill] = field(default_factory=list)
    funding: list[FundingPayment] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    wakes: list[tuple[str, datetime]] = field(default_factory=list)
    equity: list[EquitySample] = field(default_factory=list)

    def copy(self) -> Ledger:
        return Ledger(
            list(self.fills),
            list(self.funding),
            list(self.events),
            list(self.findings),
            list(self.effects),
            list(self.wakes),
            list(self.equity),
        )


def to_json(value: Any) -> Json:
    """Plain JSON: numbers that are money as strings, everything unknown as its text."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return f"{value:f}" if hasattr(value, "as_tuple") else str(value)
