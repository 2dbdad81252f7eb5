"""The emergency stop: what trips it, what it does, and how it ends (risk.md, Emergency stop)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.clock import iso
from app.domain.group import Group
from app.domain.refusal import Refusal
from app.domain.risk.checks import daily_loss, drawdown
from app.domain.values import ZERO
from app.engine.closing import end_entries
from app.engine.figures import (
    begin_day,
    day_result,
    drawdown_percent,
    environment_of,
    environments,
    note_peak,
    worst_case,
)
from app.engine.ownerless import ownerless
from app.engine.state import AccountState
from app.engine.turn import Turn
from app.messages.commands import CommandResult, EmergencyReset, EmergencyStop
from app.messages.reports import NOTABLE_SKEW_MS
from app.messages.snapshots import LimitSnapshot
from app.ports.engine import CommandRefused

FACT = "emergency"
_FAILURES = "protection_failures"
_OUTAGE = "outage"
FAILURE_WINDOW = timedelta(hours=1)
NEAR = Decimal(80)
"""Percent of a limit from which on the state is `warning`."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """Why the state is `critical`, and since when."""

    code: str
    reason: str
    since: datetime | None


def read(text: str | None) -> Emergency | None:
    """The stop that a fact tells of, None where the state is normal. What cannot be read counts as critical."""
    if not text:
        return None
    try:
        document = json.loads(text)
        return Emergency(document["code"], document["reason"], datetime.fromisoformat(document["at"]))
    except (ValueError, KeyError, TypeError):
        return Emergency("unreadable", "the state of the emergency stop cannot be read", None)


def critical(turn: Turn) -> Emergency | None:
    return read(turn.fact(FACT))


def forbidden(turn: Turn) -> Refusal | None:
    """Why no entry is made now on any account."""
    if turn.paused is not None:
        return Refusal("paused", f"the engine is paused: {turn.paused}")
    stop = critical(turn)
    return None if stop is None else Refusal("emergency_stop", f"the emergency stop is critical: {stop.reason}")


def trip(turn: Turn, code: str, reason: str) -> None:
    """Enter `critical`. The first cause stands, save one that may end by itself: it gives way to any other."""
    was = critical(turn)
    if was is not None and (was.code != "daily_loss" or code == was.code):
        return
    turn.facts.put(FACT, json.dumps({"code": code, "reason": reason, "at": iso(turn.now)}))
    turn.emit("ess.tripped", code=code, reason=reason)
    turn.alert("critical", f"the emergency stop tripped: {reason}")
    if turn.config.risk.emergency_cancels_entries:
        for group in turn.open_groups():
            if group.wants_entries and group.closing is None:
                end_entries(turn, group)


def stop(turn: Turn, command: EmergencyStop) -> CommandResult:
    trip(turn, "by_hand", command.reason or "stopped by hand")
    return CommandResult("the emergency stop is critical: no entries until it is reset")


def reset(turn: Turn, command: EmergencyReset) -> CommandResult:
    """Back to normal by hand. The day and the peak count anew from now on, else it would trip again at once."""
    was = critical(turn)
    if was is None:
        raise CommandRefused("not_critical", "the emergency stop is not critical")
    if not command.reason.strip():
        raise CommandRefused("bad_request", "a reset needs a reason")
    turn.facts.put(_FAILURES, "")
    for environment in environments(turn.state):
        begin_day(turn, environment, anew=True)
        if turn.config.risk.max_drawdown_percent is not None:
            note_peak(turn, environment, anew=True)
    _back_to_normal(turn, was, command.reason)
    return CommandResult("the emergency stop was reset: entries are accepted again")


def _back_to_normal(turn: Turn, was: Emergency, reason: str) -> None:
    turn.facts.put(FACT, "")
    turn.emit("ess.reset", code=was.code, reason=reason)
    turn.wants_promotion = True


# ---------------------------------------------------------------------------------------------- what trips it


def begin_days(turn: Turn) -> None:
    """Before anything is decided on a new day."""
    for environment in environments(turn.state):
        begin_day(turn, environment)


def watch(turn: Turn) -> None:
    """Look at every limit: on fills and every ten seconds."""
    _end_with_the_day(turn)
    risk = turn.config.risk
    for environment in environments(turn.state):
        begin_day(turn, environment)
        if risk.max_drawdown_percent is not None:
            note_peak(turn, environment)
    used = list(limits(turn))
    for limit in used:
        refusal = _REACHED[limit.name](limit.used, limit.limit) if limit.name in _REACHED else None
        if refusal is not None:
            trip(turn, refusal.code, refusal.detail)
    _watch_breakers(turn)
    _watch_clocks(turn)
    turn.state.warnings = tuple(_warnings(turn, used))


_REACHED: dict[str, Callable[[Decimal, Decimal], Refusal | None]] = {
    "daily_loss": lambda lost, limit: daily_loss(-lost, limit),
    "drawdown": drawdown,
}


def is_watched(turn: Turn) -> bool:
    """Whether a limit is set that a fill can reach."""
    risk = turn.config.risk
    return risk.daily_loss_limit_quote is not None or risk.max_drawdown_percent is not None


def _end_with_the_day(turn: Turn) -> None:
    """The daily loss alone: what else is counted, the drawdown from its peak too, goes on."""
    was = critical(turn)
    if was is None or was.code != "daily_loss" or was.since is None:
        return
    if turn.config.risk.daily_loss_reset == "next_day" and turn.now.date() > was.since.date():
        _back_to_normal(turn, was, "a new day has begun")


def _watch_breakers(turn: Turn) -> None:
    longest = timedelta(minutes=turn.config.risk.breaker_trip_minutes)
    for account in turn.state.accounts.values():
        if account.breaker_since is not None and turn.now - account.breaker_since >= longest:
            trip(turn, "breaker", f"the breaker of {account.id} has been open since {account.breaker_since:%H:%M} UTC")


def is_clock_off(account: AccountState) -> bool:
    """Whether the trader must be warned of the clock."""
    return account.clock_skew_ms is not None and abs(account.clock_skew_ms) > NOTABLE_SKEW_MS


def skew_sentence(account: AccountState) -> str:
    skew = (account.clock_skew_ms or 0) / 1000
    return f"this machine's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} {account.id}'s exchange"


def _watch_clocks(turn: Turn) -> None:
    most = turn.config.risk.max_clock_skew_sec * 1000
    for account in turn.state.accounts.values():
        if account.clock_skew_ms is not None and abs(account.clock_skew_ms) > most:
            trip(turn, "clock", skew_sentence(account))


def note_protection_failure(turn: Turn, group: Group, *, is_outage: bool) -> bool:
    """Note each unprotected spell of a group once an hour; too many trip the stop. Whether it was noted now.

    Those of an exchange that is out of reach do not count: its breaker has a limit of its own.
    """
    most = turn.config.risk.max_protection_failures
    spell = [group.id, iso(group.unprotected_since) if group.unprotected_since else ""]
    known = _recent_failures(turn)
    if any(item[:2] == spell for item in known):
        return False
    known.append([*spell, iso(turn.now), *([_OUTAGE] if is_outage else [])])
    turn.facts.put(_FAILURES, json.dumps(known))
    if most is not None and not is_outage and (count := _failures(turn)) >= most:
        trip(turn, "protection", f"{count} groups could not be protected within an hour")
    return True


def _failures(turn: Turn) -> int:
    return sum(_OUTAGE not in item for item in _recent_failures(turn))


def _recent_failures(turn: Turn) -> list[list[str]]:
    """[group, unprotected since, failed at, perhaps that it was an outage] of the last hour."""
    known: list[list[str]] = json.loads(turn.fact(_FAILURES) or "[]")
    return [item for item in known if turn.now - datetime.fromisoformat(item[2]) < FAILURE_WINDOW]


# ---------------------------------------------------------------------------------------------- how near it is


def limits(turn: Turn) -> Iterator[LimitSnapshot]:
    """Every limit that is set, with what is used of it, for each environment."""
    risk, config = turn.config.risk, turn.config
    used = turn.slots_used()
    yield LimitSnapshot("open_groups", Decimal(used), Decimal(config.pool.max_open_groups), "groups")
    if risk.max_protection_failures is not None:
        failed = _failures(turn)
        yield LimitSnapshot("protection_failures", Decimal(failed), Decimal(risk.max_protection_failures), "failures")
    for environment in environments(turn.state):
        if risk.daily_loss_limit_quote is not None:
            lost = max(-day_result(turn, environment), ZERO)
            yield LimitSnapshot("daily_loss", lost, risk.daily_loss_limit_quote, "quote")
        fallen = drawdown_percent(turn, environment) if risk.max_drawdown_percent is not None else None
        if risk.max_drawdown_percent is not None and fallen is not None:
            yield LimitSnapshot("drawdown", fallen, risk.max_drawdown_percent, "%")
        if risk.max_exposure_quote is not None:
            groups = (group for group in turn.open_groups() if environment_of(turn.state, group.account) == environment)
            worst = sum((worst_case(turn.state, group) for group in groups), ZERO)
            yield LimitSnapshot("max_exposure", worst, risk.max_exposure_quote, "quote")


def _warnings(turn: Turn, used: Iterable[LimitSnapshot]) -> Iterator[str]:
    for limit in used:
        if limit.name != "open_groups" and limit.share >= NEAR:
            yield f"{limit.share:.0f} % of the limit {limit.name} is used: {limit.used:.2f} of {limit.limit:f}"
    for account in turn.state.accounts.values():
        if account.breaker_since is not None:
            yield f"the breaker of {account.id} is open"
        if is_clock_off(account):
            yield skew_sentence(account)
    for account_id in ownerless(turn):
        yield f"open groups of {account_id} are not looked after: it is not in the settings"
