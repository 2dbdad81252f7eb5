"""What may go wrong between a fake venue and its client."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    LOST_BEFORE = "lost_before"
    """The connection drops before the venue has acted."""
    LOST_AFTER = "lost_after"
    """The venue has acted, then the connection drops without an answer."""
    HANG_BEFORE = "hang_before"
    """The venue neither acts nor answers, and the connection stays."""
    HANG_AFTER = "hang_after"
    """The venue has acted and never answers, and the connection stays."""
    ERROR_BEFORE = "error_before"
    """A 5xx (`status`, 503 unless said otherwise; `code`, `message` where given) without having acted."""
    ERROR_AFTER = "error_after"
    """The same though the venue has acted: an unknown outcome."""
    RATE_LIMIT = "rate_limit"
    """429 with `Retry-After: seconds`."""
    BANNED = "banned"
    """418 with `Retry-After: seconds`."""
    HTML = "html"
    """A page of HTML (`status`, 500 unless said otherwise) where JSON was asked for, without having acted."""
    HTML_AFTER = "html_after"
    """The same though the venue has acted."""
    SLOW_BODY = "slow_body"
    """Half the body, then a pause of `seconds`, then the rest."""
    CUT_BODY = "cut_body"
    """Half the body, then the connection drops; the venue has acted."""
    REFUSE = "refuse"
    """The venue refuses with `code` and `message`, without having acted."""

    DUPLICATE_EVENTS = "duplicate_events"
    """User stream: the event comes twice."""
    REORDER_EVENTS = "reorder_events"
    """User stream: the event comes after the one that follows it."""
    DROP_EVENTS = "drop_events"
    """User stream: the event never comes, the connection stays."""


EVENT_KINDS = frozenset({FaultKind.DUPLICATE_EVENTS, FaultKind.REORDER_EVENTS, FaultKind.DROP_EVENTS})


@dataclass(slots=True)
class Fault:
    """`path` is the end of a REST path or the name of an event, `containing` a text within the request or the event.

    `times` counts down; None is for ever.
    """

    kind: FaultKind
    path: str = ""
    method: str = ""
    containing: str = ""
    times: int | None = 1
    seconds: float = 1.0
    status: int | None = None
    code: int = -1000
    message: str | None = None

    def fits(self, method: str, path: str, text: str) -> bool:
        return path.endswith(self.path) and self.method in {"", method} and self.containing in text


class Faults:
    """Armed faults, the oldest first. `clock_skew_ms` is how far the venue's clock is ahead."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.clock_skew_ms = 0
        self.is_silent = False
        """Whether the user stream says nothing though it stays connected."""

    def arm(self, kind: FaultKind, path: str = "", **fields: object) -> Fault:
        fault = Fault(kind, path, **fields)  # type: ignore[arg-type]
        self.armed.append(fault)
        return fault

    def clear(self) -> None:
        self.armed.clear()
        self.clock_skew_ms = 0
        self.is_silent = False

    def for_request(self, method: str, path: str, text: str) -> Fault | None:
        return self._take(method, path, text, is_event=False)

    def for_event(self, name: str, text: str) -> Fault | None:
        return self._take("", name, text, is_event=True)

    def _take(self, method: str, path: str, text: str, *, is_event: bool) -> Fault | None:
        for fault in self.armed:
            if (fault.kind in EVENT_KINDS) is is_event and fault.fits(method, path, text):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.armed.remove(fault)
                return fault
        return None
