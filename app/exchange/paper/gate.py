"""The breaker of a paper account, as at every other exchange: while it does not answer, entries are held back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.base.clock import Clock, Timer
from app.exchange.breaker import Breaker
from app.exchange.paper.faults import FaultBox
from app.messages.reports import BreakerReport, NotSent, OutcomeUnknown
from app.ports.faults import FaultKind

_SILENT = frozenset(
    {FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER_ACCEPT, FaultKind.UNAVAILABLE, FaultKind.DISCONNECT}
)
PROBE = "fetch_time"
LEAST_PAUSE_SEC = 1.0
TOGETHER_SEC = 1.0
"""Questions are asked side by side, and one that fails ends the others: they fail as one."""


class Gate:
    """Learns from every request whether the exchange answers. Only entries are held back.

    Once it is open an exit that gets through closes it, else the probe after the open time: a question for the time.
    """

    def __init__(self, account: str, clock: Clock, faults: FaultBox, tell: Callable[[BreakerReport], None]) -> None:
        self._account = account
        self._clock = clock
        self._faults = faults
        self._tell = tell
        self._probing: Timer | None = None
        self._question_failed_at: float | None = None
        self._breaker = Breaker(account, clock, tell)

    def reset(self) -> None:
        """A new session starts with a closed breaker."""
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
        self._question_failed_at = None
        self._breaker = Breaker(self._account, self._clock, self._tell)

    def held_back(self) -> NotSent | None:
        """What an entry is answered while the breaker is open."""
        if not self._breaker.is_open:
            return None
        return NotSent("the exchange does not answer", max(self._breaker.retry_after(), LEAST_PAUSE_SEC))

    def learn(self, outcomes: Iterable[object], *, is_exit: bool) -> None:
        """From the outcomes of one request that changes something; one that has to wait says nothing either way."""
        silent = ""
        for outcome in outcomes:
            if isinstance(outcome, OutcomeUnknown) or (isinstance(outcome, NotSent) and outcome.retry_after is None):
                silent = silent or outcome.detail
            elif not isinstance(outcome, NotSent):
                self.answered(is_exit=is_exit)
                return
        if silent:
            self.unanswered(silent)

    def answered(self, *, is_exit: bool = False) -> None:
        if is_exit or not self._breaker.is_open:
            self._breaker.succeeded()

    def unanswered(self, reason: str) -> None:
        self._breaker.failed(reason)
        self._probe_in_time()

    def question_unanswered(self, reason: str) -> None:
        now, before = self._clock.monotonic(), self._question_failed_at
        if before is None or now - before >= TOGETHER_SEC:
            self._question_failed_at = now
            self.unanswered(reason)

    def _probe_in_time(self) -> None:
        if self._breaker.is_open and self._probing is None:
            self._probing = self._clock.call_later(self._breaker.retry_after(), self._probe)

    def _probe(self) -> None:
        self._probing = None
        if not self._breaker.is_open or not self._breaker.allows():
            self._probe_in_time()
        elif self._faults.take(PROBE, kinds=_SILENT) is None:
            self._breaker.succeeded()
        else:
            self.unanswered("it was asked for its time and did not answer")
