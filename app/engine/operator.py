"""What people do to the engine as a whole, and what connections tell."""

from __future__ import annotations

from collections.abc import Collection

from app.base.config.starting import from_the_next_start
from app.base.config.tree import difference
from app.domain.take_profit import leg_plan_target
from app.engine import arming, emergency, signals
from app.engine.conditional import note_conditional_orders
from app.engine.money import samples, started_fact
from app.engine.outcomes import reject
from app.engine.past import forget_past
from app.engine.troubles import tell_breaker, tell_refusal
from app.engine.turn import Turn
from app.engine.waiting import take_out
from app.messages.commands import (
    AcceptSignal,
    AcknowledgeAlert,
    ApplyConfig,
    CommandResult,
    NoteProposal,
    Pause,
    PreviewLeg,
    PreviewSignal,
    RaiseAlert,
    Resume,
    SampleEquity,
    SignalPreview,
)
from app.messages.effects import Reconcile
from app.messages.records import SignalOutcome
from app.messages.reports import BreakerReport, ClockReport, ConditionalReport, ConnectionReport
from app.ports.engine import CommandRefused


def pause(turn: Turn, command: Pause) -> CommandResult:
    """No entries until `resume`; exits, stops and reconciliation go on. It survives a restart."""
    turn.facts.put("paused", command.reason or "paused by hand")
    turn.emit("engine.paused", reason=command.reason)
    return CommandResult("entries are refused until the engine is resumed")


def resume(turn: Turn, _: Resume) -> CommandResult:
    if turn.fact("paused") is None:
        raise CommandRefused("not_paused", "the engine is not paused")
    turn.facts.put("paused", "")
    turn.wants_promotion = True
    turn.emit("engine.resumed")
    return CommandResult("entries are accepted again")


def apply_config(turn: Turn, command: ApplyConfig) -> CommandResult:
    """From now on; open groups keep the grid they were opened with."""
    gone = {account.id for account in turn.config.accounts} - {account.id for account in command.config.accounts}
    in_use = sorted({group.account for group in turn.open_groups()} & gone)
    if in_use:
        raise CommandRefused("account_in_use", f"open groups still trade on {', '.join(in_use)}")
    if command.keys is not None:
        arming.change_keys(turn, command.keys)
    later = from_the_next_start(turn.config, command.config)
    before, after = (config.model_dump(mode="json") for config in (turn.config, command.config))
    turn.new_config = command.config
    _drop_what_waits(turn, gone)
    for account in gone:
        forget_past(turn, account)
    arming.follow_config(turn)
    turn.wants_promotion = True
    turn.emit("policy.updated", who=command.who or None, changes=difference(before, after))
    told = f"; from the next start: {', '.join(later)}" if later else ""
    return CommandResult(f"the configuration was applied{told}")


def _drop_what_waits(turn: Turn, gone: Collection[str]) -> None:
    """Nothing is opened on accounts that were removed, nor elsewhere in their place."""
    for entry in list(turn.queue.values()):
        if entry.identity.account in gone:
            take_out(turn, entry, "account_removed", detail=f"the account {entry.identity.account} was removed")
    for record in turn.pending_signals():
        if record.account in gone:
            reject(turn, record, "account_removed", f"the account {record.account} was removed")


def sample_equity(turn: Turn, _: SampleEquity) -> CommandResult:
    """The first sample of an account is what it started with."""
    for sample in samples(turn.state, turn.now):
        turn.ledger.equity.append(sample)
        if turn.fact(started_fact(sample.account)) is None:
            turn.facts.put(started_fact(sample.account), f"{sample.equity - sample.realized:f}")
    return CommandResult("equity was sampled")


