"""Signals as rows, and the answer to "why did nothing happen?" in a trader's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
    "cooldown": "Cooldown",
    "leverage": "Leverage",
    "leverage_in_use": "Leverage of the open position",
    "below_minimum": "The venue's minimums",
    "stop_sanity": "Stop and take-profit sanity",
    "slippage": "Slippage",
}
REASON_WORDS = {
    "max_pyramids_reached": "max pyramids reached",
    "no_position": "nothing to exit",
    "below_minimum": "below the venue's minimum",
    "stop_sanity": "stop on the wrong side",
}
INTENT_WORDS = {"entry": "signal", "signal": "signal"}


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
    words = REASON_WORDS.get(record.reason or "", (record.reason or "").replace("_", " "))
    if record.detail:
        return record.detail
    return words


def latency_text(latency: float | None) -> str:
    if latency is None:
        return formats.NOTHING
    return "<1 ms" if latency < 1 else f"{latency:,.0f} ms" if latency < 10_000 else f"{latency / 1000:,.0f} s"


def question(record: SignalRecord) -> str:
    return "What happened?" if record.outcome.value == "executed" else "Why did nothing happen?"


def answer(record: SignalRecord) -> str:
    """The sentence that a trader looks for."""
    detail = _capitalised(record.detail or reason_text(record))
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
    what = intent_text(record)
    where = f"{record.symbol} {record.timeframe} on {record.account}" if record.symbol else "the position"
    latency = latency_ms(record)
    took = f" Decided {latency_text(latency)} after the message arrived." if latency is not None else ""
    detail = f" {_capitalised(record.detail)}." if record.detail else ""
    return f"Executed: {what} for {where}.{detail}{took}"


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
        104,
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
    ),
    Column("intent", "Intent", Kind.TEXT, 96, lambda r: intent_text(r.record), lambda r: intent_text(r.record)),
    Column(
        "outcome",
        "Outcome",
        Kind.OUTCOME,
        100,
        lambda r: r.record.outcome.value,
        lambda r: r.record.outcome.value,
    ),
    Column(
        "reason",
        "Reason",
        Kind.TEXT,
        240,
        lambda r: reason_text(r.record),
        lambda r: reason_text(r.record),
        tip=lambda r: reason_text(r.record),
        stretches=True,
    ),
    Column("latency", "Latency", Kind.NUMBER, 72, lambda r: r.latency_ms, lambda r: latency_text(r.latency_ms)),
)
