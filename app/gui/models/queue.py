"""Queued signals as rows, and why each stands where it stands, in a trader's words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.gui import formats
from app.gui.models.accounts import read_only_reason
from app.gui.models.tree import Column, Kind, Spec
from app.messages.snapshots import EngineSnapshot, QueueSnapshot

AFTER_STOP = "after_stop"
"""What holds an entry back that the engine says is in a full pool, while slots are free and promotions pause."""
REASON_WORDS = {
    "pool_full": "pool full",
    AFTER_STOP: "after a stop-loss",
    "opposite_side_open": "opposite side open",
    "missing_market_rules": "market rules missing",
    "account_stale": "account stale",
    "symbol_limit": "symbol limit",
    "group_closing": "group closing",
    "breaker_open": "breaker open",
    "order_rate": "order rate",
}
WAITS_FOR = {
    "pool_full": "It opens when a slot is free; a slot is free when its group is flat.",
    "opposite_side_open": "It opens when the group of the other side is closed.",
    "missing_market_rules": "It opens when the exchange has told the market's rules.",
    "account_stale": "It opens when its account is connected and reconciled again.",
    "symbol_limit": "It opens when a group of its symbol or account closes: their limit is reached.",
    "group_closing": "It opens when the closing group is flat.",
    "breaker_open": "It opens when the venue's breaker closes again.",
    "order_rate": "It opens in a moment: the entries of this minute are used up.",
}
UNNAMED = "It is looked at again whenever something changes."
KEPT = "reserved"
"""Stands before every rule: a slot is kept for a reverse."""
RULE_WORDS = {
    "pyramid_continuation": "Pyramid continuation",
    "deepest_loss_percent": "Deepest loss",
    "highest_replacement_count": "Most replacements",
    "highest_expected_profit": "Highest expected profit",
    "fifo": "First queued",
}
SHORT_RULES = {
    KEPT: "its slot is kept",
    "pyramid_continuation": "continues a group",
    "deepest_loss_percent": "deepest loss",
    "highest_replacement_count": "replaced most",
    "highest_expected_profit": "expected profit",
    "fifo": "first queued",
}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """`reason` is what really holds it back now."""

    entry: QueueSnapshot
    pending: str | None
    reason: str

    @property
    def places(self) -> int:
        return places_of(self.entry)


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of rank for one entry; `state` is passed, decides, not_needed or off."""

    number: int
    words: str
    value: str
    state: str


def queue_spec(entry: QueueSnapshot, pending: str | None, *, paused: bool) -> Spec:
    return Spec(entry.signal_id, QueueRow(entry, pending, reason_of(entry, paused=paused)))


def is_paused(engine: EngineSnapshot, now: datetime) -> bool:
    """Whether it is the pause after a stop-loss that keeps the queue from the free slots."""
    return engine.slots_used < engine.max_open_groups and pause_text(engine, now) is not None


def reason_of(entry: QueueSnapshot, *, paused: bool) -> str:
    """A kept slot is taken in the pause too."""
    waits_for_slot = entry.reason == "pool_full" and not entry.is_reserved
    return AFTER_STOP if paused and waits_for_slot else entry.reason


def places_of(entry: QueueSnapshot) -> int:
    """Decimals that show both of its prices."""
    return max(formats.places_of(entry.entry_price), formats.places_of(entry.price, 0))


def is_ranked(entry: QueueSnapshot) -> bool:
    """One that waits for more than a slot is not in the race."""
    return entry.reason == "pool_full"


def rank_text(entry: QueueSnapshot) -> str:
    return str(entry.rank) if is_ranked(entry) else formats.NOTHING


def reason_text(reason: str) -> str:
    return REASON_WORDS.get(reason, reason.replace("_", " "))


def decided_text(entry: QueueSnapshot) -> str:
    if not is_ranked(entry):
        return f"waits: {reason_text(entry.reason)}"
    if entry.decided_by is None:
        return "the last one"
    words = SHORT_RULES.get(entry.decided_by, entry.decided_by.replace("_", " "))
    return f"{words} {_decisive(entry)}".strip()


