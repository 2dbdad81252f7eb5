"""Which handler a message goes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.base.errors import InvalidSignal
from app.engine import (
    answers,
    arming,
    close_all,
    emergency,
    fills,
    funding,
    groups,
    holds,
    leaving,
    markets,
    offsetting,
    operator,
    ownerless,
    placing,
    queueing,
    reconciling,
    reports,
    resending,
    set_back,
    signals,
    troubles,
)
from app.engine.binding import put_balance
from app.engine.care import care_for
from app.engine.defects import Defects
from app.engine.inbox import (
    AccountLeft,
    AccountRead,
    AccountReplaced,
    AccountUnreachable,
    AmendAnswered,
    Broke,
    CancelAnswered,
    ClockStepped,
    DiskAnswered,
    GroupLoaded,
    LeverageSet,
    LookUpAnswered,
    MarketLoaded,
    OrdersSent,
    PriceTouched,
    Recovered,
    Stopping,
    SubmitAnswered,
    TimerDue,
    Unwritable,
)
from app.engine.outcomes import reject
from app.engine.past import forget_past
from app.engine.recorded import ReadRecord
from app.engine.state import Balance
from app.engine.turn import Turn
from app.messages.commands import (
    AcceptDifference,
    AcceptSignal,
    AcknowledgeAlert,
    AddFunds,
    ApplyConfig,
    ArmAccount,
    BlockGroup,
    CancelEntries,
    CloseAll,
    CloseGroup,
    DisarmAccount,
    EmergencyReset,
    EmergencyStop,
    Force,
    MoveStop,
    NoteProposal,
    Pause,
    PlaceOrder,
    PreviewSignal,
    Promote,
    RaiseAlert,
    ReduceGroup,
    Remove,
    Resume,
    RunOffset,
    SampleEquity,
    SetTakeProfitMode,
    SettleForeign,
    SkipOffset,
)
from app.messages.records import SignalRecord
from app.messages.reports import (
    BalanceReport,
    BreakerReport,
    ClockReport,
    ConditionalReport,
    ConnectionReport,
    FillReport,
    FundingReport,
    OrderReport,
    PositionReport,
)
from app.ports.engine import CommandRefused

MARKET_RETRY = timedelta(seconds=5)
MOST_CARE_ROUNDS = 20
"""A group that is not at rest after so many rounds is a defect."""


TOLD_TOGETHER: frozenset[type] = frozenset(
    {OrdersSent, SubmitAnswered, OrderReport, FillReport, PositionReport, BalanceReport}
)
"""Reports that come in swarms: what follows from them is decided once for all that wait."""


class Dispatcher:
    """Runs a message's handler; `settle` then cares for every group that was touched, and promotes from the queue."""

    def __init__(self, read_record: ReadRecord, defects: Defects) -> None:
        self._read_record = read_record
        self._defects = defects
        self._handlers: dict[type, Callable[[Turn, Any], Any]] = {
            AcceptSignal: signals.accept,
            PreviewSignal: operator.preview,
            CloseGroup: groups.close_group,
            ReduceGroup: groups.reduce_by_hand,
            CancelEntries: groups.cancel_entries,
            MoveStop: groups.move_stop,
            SetTakeProfitMode: groups.set_take_profit_mode,
            PlaceOrder: placing.place,
            AddFunds: placing.add_funds,
            Promote: self._with_records(queueing.promote_by_hand),
            Force: self._with_records(queueing.force),
            Remove: queueing.remove,
            EmergencyStop: resending.then_drop_entries(emergency.stop),
            EmergencyReset: emergency.reset,
            CloseAll: close_all.begin,
            RunOffset: offsetting.run,
            SkipOffset: offsetting.skip,
            BlockGroup: offsetting.block,
            AcknowledgeAlert: operator.acknowledge,
            NoteProposal: operator.note_proposal,
            RaiseAlert: operator.raise_alert,
            Pause: resending.then_drop_entries(operator.pause),
            Resume: operator.resume,
            ApplyConfig: operator.apply_config,
            ArmAccount: arming.arm,
            DisarmAccount: resending.then_drop_entries(arming.disarm),
            SettleForeign: holds.settle_foreign,
            AcceptDifference: holds.accept_difference,
            SampleEquity: operator.sample_equity,
            OrdersSent: answers.sent,
            LeverageSet: resending.send_prepared,
            SubmitAnswered: answers.submit_answered,
            CancelAnswered: answers.cancel_answered,
            AmendAnswered: answers.amend_answered,
            LookUpAnswered: answers.look_up_answered,
            OrderReport: reports.take_report,
            FillReport: fills.apply_fill,
            FundingReport: funding.book_funding,
            BalanceReport: _of_known(_balance),
            PositionReport: _position,
            ConnectionReport: _of_known(operator.connection_changed),
            BreakerReport: _of_known(operator.breaker_changed),
            ClockReport: _of_known(operator.clock_measured),
            ConditionalReport: _of_known(operator.conditional_orders_told),
            ClockStepped: lambda turn, _: set_back.clock_stepped(turn),
            AccountLeft: _account_left,
            AccountReplaced: _account_replaced,
            AccountRead: _account_read,
            AccountUnreachable: _of_known(troubles.account_unreachable),
            MarketLoaded: self._with_records(markets.loaded),
            GroupLoaded: _group_loaded,
            PriceTouched: _price_touched,
            TimerDue: self._timer,
            Stopping: lambda turn, _: leaving.leave(turn),
            DiskAnswered: _disk_answered,
            Broke: _broke,
            Unwritable: lambda turn, lost: self._defects.lost(turn, lost.message, lost.error),
            Recovered: self._recovered,
        }

    def _with_records(self, handler: Callable[[Turn, Any, ReadRecord], Any]) -> Callable[[Turn, Any], Any]:
        return lambda turn, message: handler(turn, message, self._read_record)

    def __call__(self, turn: Turn, message: Any) -> Any:
        if turn.recovered and turn.day != turn.now.date():
            self._defects.isolated(turn, "the start of the day", _begin_day)
        answer = self._handlers[type(message)](turn, message)
        if type(message) not in TOLD_TOGETHER:
            self.settle(turn)
        return answer

    def settle(self, turn: Turn) -> None:
        """Bring groups and queue to rest after what was handled; there may be nothing to do.

        What breaks keeps nothing else back: each group is cared for by itself.
        """
        isolated = self._defects.isolated
        if len(turn.ledger.fills) > turn.fills_looked_after:
            turn.fills_looked_after = len(turn.ledger.fills)
            isolated(turn, "looking after fills", _look_after_fills)
        for _ in range(MOST_CARE_ROUNDS):
            while turn.touched:
                group_id = next(iter(turn.touched))
                turn.touched.pop(group_id)
                isolated(turn, f"the care of group {group_id}", care_for, group_id)
            if offsetting.active(turn) is not None:
                isolated(turn, "the offset", offsetting.advance)
            if close_all.was_begun(turn):
                isolated(turn, "closing all", close_all.advance)
            if turn.wants_promotion and not turn.touched:
                turn.wants_promotion = False
                isolated(turn, "promotion from the queue", queueing.promote, self._read_record)
            if not turn.touched and not turn.wants_promotion:
                return
        raise RuntimeError("groups and queue did not come to rest")

    def _timer(self, turn: Turn, message: TimerDue) -> None:
        kind, _, key = message.key.partition("/")
        match kind:
            case "group" | "pairs":
                if turn.groups.get(key) is not None:
                    turn.touch(key)
            case "send":
                resending.send_again(turn, key)
            case "amend":
                resending.amend_again(turn, key)
            case "late":
                resending.tell_late(turn, key)
            case "lookup" | "stop":
                resending.look_up(turn, key)
            case "queue":
                emergency.watch(turn)
                queueing.expire(turn)
                turn.forgets = True
                turn.wants_promotion = bool(turn.state.queue)
            case "offset":
                offsetting.evaluate_now(turn)

    def _recovered(self, turn: Turn, _: Recovered) -> None:
        """Act on what was recorded meanwhile, exits first; then on the queue."""
        if turn.recovered or turn.state.stopping:
            return
        turn.recovered = True
        self._defects.isolated(turn, "coming back", leaving.come_back)
        self._defects.isolated(turn, "bringing back moments", set_back.bring_back)
        self._defects.isolated(turn, "following the settings", arming.follow_config)
        self._defects.isolated(turn, "looking for groups without an account", ownerless.tell)
        self._defects.isolated(turn, "watching the limits", emergency.watch)
        for record in signals.exits_first(turn.pending_signals()):
            self._defects.isolated(turn, f"acting on signal {record.id}", self._act_on_recorded, record)
        for group in turn.open_groups():
            turn.touch(group.id)
        turn.wants_promotion = True
        turn.emit("engine.started")

    def _act_on_recorded(self, turn: Turn, record: SignalRecord) -> None:
        try:
            signal = self._read_record(record)
        except InvalidSignal as error:
            reject(turn, record, "invalid", str(error))
            return
        signals.act_on_recorded(turn, record, signal)


