"""Signals as rows, and the answer to "why did nothing happen?" in a trader's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.gui import formats
from app.gui.models.tree import Column, Kind, Spec
from app.messages.records import CheckResult, SignalRecord

OUTCOME_ICONS = {
    "executed": ("check", "positive", "positive_bg"),
    "queued": ("hourglass", "info", "info_bg"),
    "ignored": ("circle-minus", "text_secondary", "bg_panel"),
    "rejected": ("ban", "warning", "warning_bg"),
    "pending": ("clock", "text_secondary", "bg_panel"),
}
CHECK_WORDS = {
    "paused": "Engine running",
    "emergency_stop": "No emergency stop",
    "account": "Account takes entries",
    "not_armed": "Account armed or paper",
    "symbol_not_allowed": "Symbol allowed",
    "cooldown": "Cooldown over",
    "stop_guard": "Recent stops",
    "low_profit": "Recent profit",
    "leverage": "Leverage",
    "leverage_in_use": "Leverage of the open position",
    "market_closed": "Market open",
    "below_minimum": "The venue's minimums",
    "stop_sanity": "Stop and take-profit sanity",
    "slippage": "Slippage",
    "symbol_limit": "Groups per symbol and account",
    "conditional_orders": "Room for a stop order",
    "max_exposure": "Exposure",
    "daily_loss": "Result of the day",
    "drawdown": "Equity near its peak",
    "insufficient_margin": "Free margin",
    "liquidation": "Stop before liquidation",
    "order_rate": "Entries per minute",
}
"""What has to hold, for a tick stands before it where it does; never the name of the fault."""
REASON_WORDS = {
    "max_pyramids_reached": "max pyramids reached",
    "no_position": "nothing to exit",
    "market_closed": "market closes",
    "below_minimum": "below the venue's minimum",
    "stop_sanity": "stop on the wrong side",
}
INTENT_WORDS = {"entry": "signal", "signal": "signal"}
DONE_WORDS = {"exit": "closed the group", "reduce": "closed a part of the group"}
"""What an executed signal did, where the engine adds nothing."""
QUEUED_INTENTS = frozenset({"entry", "signal", "reverse"})
WAITED = timedelta(seconds=1)
"""What was decided later than this has waited in the queue: a decision takes milliseconds."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    record: SignalRecord
    time: str
    latency_ms: float | None


def signal_spec(record: SignalRecord, now: datetime) -> Spec:
    return Spec(record.id, SignalRow(record, formats.clock_time(record.received_at, now), latency_ms(record)))


def latency_ms(record: SignalRecord) -> float | None:
    """From the message to the decision."""
    if record.decided_at is None:
        return None
    return (record.decided_at - record.received_at).total_seconds() * 1000


def intent_text(record: SignalRecord) -> str:
    words = INTENT_WORDS.get(record.intent or "", record.intent or formats.NOTHING)
    return f"{words} {record.side}" if record.side else words


def reason_text(record: SignalRecord) -> str:
    """One line: the reason in words, with what the engine added."""
    if record.detail:
        return formats.with_markets(record.detail, record.symbol)
    if record.outcome.value == "executed" and not record.reason:
        return DONE_WORDS.get(record.intent or "", "")
    return REASON_WORDS.get(record.reason or "", (record.reason or "").replace("_", " "))


def latency_text(latency: float | None) -> str:
    if latency is None:
        return formats.NOTHING
    return "<1 ms" if latency < 1 else f"{latency:,.0f} ms" if latency < 10_000 else f"{latency / 1000:,.0f} s"


def waited(record: SignalRecord) -> timedelta | None:
    """How long it was in the queue; None where it was decided at once, or never waits there."""
    if record.decided_at is None or record.intent not in QUEUED_INTENTS:
        return None
    passed = record.decided_at - record.received_at
    return passed if passed >= WAITED else None


def time_taken(record: SignalRecord) -> str:
    """`7 ms`, or `waited 36 s` where it was not the decision that took long."""
    passed = waited(record)
    return latency_text(latency_ms(record)) if passed is None else f"waited {formats.rough_age(passed)}"


def time_taken_sentence(record: SignalRecord) -> str:
    passed = waited(record)
    if passed is not None:
        return f"It waited {formats.spoken_age(passed)} in the queue."
    latency = latency_ms(record)
    return f"Decided {latency_text(latency)} after the message arrived." if latency is not None else ""


def question(record: SignalRecord) -> str:
    return "What happened?" if record.outcome.value == "executed" else "Why did nothing happen?"


def answer(record: SignalRecord) -> str:
    """The sentence that a trader looks for."""
    detail = _capitalised(reason_text(record))
    match record.outcome.value:
        case "executed":
            return _executed(record)
        case "queued":
            return f"It waits in the queue: {_lower(detail)}. It is looked at again whenever something changes."
        case "ignored":
            return f"Ignored: {_lower(detail)}."
        case "pending":
            return "It is recorded and is being acted on."
        case _:
            return f"Not executed: {_lower(detail)}."


def _executed(record: SignalRecord) -> str:
    where = "the position"
    if record.symbol:
        where = f"{formats.market(record.symbol)} {record.timeframe} on {record.account}"
    detail = _capitalised(reason_text(record))
    said = [
        f"Executed: {intent_text(record)} for {where}.",
        f"{detail}." if detail else "",
        time_taken_sentence(record),
    ]
    return " ".join(part for part in said if part)


def _capitalised(text: str | None) -> str:
    text = (text or "").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}"


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def check_text(check: CheckResult) -> str:
    return CHECK_WORDS.get(check.check, check.check.replace("_", " ").capitalize())


SIGNAL_COLUMNS: tuple[Column, ...] = (
    Column(
        "time",
        "Time (UTC)",
        Kind.TIME,
        110,
        lambda r: r.record.received_at,
        lambda r: r.time,
        tip=lambda r: formats.full_time(r.record.received_at),
    ),
    Column(
        "pair",
        "Pair",
        Kind.PAIR,
        92,
        lambda r: r.record.symbol or "",
        lambda r: r.record.symbol or formats.NOTHING,
        tip=lambda r: r.record.symbol or "",
    ),
    Column(
        "timeframe",
        "TF",
        Kind.TEXT,
        42,
        lambda r: r.record.timeframe or "",
        lambda r: r.record.timeframe or formats.NOTHING,
        spare=1,
    ),
    Column(
        "intent", "Intent", Kind.TEXT, 84, lambda r: intent_text(r.record), lambda r: intent_text(r.record), spare=2
    ),
    Column(
        "outcome",
        "Outcome",
        Kind.OUTCOME,
        94,
        lambda r: r.record.outcome.value,
        lambda r: r.record.outcome.value,
    ),
    Column(
        "reason",
        "Reason",
        Kind.TEXT,
        190,
        lambda r: reason_text(r.record),
        lambda r: reason_text(r.record),
        tip=lambda r: reason_text(r.record),
        stretches=True,
    ),
    Column(
        "latency",
        "Latency",
        Kind.NUMBER,
        84,
        lambda r: r.latency_ms,
        lambda r: time_taken(r.record),
        tip=lambda r: time_taken_sentence(r.record),
        spare=3,
    ),
)