def _decisive(entry: QueueSnapshot) -> str:
    if entry.decided_by == "deepest_loss_percent":
        return formats.signed_percent(entry.loss_percent)
    if entry.decided_by == "fifo":
        return f"{entry.first_queued_at:%H:%M:%S}"
    return "" if entry.decided_by in {"pyramid_continuation", KEPT} else entry.decisive or ""


def rule_lines(
    entry: QueueSnapshot, following: QueueSnapshot | None, priority: Sequence[str], now: datetime
) -> list[RuleLine]:
    """Each rule in its order, then those that are off; the deciding one is marked, the later ones were not needed."""
    lines: list[RuleLine] = []
    decided = False
    kept = entry.is_reserved or (following is not None and following.is_reserved)
    for number, rule in enumerate((KEPT, *priority) if kept else priority, start=1):
        words = "Slot kept for it" if rule == KEPT else RULE_WORDS.get(rule, rule.replace("_", " "))
        value = _compared(rule, entry, following, now)
        if decided:
            lines.append(RuleLine(number, words, f"{_value(rule, entry, now)}, not needed", "not_needed"))
        elif rule == entry.decided_by:
            decided = True
            lines.append(RuleLine(number, words, value, "decides"))
        else:
            lines.append(RuleLine(number, words, value, "passed"))
    off = [rule for rule in RULE_WORDS if rule not in priority]
    start = len(lines) + 1
    lines += [RuleLine(number, RULE_WORDS[rule], "rule is off", "off") for number, rule in enumerate(off, start=start)]
    return lines


def _value(rule: str, entry: QueueSnapshot, now: datetime) -> str:
    match rule:
        case "reserved":
            return "yes" if entry.is_reserved else "no"
        case "pyramid_continuation":
            return "yes" if entry.is_continuation else "no"
        case "deepest_loss_percent":
            return formats.signed_percent(entry.loss_percent)
        case "highest_replacement_count":
            return str(entry.replacement_count)
        case "highest_expected_profit":
            return formats.money(entry.expected_profit)
        case _:
            return formats.clock_time(entry.first_queued_at, now)


def _compared(rule: str, entry: QueueSnapshot, following: QueueSnapshot | None, now: datetime) -> str:
    mine = _value(rule, entry, now)
    if following is None:
        return mine
    theirs = _value(rule, following, now)
    return f"{mine}, as the next" if mine == theirs else f"{mine}, next {theirs}"


def waits_for(entry: QueueSnapshot, engine: EngineSnapshot, now: datetime) -> list[str]:
    """What must happen before it opens, sentence by sentence."""
    reason = reason_of(entry, paused=is_paused(engine, now))
    pause = formats.sentence(pause_text(engine, now) or "")
    said = [pause] if reason == AFTER_STOP else [WAITS_FOR.get(reason, UNNAMED)]
    if entry.is_reserved:
        said.append("A slot is kept for it: it takes the place of the group that it closes.")
    elif pause and reason != AFTER_STOP:
        said.append(pause)
    if engine.emergency.level == "critical":
        said.append("Nothing is promoted while the emergency stop is on.")
    elif engine.state != "running":
        said.append(f"Nothing is promoted while the engine is {engine.state}.")
    return said


def pause_text(engine: EngineSnapshot, now: datetime) -> str | None:
    """How long promotions still wait after a stop-loss."""
    until = engine.promotions_wait_until
    if until is None or until <= now:
        return None
    return f"after a stop-loss, the queue goes on in {formats.countdown(until - now)}"


def expires_text(entry: QueueSnapshot, now: datetime) -> str:
    if entry.expires_at <= now:
        return "It expires now."
    left = formats.age(entry.expires_at - now)
    return f"It expires in {left}, at {formats.clock_time(entry.expires_at, now)} UTC."


def promote_refusal(engine: EngineSnapshot, entry: QueueSnapshot) -> str | None:
    """Why it cannot be promoted now; None where it can."""
    if engine.emergency.level == "critical":
        return "The emergency stop is on."
    if engine.state != "running":
        return f"The engine is {engine.state}."
    if (barred := read_only_reason(engine.accounts, entry.account)) is not None:
        return barred
    if engine.slots_used >= engine.max_open_groups and not (entry.is_reserved or entry.is_continuation):
        return f"All {engine.max_open_groups} slots are taken."
    return None


