"""The emergency stop, limits, groups as losers, and the plan, in rows and words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.domain.offset import Assessment, Condition, Payment, Plan
from app.gui import formats
from app.gui.models.tree import Column, Kind, Spec
from app.messages.records import ActionStatus, RiskAction
from app.messages.snapshots import EmergencySnapshot, GroupSnapshot, LimitSnapshot, RiskSnapshot

LEVEL_ICONS = {
    "normal": ("shield-check", "positive"),
    "warning": ("shield-alert", "warning"),
    "critical": ("octagon-x", "critical"),
}
LIMIT_WORDS = {
    "daily_loss": ("Daily loss", "since 00:00 UTC"),
    "drawdown": ("Drawdown", "from peak equity"),
    "max_exposure": ("Exposure, worst case", "all legs filled"),
    "open_groups": ("Open groups", "slots"),
    "stop_guard": ("Stop-loss guard", "stops in its window"),
    "protection_failures": ("Protection failures", "within an hour"),
    "order_rate": ("Entries", "within a minute"),
}
NEAR = Decimal(80)
FULL = Decimal(100)
POOL = "open_groups"
"""A full pool is no trouble: the queue is for that."""
THOUSAND = Decimal(1000)
COUNTED = frozenset({"groups", "stops", "failures", "entries", "errors", "ms", ""})
SINGULAR = {"groups": "group", "stops": "stop", "failures": "failure", "entries": "entry", "errors": "error"}
MODE_WORDS = {
    "off": "off: it never acts",
    "suggest": "suggests, and acts when you say so",
    "auto": "acts by itself",
}
ELSEWHERE = frozenset({"pyramids", "timer", "loss", "age", "unblocked"})
"""Conditions with a column of their own; the others share one."""


@dataclass(frozen=True, slots=True)
class RiskRow:
    """`place` keeps the order given; `role` is loser, pays or nothing."""

    assessment: Assessment
    place: int
    side: str
    role: str
    blocked: bool
    skipped: bool
    pending: str | None
    bound: str
    """The loss that a loser must have, in words."""

    def condition(self, name: str) -> Condition | None:
        return next((item for item in self.assessment.conditions if item.name == name), None)


def risk_rows(
    risk: RiskSnapshot, groups: Mapping[str, GroupSnapshot], pending: Mapping[str, str], bound: Decimal
) -> Iterator[Spec]:
    """One after the other, so that hundreds can be shown a few at a time."""
    winners = {payment.group_id for payment in risk.plan.winners} if risk.plan is not None else set()
    loser = risk.plan.loser_id if risk.plan is not None else ""
    words = f"\u2264 {formats.plain(bound)}%"
    for place, assessment in enumerate(risk.groups):
        group_id = assessment.group_id
        role = "loser" if group_id == loser else "pays" if group_id in winners else ""
        row = RiskRow(
            assessment=assessment,
            place=place,
            side=groups[group_id].side if group_id in groups else "",
            role=role,
            blocked=group_id in risk.blocked,
            skipped=group_id in risk.skipped,
            pending=pending.get(group_id),
            bound=words,
        )
        yield Spec(group_id, row)


# ---------------------------------------------------------------------- conditions


def tags(row: RiskRow) -> tuple[str, ...]:
    found = [row.role, "blocked" if row.blocked else "", "skipped" if row.skipped else "", row.pending or ""]
    return tuple(tag for tag in found if tag)


def mark_of(condition: Condition | None) -> str:
    """The icon of a condition: met, not met, or a timer that was not started."""
    if condition is None:
        return ""
    if condition.met:
        return "check"
    return "minus" if condition.name == "timer" and "not started" in condition.detail else "x"


def _timer_text(row: RiskRow) -> str:
    left = row.assessment.timer_left_sec
    if left is None:
        return "not started"
    return "done" if left == 0 else f"{formats.countdown(timedelta(seconds=left))} left"


def _pyramids_text(row: RiskRow) -> str:
    condition = row.condition("pyramids")
    return condition.detail.removesuffix(" pyramids") if condition is not None else ""


def _age_text(row: RiskRow) -> str:
    condition = row.condition("age")
    return condition.detail.removesuffix(" minutes") if condition is not None else ""


def _hindrance(row: RiskRow) -> Condition | None:
    """Of the conditions that share a column, the first that is not met; else the last."""
    others = [item for item in row.assessment.conditions if item.name not in ELSEWHERE]
    return next((item for item in others if not item.met), others[-1] if others else None)


def _hindrance_text(row: RiskRow) -> str:
    condition = _hindrance(row)
    if condition is None or condition.met:
        return "yes" if condition is not None else ""
    words = {"not_skipped": "skipped once", "price": "no price", "open": "closing"}
    return words.get(condition.name, condition.name.replace("_", " "))


def said(condition: Condition | None) -> str:
    """A condition as a sentence: for the tooltip and for a screen reader."""
    if condition is None:
        return ""
    return f"{'Met' if condition.met else 'Not met'}: {condition.detail}"


def _group_text(row: RiskRow) -> str:
    return row.assessment.symbol


def _what_text(row: RiskRow) -> str:
    return f"{row.assessment.timeframe} {row.side}".strip()


RISK_COLUMNS: tuple[Column, ...] = (
    Column("pair", "Group", Kind.PAIR, 106, lambda r: r.place, _group_text, tip=lambda r: r.assessment.symbol),
    Column("what", "TF", Kind.TEXT, 80, lambda r: (r.assessment.timeframe, r.side), _what_text, tip=_what_text),
    Column("role", "Role", Kind.TAGS, 80, tags, lambda r: ", ".join(tags(r)) or formats.NOTHING,
           tip=lambda r: ", ".join(tags(r)), spare=3),
    Column("percent", "Loss %", Kind.PNL, 80, lambda r: r.assessment.loss_percent,
           lambda r: formats.signed_percent(r.assessment.loss_percent)),
    Column("pnl", "USDT", Kind.PNL, 76, lambda r: r.assessment.profit,
           lambda r: formats.signed_money(r.assessment.profit), tip=lambda r: formats.plain(r.assessment.profit),
           spare=4),
    Column("pyramids", "Pyramids", Kind.CONDITION, 72, lambda r: r.condition("pyramids"), _pyramids_text,
           tip=lambda r: said(r.condition("pyramids")), spare=2),
    Column("timer", "Timer", Kind.CONDITION, 108, lambda r: r.condition("timer"), _timer_text,
           tip=lambda r: said(r.condition("timer")), spare=1),
    Column("loss", "Threshold", Kind.CONDITION, 72, lambda r: r.condition("loss"), lambda r: r.bound,
           tip=lambda r: said(r.condition("loss")), spare=5),
    Column("age", "Age", Kind.CONDITION, 84, lambda r: r.condition("age"), _age_text,
           tip=lambda r: said(r.condition("age")), spare=6),
    Column("unblocked", "Not blocked", Kind.CONDITION, 82, lambda r: r.condition("unblocked"),
           lambda r: "no" if r.blocked else "yes", tip=lambda r: said(r.condition("unblocked")), spare=7),
    Column("other", "Ready", Kind.CONDITION, 70, _hindrance, _hindrance_text,
           tip=lambda r: said(_hindrance(r)), stretches=True),
)  # fmt: skip


# ---------------------------------------------------------------------- the emergency stop and the limits


def level_sentence(emergency: EmergencySnapshot, limits: Sequence[LimitSnapshot]) -> str:
    """What the state means now."""
    match emergency.level:
        case "critical":
            why = formats.sentence(emergency.reason or emergency.code or "")
            return f"{why} Nothing new opens; exits and stops go on.".strip()
        case "warning":
            near = warning_text(emergency)
            return f"New exposure is allowed. {near}".strip()
    nearest = max((limit for limit in limits if limit.name != POOL), key=lambda limit: limit.share, default=None)
    if nearest is None:
        return "New exposure is allowed. No limit is set."
    return f"New exposure is allowed. Nearest limit: {limit_name(nearest).lower()}, {room(nearest)}."


def warning_text(emergency: EmergencySnapshot) -> str:
    """What is near a limit, in sentences; limits by their words."""
    said = " ".join(formats.sentence(warning) for warning in emergency.warnings)
    for name, (words, _) in LIMIT_WORDS.items():
        said = said.replace(f"the limit {name} ", f"the limit of {words.lower()} ")
    return said


def in_currency(limits: Sequence[LimitSnapshot], currency: str) -> tuple[LimitSnapshot, ...]:
    """Those in quote with the currency's name."""
    return tuple(replace(limit, unit=currency) if limit.unit == "quote" else limit for limit in limits)


