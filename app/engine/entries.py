"""The checks of entries, and the opening of groups and pyramids."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from itertools import starmap

from app.base.changing import changed
from app.domain.group import Group, Pyramid
from app.domain.refusal import Refusal
from app.domain.risk import checks
from app.domain.risk.checks import TRIPPING, Candidate, check_candidate
from app.domain.risk.results import Checked, Held
from app.domain.risk.standing import check_standing
from app.engine import emergency
from app.engine.blocking import blocked_by
from app.engine.candidates import Entry, candidate_of, order_rate_hold, standing_of
from app.engine.state import Market
from app.engine.turn import Turn
from app.messages.effects import LoadMarket
from app.messages.records import CheckResult, QueueReason, SignalOutcome

PASSES_WITH_TIME = frozenset({"cooldown", "stop_guard", "low_profit"})
"""Refusals that leave a queued signal where it is."""
BALANCE_WITHIN = timedelta(seconds=5)
"""So long after a fill a queued signal waits for the balance that the fill changed: its order may come before it."""
_result = lru_cache(256)(CheckResult)
"""Most checks pass, in the same words every time."""


def enter(turn: Turn, entry: Entry) -> QueueReason | None:
    """Open a group or a pyramid, or settle why not. What it must wait for comes back instead, unsettled."""
    group = turn.group_of(entry.identity)
    if group is not None and group.closing is None and not entry.exceeds_pyramids:
        most = group.grid.max_pyramids
        if len(group.pyramids) >= most:
            detail = f"{len(group.pyramids)} of {most} entries are in"
            _settle(turn, entry, SignalOutcome.IGNORED, (), reason="max_pyramids_reached", detail=detail)
            return None
    here = turn.groups_on(entry.identity.account, entry.identity.symbol)
    standing, trace = check_standing(standing_of(turn, entry, group, here))
    if isinstance(standing, Refusal):
        trace.not_reached(*checks.NAMES)
        return _refused(turn, entry, standing, trace.checked)
    waiting = blocked_by(turn, entry.identity, group, keeps_place=entry.is_reverse, is_forced=entry.is_forced)
    market = turn.state.market(entry.identity.account, entry.identity.symbol)
    if waiting is not None or market is None:
        trace.not_reached(*checks.NAMES)
        return _wait(turn, entry, waiting or QueueReason.MISSING_MARKET_RULES, trace.checked)
    verdict, more = check_candidate(candidate_of(turn, entry, group, here, market, standing))
    trace.extend(more.checked)
    if _is_news(turn, entry, trace.checked):
        turn.emit("risk.checked", signal=entry.record.id, account=entry.identity.account, symbol=entry.identity.symbol)
    match verdict:
        case Refusal():
            if verdict.code in TRIPPING:
                emergency.trip(turn, verdict.code, verdict.detail)
            return _refused(turn, entry, verdict, trace.checked)
        case Held():
            return _wait(turn, entry, QueueReason(verdict.code), trace.checked)
        case Candidate():
            _enter_market(turn, entry, group, verdict, market, trace.checked)
    return None


def _enter_market(
    turn: Turn, entry: Entry, group: Group | None, ready: Candidate, market: Market, trace: list[Checked]
) -> None:
    opened = _open(turn, entry, ready, market) if group is None else _add_pyramid(turn, entry, group, ready)
    done = "group opened" if group is None else f"pyramid {len(opened.pyramids) - 1} added"
    detail = f"{done} with {len(ready.legs)} legs"
    _settle(turn, entry, SignalOutcome.EXECUTED, trace, detail=detail, group_id=opened.id)


def _wait(turn: Turn, entry: Entry, reason: QueueReason, trace: list[Checked]) -> QueueReason:
    """Keep the results with the signal, and have fetched what it waits for."""
    record, kept = turn.signals.get(entry.record.id, entry.record), _kept(trace)
    if record.checks != kept:
        turn.signals[record.id] = changed(record, checks=kept)
    if reason is QueueReason.MISSING_MARKET_RULES:
        turn.effect(LoadMarket(entry.identity.account, entry.identity.symbol, entry.signal.hint))
    if reason is QueueReason.ORDER_RATE and not entry.promoted:
        turn.wake("queue", turn.now + order_rate_hold(turn))
    return reason


def _is_news(turn: Turn, entry: Entry, trace: list[Checked]) -> bool:
    """Whether the checks came out otherwise than the last time they ran for it."""
    return not entry.promoted or turn.signals.get(entry.record.id, entry.record).checks != _kept(trace)


def _refused(turn: Turn, entry: Entry, refusal: Refusal, trace: list[Checked]) -> QueueReason | None:
    if entry.promoted and not entry.by_hand and _passes(turn, entry, refusal):
        return entry.waited_for
    _settle(turn, entry, SignalOutcome.REJECTED, trace, reason=refusal.code, detail=refusal.detail)
    return None


def _passes(turn: Turn, entry: Entry, refusal: Refusal) -> bool:
    """Whether what refuses it passes by itself; the queue is looked at when it does."""
    if refusal.code in PASSES_WITH_TIME:
        return True
    filled_at = turn.state.accounts[entry.identity.account].unsettled_since
    if refusal.code != "insufficient_margin" or filled_at is None or turn.now >= filled_at + BALANCE_WITHIN:
        return False
    turn.wake("queue", filled_at + BALANCE_WITHIN)
    return True


def _open(turn: Turn, entry: Entry, ready: Candidate, market: Market) -> Group:
    identity = entry.identity
    group = Group(
        id=turn.ids.group_id(),
        account=identity.account,
        symbol=identity.symbol,
        timeframe=identity.timeframe,
        side=identity.side,
        strategy_id=identity.strategy_id,
        quote=market.rules.quote,
        base=market.rules.base,
        step_size=market.rules.step_size,
        contract_size=market.rules.contract_size,
        grid=ready.standing.settings,
        leverage=ready.standing.leverage,
        margin_mode=ready.standing.settings.margin_mode,
        opened_at=turn.now,
        pyramids=(_pyramid(turn, entry, ready),),
        legs=ready.legs,
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
        forced=entry.is_forced,
    )
    turn.put_group(group)
    turn.emit("position.updated", group=group, signal=entry.record.id, detail="opened", side=group.side)
    return group


def _add_pyramid(turn: Turn, entry: Entry, group: Group, ready: Candidate) -> Group:
    grown = changed(
        group,
        pyramids=(*group.pyramids, _pyramid(turn, entry, ready)),
        legs=(*group.legs, *ready.legs),
        offset_timer_at=None if turn.config.offset.reset_timer_on_replacement else group.offset_timer_at,
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
    )
    turn.put_group(grown)
    turn.emit("position.updated", group=grown, signal=entry.record.id, detail="pyramid added")
    return grown


def _pyramid(turn: Turn, entry: Entry, ready: Candidate) -> Pyramid:
    return Pyramid(ready.standing.pyramid, entry.record.id, ready.entry_price, ready.capital, turn.now)


def _settle(
    turn: Turn,
    entry: Entry,
    outcome: SignalOutcome,
    trace: Iterable[Checked],
    *,
    reason: str | None = None,
    detail: str | None = None,
    group_id: str | None = None,
) -> None:
    record = turn.signals.get(entry.record.id, entry.record)
    turn.signals[record.id] = changed(
        record,
        outcome=outcome,
        reason=reason,
        detail=detail,
        checks=_kept(trace),
        group_id=group_id or record.group_id,
        decided_at=turn.now,
    )
    turn.emit(
        "signal.promoted" if entry.promoted and group_id else f"signal.{outcome.value}",
        signal=record.id,
        account=entry.identity.account,
        symbol=entry.identity.symbol,
        group=turn.groups.get(group_id) if group_id else None,
        reason=reason,
        detail=detail,
        waited_sec=_waited(turn, entry) if entry.promoted and group_id else None,
        forced=True if entry.is_forced and group_id else None,
    )


def _waited(turn: Turn, entry: Entry) -> str | None:
    return None if entry.waiting_since is None else f"{(turn.now - entry.waiting_since).total_seconds():.3f}"


def _kept(trace: Iterable[Checked]) -> tuple[CheckResult, ...]:
    return tuple(starmap(_result, trace))