def _begin_day(turn: Turn) -> None:
    emergency.begin_days(turn)
    turn.day = turn.now.date()


def _look_after_fills(turn: Turn) -> None:
    if emergency.is_watched(turn):
        emergency.watch(turn)
    if turn.config.offset.evaluate_on_fill and turn.config.offset.mode != "off":
        offsetting.look_soon(turn)


def _of_known(handler: Callable[[Turn, Any], None]) -> Callable[[Turn, Any], None]:
    """What a venue told before its account was removed may be read after that: it says nothing then."""

    def handle(turn: Turn, report: Any) -> None:
        if report.account in turn.state.accounts:
            handler(turn, report)

    return handle


def _account_left(turn: Turn, message: AccountLeft) -> None:
    """What it told since its removal was decided is its past too."""
    _forget_told(turn, message.account)
    state = turn.state
    state.accounts.pop(message.account, None)
    for key in [key for key in state.markets if key[0] == message.account]:
        del state.markets[key]


def _account_replaced(turn: Turn, message: AccountReplaced) -> None:
    """What was told through another account's keys since they were changed is not this one's; nor is, whosever they
    are, that a breaker opened which is there no more and never closes."""
    account = turn.state.accounts.get(message.account)
    if account is None:
        return
    operator.breaker_changed(turn, BreakerReport(account.id, is_open=False, at=turn.now))
    if account.is_another:
        _forget_told(turn, account.id)
        turn.journal.keep(account, "is_another", "reconciled")
        account.is_another = account.reconciled = False