def limit_name(limit: LimitSnapshot) -> str:
    name, _, rest = limit.name.partition(":")
    words = LIMIT_WORDS.get(name, (name.replace("_", " ").capitalize(), ""))[0]
    return f"{words} {rest}".strip()


def limit_note(limit: LimitSnapshot) -> str:
    return LIMIT_WORDS.get(limit.name.partition(":")[0], ("", ""))[1]


def limit_text(limit: LimitSnapshot) -> str:
    """`212.40 of 250.00`."""
    return f"{_amount(limit.used, limit.unit)} of {_amount(limit.limit, limit.unit)}"


def room(limit: LimitSnapshot) -> str:
    """How far the limit is away, in its own unit."""
    left = limit.limit - limit.used
    if left == 0:
        return "full" if limit.name == POOL else "reached"
    amount = _amount(abs(left), limit.unit).removesuffix("%")
    unit = "points" if limit.unit == "%" else limit.unit
    return f"{amount} {SINGULAR.get(unit, unit) if amount == '1' else unit} {'away' if left > 0 else 'past'}"


def limit_state(limit: LimitSnapshot) -> str:
    """normal, warning from 80 % used, critical from 100 %."""
    if limit.name == POOL:
        return "normal"
    return "critical" if limit.share >= FULL else "warning" if limit.share >= NEAR else "normal"


