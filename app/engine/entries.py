"""Entries: what keeps one waiting, the checks, and the opening of groups and pyramids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.domain.group import Group, Pyramid
from app.domain.refusal import Refusal
from app.domain.risk.checks import Candidate, cooldown_refusal, is_exempt_from_cooldown, leverage_refusal, run_checks
from app.domain.signal import Signal
from app.domain.values import ZERO, Identity, MarketType
from app.engine.money import equity_of
from app.engine.state import Market
from app.engine.turn import Turn
from app.messages.effects import LoadMarket
from app.messages.records import CheckResult, QueueReason, SignalOutcome, SignalRecord

BY_EQUITY = frozenset({"equity_percent", "risk_percent"})
PASSES_WITH_TIME = frozenset({"cooldown"})
"""Refusals that leave a queued signal where it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A signal that wants to open or add; `promoted` when it comes from the queue.

    `reprices` tells whether size and gaps may be counted from the present price (`queue.reprice`): not for a signal
    that was only held while rules were fetched, nor for a reverse.
    """

    record: SignalRecord
    signal: Signal
    identity: Identity
    size: Decimal | None
    is_reverse: bool = False
    promoted: bool = False
    reprices: bool = False


def enter(turn: Turn, entry: Entry) -> QueueReason | None:
    """Open a group or a pyramid, or settle why not. What it must wait for comes back instead, unsettled."""
    group = turn.group_of(entry.identity)
    if group is not None and group.closing is None and len(group.pyramids) >= group.grid.max_pyramids:
        detail = f"{len(group.pyramids)} of {group.grid.max_pyramids} entries are in"
        _settle(turn, entry, SignalOutcome.IGNORED, (), reason="max_pyramids_reached", detail=detail)
        return None
    if turn.state.paused is not None:
        refusal = Refusal("paused", f"the engine is paused: {turn.state.paused}")
        _settle(turn, entry, SignalOutcome.REJECTED, (), reason=refusal.code, detail=refusal.detail)
        return None
    waiting = blocked_by(turn, entry.identity, group)
    market = turn.state.market(entry.identity.account, entry.identity.symbol)
    if waiting is not None:
        return _wait(turn, entry, group, waiting)
    if market is None:
        return QueueReason.MISSING_MARKET_RULES
    verdict, trace = run_checks(_candidate(turn, entry, group, market))
    checks = tuple(CheckResult(item.check, item.result, item.detail) for item in trace)
    turn.emit("risk.checked", signal=entry.record.id, account=entry.identity.account, symbol=entry.identity.symbol)
    if isinstance(verdict, Refusal):
        return _refused(turn, entry, verdict, checks)
    opened = _open(turn, entry, verdict, market) if group is None else _add_pyramid(turn, entry, group, verdict)
    done = "group opened" if group is None else f"pyramid {len(opened.pyramids) - 1} added"
    detail = f"{done} with {len(verdict.legs)} legs"
    _settle(turn, entry, SignalOutcome.EXECUTED, checks, detail=detail, group_id=opened.id)
    return None


def _wait(turn: Turn, entry: Entry, group: Group | None, waiting: QueueReason) -> QueueReason | None:
    refusal = None if entry.promoted else _refused_before_waiting(turn, entry, group)
    if refusal is not None:
        return _refused(turn, entry, refusal, (CheckResult(refusal.code, "failed", refusal.detail),))
    _ask_for_market(turn, entry, waiting)
    return waiting


def _refused_before_waiting(turn: Turn, entry: Entry, group: Group | None) -> Refusal | None:
    """The checks that need neither slot nor price run before queueing too (risk.md)."""
    identity, risk = entry.identity, turn.config.risk
    settings = group.grid if group else turn.config.grid.resolve(identity.account, identity.symbol, identity.timeframe)
    pyramid = len(group.pyramids) if group else 0
    refusal = leverage_refusal(entry.signal.leverage or settings.leverage, risk)
    if is_exempt_from_cooldown(risk, pyramid, is_reverse=entry.is_reverse):
        return refusal
    return cooldown_refusal(identity.symbol, _cooling_since(turn, identity), turn.now, risk) or refusal


def _refused(turn: Turn, entry: Entry, refusal: Refusal, checks: tuple[CheckResult, ...]) -> QueueReason | None:
    if entry.promoted and refusal.code in PASSES_WITH_TIME:
        return QueueReason.POOL_FULL
    _settle(turn, entry, SignalOutcome.REJECTED, checks, reason=refusal.code, detail=refusal.detail)
    return None


def blocked_by(turn: Turn, identity: Identity, group: Group | None) -> QueueReason | None:
    """What an entry of this identity has to wait for."""
    if group is not None and group.closing is not None:
        return QueueReason.GROUP_CLOSING
    account = turn.state.accounts.get(identity.account)
    if account is None or not account.ready:
        return QueueReason.ACCOUNT_STALE
    if _opposite_is_open(turn, identity, one_way=account.one_way):
        return QueueReason.OPPOSITE_SIDE_OPEN
    market = turn.state.market(identity.account, identity.symbol)
    if market is None or market.quote is None or _is_outdated(turn, market):
        return QueueReason.MISSING_MARKET_RULES
    if group is None and turn.open_group_count() >= turn.config.pool.max_open_groups:
        return QueueReason.POOL_FULL
    return None


def _is_outdated(turn: Turn, market: Market) -> bool:
    return (turn.now - market.loaded_at).total_seconds() > turn.config.precision.refresh_seconds


def _opposite_is_open(turn: Turn, identity: Identity, *, one_way: bool) -> bool:
    against = [
        group for group in turn.groups_on(identity.account, identity.symbol) if group.side is identity.side.opposite
    ]
    return bool(against) if one_way else any(group.timeframe == identity.timeframe for group in against)


def _ask_for_market(turn: Turn, entry: Entry, waiting: QueueReason) -> None:
    if waiting is QueueReason.MISSING_MARKET_RULES:
        identity = entry.identity
        turn.effect(LoadMarket(identity.account, identity.symbol, entry.signal.reference_price))


def _candidate(turn: Turn, entry: Entry, group: Group | None, market: Market) -> Candidate:
    identity, signal = entry.identity, entry.signal
    settings = group.grid if group else turn.config.grid.resolve(identity.account, identity.symbol, identity.timeframe)
    entry_price = _entry_price(turn, entry, market, settings.entry_reference)
    by_market = settings.entry_reference == "market"
    return Candidate(
        identity=identity,
        now=turn.now,
        risk=turn.config.risk,
        settings=settings,
        rules=market.rules,
        quote=market.quote,
        paused=turn.state.paused,
        pyramid=len(group.pyramids) if group else 0,
        entry_price=entry_price,
        size=entry.size,
        size_type=signal.size_type,
        equity=equity_of(turn.state, turn.open_groups(), identity.account) if settings.size_from in BY_EQUITY else None,
        signal_price=entry_price if by_market else signal.reference_price,
        signal_stop=(group.signal_stop if group else None) or signal.stop_loss,
        signal_take_profit=(group.signal_take_profit if group else None) or signal.take_profit,
        max_slippage_percent=signal.max_slippage_percent,
        requested_leverage=signal.leverage if market.rules.market_type is MarketType.LINEAR else None,
        book_leverage=_book_leverage(turn, identity),
        cooling_since=_cooling_since(turn, identity),
        is_reverse=entry.is_reverse,
    )


def _entry_price(turn: Turn, entry: Entry, market: Market, reference: str) -> Decimal:
    from_market = reference == "market" or (entry.reprices and turn.config.queue.reprice == "current")
    if not from_market or market.quote is None:
        return entry.signal.reference_price
    return market.quote.executable(entry.identity.side.entry_order_side)


def _book_leverage(turn: Turn, identity: Identity) -> tuple[Decimal, str] | None:
    for group in turn.groups_on(identity.account, identity.symbol):
        if group.side is identity.side:
            return group.leverage, group.margin_mode
    return None


def _cooling_since(turn: Turn, identity: Identity) -> datetime | None:
    moments: list[datetime] = []
    for group in turn.recent_groups_on(identity.account, identity.symbol):
        moments.append(group.opened_at)
        if group.closed_at is not None and group.was_filled and group.realized_pnl < 0:
            moments.append(group.closed_at)
    return max(moments, default=None)


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
        grid=ready.settings,
        leverage=ready.leverage if market.rules.market_type is MarketType.LINEAR else Decimal(1),
        margin_mode=ready.settings.margin_mode,
        opened_at=turn.now,
        pyramids=(_pyramid(turn, entry, ready),),
        legs=ready.legs,
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
    )
    turn.put_group(group)
    turn.emit("position.updated", group=group, signal=entry.record.id, detail="opened", side=group.side)
    return group


def _add_pyramid(turn: Turn, entry: Entry, group: Group, ready: Candidate) -> Group:
    grown = replace(
        group,
        pyramids=(*group.pyramids, _pyramid(turn, entry, ready)),
        legs=(*group.legs, *ready.legs),
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
    )
    turn.put_group(grown)
    turn.emit("position.updated", group=grown, signal=entry.record.id, detail="pyramid added")
    return grown


def _pyramid(turn: Turn, entry: Entry, ready: Candidate) -> Pyramid:
    return Pyramid(ready.pyramid, entry.record.id, ready.entry_price, ready.capital or ZERO, turn.now)


def _settle(
    turn: Turn,
    entry: Entry,
    outcome: SignalOutcome,
    checks: tuple[CheckResult, ...],
    *,
    reason: str | None = None,
    detail: str | None = None,
    group_id: str | None = None,
) -> None:
    record = turn.signals.get(entry.record.id, entry.record)
    turn.signals[record.id] = replace(
        record,
        outcome=outcome,
        reason=reason,
        detail=detail,
        checks=checks,
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
    )