def connection_changed(turn: Turn, report: ConnectionReport) -> None:
    """After a gap in the private stream the account is read again before it is trusted."""
    account = turn.state.accounts[report.account]
    if report.connected:
        account.connected, account.reconciled = True, False
        turn.effect(Reconcile(report.account, 0))
        return
    account.connected, account.reconciled = False, False
    account.stale_since = account.stale_since or turn.now
    account.reason = report.reason
    turn.emit("account.stale", account=report.account, detail=report.reason)
    if report.needs_person:
        tell_refusal(turn, account, report.reason or "the exchange refuses it")


def breaker_changed(turn: Turn, report: BreakerReport) -> None:
    """While it is open, entries on the account wait."""
    account = turn.state.accounts[report.account]
    if report.is_open == (account.breaker_since is not None):
        return
    account.breaker_since = report.at if report.is_open else None
    turn.emit(
        "account.breaker_opened" if report.is_open else "account.breaker_closed",
        account=report.account,
        detail=report.reason,
    )
    tell_breaker(turn, account, report)
    if not report.is_open:
        turn.wants_promotion = True


def clock_measured(turn: Turn, report: ClockReport) -> None:
    """Requests are signed and signals are judged in the venue's time; the trader is told once."""
    account = turn.state.accounts[report.account]
    was_off, account.clock_skew_ms = emergency.is_clock_off(account), report.skew_ms
    if emergency.is_clock_off(account) and not was_off:
        turn.alert("warning", emergency.skew_sentence(account), account=report.account)


def conditional_orders_told(turn: Turn, report: ConditionalReport) -> None:
    note_conditional_orders(turn, report.account, report.refused)


def acknowledge(turn: Turn, command: AcknowledgeAlert) -> CommandResult:
    if not 0 < command.sequence <= turn.state.sequence:
        raise CommandRefused("unknown_alert", f"there is no alert {command.sequence}")
    turn.emit("alert.acknowledged", sequence=command.sequence)
    return CommandResult("the alert was acknowledged")


def note_proposal(turn: Turn, command: NoteProposal) -> CommandResult:
    """Shown to the trader, never applied by itself."""
    turn.alert("warning", f"{command.source} proposes a change of the settings: {command.changes}")
    return CommandResult("the proposal was noted; a person decides")


def raise_alert(turn: Turn, command: RaiseAlert) -> CommandResult:
    turn.alert(command.severity, command.detail)
    return CommandResult("the trader was told")


def read_again(turn: Turn, account: str) -> None:
    turn.effect(Reconcile(account, 0))


def preview(turn: Turn, command: PreviewSignal) -> SignalPreview:
    """Run the signal through the real handlers on a turn that is thrown away."""
    savepoint = turn.savepoint()
    accepted = AcceptSignal(
        received_at=command.received_at,
        source="preview",
        payload="{}",
        content_key="preview",
        signal=command.signal,
        grant=command.grant,
        replay_of="preview",
    )
    last_signal_at = turn.state.last_signal_at
    answer = signals.accept(turn, accepted)
    record = turn.signals[answer.signal_id]
    group = turn.groups.get(record.group_id) if record.group_id else None
    legs = [leg for leg in group.legs if leg.pyramid == len(group.pyramids) - 1] if group else []
    market = turn.state.market(group.account, group.symbol) if group else None
    executed_entry = record.outcome is SignalOutcome.EXECUTED and record.intent in {"entry", "reverse"}
    result = SignalPreview(
        outcome=record.outcome.value,
        reason=record.reason,
        detail=record.detail,
        account=record.account,
        symbol=record.symbol,
        timeframe=record.timeframe,
        side=record.side,
        intent=record.intent,
        capital=group.pyramids[-1].capital if group and executed_entry else None,
        legs=tuple(
            PreviewLeg(
                leg.pyramid,
                leg.index,
                leg.order_type.value,
                leg.price,
                leg.quantity,
                leg_plan_target(leg, group, market.rules),
            )
            for leg in legs
            if group is not None and market is not None and executed_entry
        ),
        checks=record.checks,
        errors=answer.errors,
    )
    turn.rollback(savepoint)
    turn.state.last_signal_at = last_signal_at
    return result
