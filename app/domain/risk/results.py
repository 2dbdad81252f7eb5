"""What a pre-trade check may answer, and the trace that every one of them leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from app.domain.refusal import Refusal

Examined = TypeVar("Examined")


@dataclass(frozen=True, slots=True)
class Passed(Generic[Examined]):
    """What was examined as a check has filled it in, with what was adjusted in words."""

    examined: Examined
    note: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Not now: the entry waits in the queue for what `code` names."""

    code: str
    detail: str


class Checked(NamedTuple):
    """Result of one check for the decision trace: passed, adjusted, held, failed or not_reached."""

    check: str
    result: str
    detail: str


@lru_cache
def _plainly(check: str, result: str) -> Checked:
    """A result without words: most are, and the same ones every time."""
    return Checked(check, result, "")


class Trace:
    """The results in their order."""

    def __init__(self) -> None:
        self.checked: list[Checked] = []

    def note(self, check: str, answer: Passed[Examined] | Refusal | Held | None) -> None:
        """None is a check that was passed and has filled in nothing."""
        match answer:
            case None:
                self.checked.append(_plainly(check, "passed"))
            case Passed():
                self.checked.append(Checked(check, "adjusted" if answer.note else "passed", answer.note))
            case Held():
                self.checked.append(Checked(check, "held", answer.detail))
            case Refusal():
                self.checked.append(Checked(check, "failed", answer.detail))

    def not_reached(self, *checks: str) -> None:
        self.checked += [_plainly(check, "not_reached") for check in checks]

    def extend(self, more: Iterable[Checked]) -> None:
        self.checked += more