def force_refusal(engine: EngineSnapshot, entry: QueueSnapshot) -> str | None:
    if engine.emergency.level == "critical":
        return "The emergency stop is on."
    if engine.state != "running":
        return f"The engine is {engine.state}."
    return read_only_reason(engine.accounts, entry.account)


def opening_lines(entry: QueueSnapshot, engine: EngineSnapshot, *, forced: bool) -> list[tuple[str, str]]:
    """What opening it now does, in numbers."""
    places = places_of(entry)
    now = formats.fixed(entry.price, places) if entry.price is not None else formats.NOTHING
    currency = engine.money.currency
    taken = engine.slots_used + 1
    slots = f"{taken} of {engine.max_open_groups}"
    if not forced and taken > engine.max_open_groups:
        slots = "none is free now"
    lines = [
        ("Opens at about", now),
        ("Queued at", f"{formats.fixed(entry.entry_price, places)}, {formats.signed_percent(entry.loss_percent)}"),
        ("On", entry.account),
        ("Expected at its targets", f"{formats.signed_money(entry.expected_profit)} {currency}"),
        ("Slots after that", f"{slots} slots" if forced else slots),
    ]
    if forced:
        lines.append(("Marked as", "forced"))
    return lines


def _age_value(row: QueueRow) -> float:
    return -row.entry.first_queued_at.timestamp()


def _price_now(row: QueueRow) -> str:
    return formats.NOTHING if row.entry.price is None else formats.fixed(row.entry.price, row.places)


def _status(row: QueueRow) -> str:
    return row.pending or decided_text(row.entry)


def queue_columns(now: Callable[[], datetime]) -> tuple[Column, ...]:
    """The columns of the queue; the time in it is told at the moment of painting."""
    return (
        Column("rank", "Rank", Kind.RANK, 60, lambda r: r.entry.rank, lambda r: rank_text(r.entry)),
        Column("pair", "Pair", Kind.PAIR, 146, lambda r: r.entry.symbol, lambda r: r.entry.symbol,
               tip=lambda r: f"{r.entry.symbol} on {r.entry.account}"),
        Column("timeframe", "TF", Kind.TEXT, 46, lambda r: r.entry.timeframe, lambda r: r.entry.timeframe),
        Column("side", "Side", Kind.SIDE, 70, lambda r: r.entry.side, lambda r: r.entry.side),
        Column("account", "Account", Kind.TEXT, 96, lambda r: r.entry.account, lambda r: r.entry.account,
               only_wide=True),
        Column("queued", "Queued price", Kind.NUMBER, 100, lambda r: r.entry.entry_price,
               lambda r: formats.fixed(r.entry.entry_price, r.places), spare=3),
        Column("now", "Now", Kind.NUMBER, 82, lambda r: r.entry.price, _price_now, spare=1),
        Column("percent", "Change for us", Kind.PNL, 100, lambda r: r.entry.loss_percent,
               lambda r: formats.signed_percent(r.entry.loss_percent)),
        Column("replaced", "Replaced", Kind.NUMBER, 76, lambda r: r.entry.replacement_count,
               lambda r: str(r.entry.replacement_count), spare=5),
        Column("expected", "Expected USDT", Kind.NUMBER, 110, lambda r: r.entry.expected_profit,
               lambda r: formats.money(r.entry.expected_profit), short_title="Expected", spare=4),
        Column("waiting", "Waiting", Kind.NUMBER, 74, _age_value,
               lambda r: formats.age(now() - r.entry.first_queued_at), ticks=True, spare=2),
        Column("why", "Reason", Kind.TAG, 150, lambda r: r.reason, lambda r: reason_text(r.reason)),
        Column("decided", "Decided by", Kind.STATUS, 150,
               lambda r: (r.entry.decided_by or "", r.entry.decisive or "", r.pending or ""), _status,
               tip=_status, stretches=True),
    )  # fmt: skip


def expected_total(entries: Sequence[QueueSnapshot]) -> Decimal:
    return sum((entry.expected_profit for entry in entries if entry.expected_profit is not None), Decimal(0))