def _forget_told(turn: Turn, account: str) -> None:
    forget_past(turn, account)
    state = turn.state
    known: tuple[dict[Any, Any], ...] = (state.suspicions, state.other_leverages, state.external_fills)
    for kept in known:
        for key in [key for key in kept if key[0] == account]:
            del kept[key]


def _account_read(turn: Turn, read: AccountRead) -> None:
    if read.account not in turn.state.accounts:
        raise CommandRefused("unknown_account", f"{read.account} was removed meanwhile")
    reconciling.account_read(turn, read)
    close_all.account_was_read(turn, read)


def _balance(turn: Turn, report: BalanceReport) -> None:
    put_balance(turn.state, report.account, report.asset, Balance(report.total, report.free, report.at))
    account = turn.state.accounts[report.account]
    if account.unsettled_since is not None:
        account.unsettled_since = None
        turn.wants_promotion = turn.wants_promotion or bool(turn.state.queue)


def _position(turn: Turn, report: PositionReport) -> None:
    """Positions are compared when the account is read; fills tell the same sooner."""


def _disk_answered(turn: Turn, message: DiskAnswered) -> None:
    """Go on; answers that came meanwhile were lost with their turns, so of what was on its way only the venue knows."""
    turn.resumes = True
    for order in list(turn.orders.values()):
        turn.put_order(answers.in_doubt(order, turn.now))
    emergency.trip(turn, "disk", message.reason)


def _broke(turn: Turn, message: Broke) -> None:
    turn.alert("critical", f"trading is halted: {message.reason}")
    emergency.trip(turn, "invariant", message.reason)


def _group_loaded(turn: Turn, message: GroupLoaded) -> None:
    """Bring an old group back into memory; the account is read again so that what came for it is booked."""
    if message.stored is None or turn.groups.get(message.group_id) is not None:
        return
    turn.load_group(message.stored.group)
    for order in message.stored.orders:
        turn.put_order(order)
    for fill in message.stored.fills:
        turn.note_trade((fill.account, fill.symbol, fill.trade_id), fill.group_id)
    turn.state.fills_of[message.group_id] = list(message.stored.fills)
    operator.read_again(turn, message.stored.group.account)


def _price_touched(turn: Turn, message: PriceTouched) -> None:
    for group_id in message.group_ids:
        group = turn.groups.get(group_id)
        if group is not None and group.is_open:
            turn.touch(group_id)