def _amount(value: Decimal, unit: str) -> str:
    if unit == "%":
        return formats.percent(value)
    if unit in COUNTED:
        return formats.plain(value)
    return formats.fixed(value, 0) if abs(value) >= THOUSAND else formats.money(value)


# ---------------------------------------------------------------------- the plan


def name_of(symbol: str, timeframe: str) -> str:
    return f"{formats.pair(symbol)[0]} {timeframe}"


def plan_head(plan: Plan) -> str:
    name = name_of(plan.symbol, plan.timeframe)
    if plan.loser_quantity == 0:
        return f"{name}, nothing to close: {'the winners pay too little' if plan.winners else 'no winner pays'}"
    part = "whole" if plan.whole else "in part"
    due = "it is due" if plan.due else "not due yet"
    return f"close {name} {part}, {formats.plain(plan.loser_quantity)} at market; {due}"


def balance(plan: Plan) -> Decimal:
    """What the winners bring above what is required; negative is a gap."""
    return plan.covered - plan.required


def fees_of(plan: Plan) -> Decimal:
    return sum((payment.fee for payment in plan.winners), Decimal(0))


def balance_text(plan: Plan) -> str:
    rest = balance(plan)
    if rest < 0:
        return f"{formats.money(-rest)} short"
    return f"covered, {formats.money(rest)} left over" if rest > 0 else "covered exactly"


def after_text(payment: Payment) -> str:
    if payment.whole:
        return "closes whole, slot free"
    return f"keeps {formats.plain(payment.open_quantity - payment.quantity)}, its TPs shrink"


def why_not(risk: RiskSnapshot) -> str | None:
    """Why the plan is not carried out; None where nothing stands in its way."""
    if risk.mode == "off":
        return "The offset engine is off."
    if risk.plan is None:
        return "No group could be the loser now: none has a loss and meets its conditions."
    if risk.plan.refusal is not None:
        return formats.sentence(risk.plan.refusal)
    return formats.sentence(risk.held_by) if risk.held_by else None


def run_refusal(risk: RiskSnapshot) -> str | None:
    if risk.emergency.level == "critical":
        return "The emergency stop is on."
    return why_not(risk)


def run_lines(plan: Plan, currency: str) -> list[tuple[str, str]]:
    """What *Run now* does, in numbers."""
    lines = [
        (
            f"{name_of(item.symbol, item.timeframe)} pays",
            f"sells {formats.plain(item.quantity)} of {formats.plain(item.open_quantity)}: "
            f"{formats.signed_money(item.pays)}, fee {formats.money(item.fee)}",
        )
        for item in plan.winners
    ]
    part = "whole" if plan.whole else "in part"
    lines.append(
        (
            f"{name_of(plan.symbol, plan.timeframe)} closes {part}",
            f"{formats.plain(plan.loser_quantity)}: {formats.signed_money(-plan.loss)}"
            if plan.whole
            else f"{formats.plain(plan.loser_quantity)} of a loss of {formats.money(plan.loss)}",
        )
    )
    lines += [
        ("Required, with fees and buffer", f"{formats.money(plan.required)} {currency}"),
        ("Winners bring about", f"{formats.money(plan.covered)} {currency}, {balance_text(plan)}"),
        ("On", plan.account),
    ]
    return lines


def mode_text(risk: RiskSnapshot) -> str:
    words = MODE_WORDS.get(risk.mode, risk.mode)
    return (
        f"The offset engine sells winners to close a loser. It {words}" if risk.mode != "off"
        else "The offset engine sells winners to close a loser. It is off"
    ) + f" \u00b7 {risk.actions_today} of {risk.max_actions_per_day} actions today"  # fmt: skip


# ---------------------------------------------------------------------- what was done


def action_text(action: RiskAction) -> str:
    name = name_of(action.loser, action.timeframe)
    count = len(action.winners)
    paid = "1 winner" if count == 1 else f"{count} winners"
    if action.status is not ActionStatus.DONE:
        doing = "selling winners" if action.status is ActionStatus.WINNERS else "closing the loser"
        return f"{name}: {doing}, {paid}"
    net = action.realized + action.loser_realized
    detail = f" {formats.sentence(action.detail)}" if action.detail else ""
    return f"{name}: {paid} paid {formats.money(action.realized)}, net {formats.signed_money(net)}.{detail}"


def action_time(action: RiskAction, now: datetime) -> str:
    by = "by hand" if action.started_by == "hand" else "by itself"
    return f"{formats.clock_time(action.at, now)}, {by}"
