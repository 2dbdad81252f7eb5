"""What a turn gathers: mappings laid over the state's, and what is only ever appended; both can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from app.domain.fill import Fill
from app.messages.effects import Effect
from app.messages.records import EquitySample, EventRecord, Finding, FundingPayment, Json

K = TypeVar("K")
V = TypeVar("V")


class Journal(list[tuple[Any, Any, tuple[Any, ...]]]):
    """What a turn's mappings held before each change, so that changes can be taken back, the last first."""

    def keep(self, item: object, *names: str) -> None:
        """Take down what attributes of the state hold that are about to be set, for no longer than the turn holds."""
        self.extend((item, name, (getattr(item, name),)) for name in names)

    def rewind(self, length: int) -> None:
        """Take back every change since there were `length`."""
        while len(self) > length:
            holder, key, before = self.pop()
            if not isinstance(holder, dict):
                setattr(holder, key, before[0])
            elif before:
                dict.__setitem__(holder, key, before[0])
            else:
                del holder[key]


class Noted(dict[K, V]):
    """A mapping that grows and changes by `mapping[key] = value` alone, which the journal takes down."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def __setitem__(self, key: K, value: V) -> None:
        self._journal.append((self, key, (self[key],) if key in self else ()))
        super().__setitem__(key, value)


class Layer(Generic[K, V]):
    """A mapping with changes over one that stays as it is; a change to None removes."""

    __slots__ = ("base", "changes")

    def __init__(self, base: Mapping[K, V], journal: Journal) -> None:
        self.base = base
        self.changes: Noted[K, V | None] = Noted(journal)

    def get(self, key: K) -> V | None:
        if key in self.changes:
            return self.changes[key]
        return self.base.get(key)

    def get_all(self, keys: Iterable[K]) -> list[V]:
        """Those that are there, in the order of the keys."""
        changes, base = self.changes, self.base
        found = [changes[key] if key in changes else base.get(key) for key in keys]
        return [value for value in found if value is not None]

    def put(self, key: K, value: V) -> None:
        self.changes[key] = value

    def remove(self, key: K) -> None:
        self.changes[key] = None

    def changed(self) -> tuple[V, ...]:
        """What was put, save what was removed again."""
        return tuple([value for value in self.changes.values() if value is not None])

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
    fills_removed: list[Fill] = field(default_factory=list)
    """Of this turn or an earlier one."""
    funding: list[FundingPayment] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    wakes: list[tuple[str, datetime]] = field(default_factory=list)
    equity: list[EquitySample] = field(default_factory=list)

    def lengths(self) -> tuple[int, ...]:
        records = (len(self.fills), len(self.fills_removed), len(self.funding), len(self.events), len(self.findings))
        return *records, len(self.effects), len(self.wakes), len(self.equity)

    def rewind(self, lengths: tuple[int, ...]) -> None:
        """Take back what was appended since the lists had these lengths."""
        records = (self.fills, self.fills_removed, self.funding, self.events, self.findings)
        lists: tuple[list[Any], ...] = (*records, self.effects, self.wakes, self.equity)
        for appended, length in zip(lists, lengths, strict=True):
            del appended[length:]


def to_json(value: Any) -> Json:
    """Plain JSON: numbers that are money as strings, everything unknown as its text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
