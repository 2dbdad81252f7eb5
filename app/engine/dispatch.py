"""Which handler a message goes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.base.changing import changed
from app.domain.market import MarketRules, Quote
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.signal import Signal
from app.domain.values import HUNDRED, MarketType, OrderRole, OrderType
from app.engine import (
    answers,
    arming,
    close_all,
    emergency,
    fills,
    funding,
    groups,
    holds,
    offsetting,
    operator,
    placing,
    queueing,
    reconciling,
    reports,
    signals,
)
from app.engine.binding import put_balance
from app.engine.care import care_for
from app.engine.inbox import (
    AccountLeft,
    AccountRead,
    AccountUnreachable,
    AmendAnswered,
    CancelAnswered,
    DiskAnswered,
    GroupLoaded,
    LookUpAnswered,
    MarketLoaded,
    OrdersSent,
    PriceTouched,
    Recovered,
    Stopping,
    SubmitAnswered,
    TimerDue,
)
from app.engine.pairs import partner_of
from app.engine.state import Balance, Market
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
    ChangeKeys,
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
    ReduceGroup,
    Remove,
    Resume,
    RunOffset,
    SampleEquity,
    SetTakeProfitMode,
    SettleForeign,
    SkipOffset,
)
from app.messages.effects import LookUpOrder, SubmitOrders
from app.messages.records import QueueReason
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

MARKET_RETRY = timedelta(seconds=5)
MOST_CARE_ROUNDS = 20
"""A group that is not at rest after so many rounds is a defect."""


TOLD_TOGETHER: frozenset[type] = frozenset({OrdersSent, SubmitAnswered, OrderReport, FillReport, BalanceReport})
"""Reports that come in swarms: what follows from them is decided once for all that wait."""


class Dispatcher:
    """Runs a message's handler; `settle` then cares for every group that was touched, and promotes from the queue."""

    def __init__(self, read_payload: Callable[[str], Signal]) -> None:
        self._read_payload = read_payload
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
            Promote: self._with_payloads(queueing.promote_by_hand),
            Force: self._with_payloads(queueing.force),
            Remove: queueing.remove,
            EmergencyStop: _then_drop_entries(emergency.stop),
            EmergencyReset: emergency.reset,
            CloseAll: close_all.begin,
            RunOffset: offsetting.run,
            SkipOffset: offsetting.skip,
            BlockGroup: offsetting.block,
            AcknowledgeAlert: operator.acknowledge,
            NoteProposal: operator.note_proposal,
            Pause: _then_drop_entries(operator.pause),
            Resume: operator.resume,
            ApplyConfig: operator.apply_config,
            ArmAccount: arming.arm,
            DisarmAccount: _then_drop_entries(arming.disarm),
            ChangeKeys: arming.change_keys,
            SettleForeign: holds.settle_foreign,
            AcceptDifference: holds.accept_difference,
            SampleEquity: operator.sample_equity,
            OrdersSent: answers.sent,
            SubmitAnswered: answers.submit_answered,
            CancelAnswered: answers.cancel_answered,
            AmendAnswered: answers.amend_answered,
            LookUpAnswered: answers.look_up_answered,
            OrderReport: reports.apply_report,
            FillReport: fills.apply_fill,
            FundingReport: funding.book_funding,
            BalanceReport: _balance,
            PositionReport: _position,
            ConnectionReport: operator.connection_changed,
            BreakerReport: operator.breaker_changed,
            ClockReport: operator.clock_measured,
            ConditionalReport: operator.conditional_orders_told,
            AccountLeft: _account_left,
            AccountRead: _account_read,
            AccountUnreachable: reconciling.account_unreachable,
            MarketLoaded: self._market_loaded,
            GroupLoaded: _group_loaded,
            PriceTouched: _price_touched,
            TimerDue: self._timer,
            Stopping: lambda turn, _: turn.emit("engine.stopping"),
            DiskAnswered: lambda turn, message: emergency.trip(turn, "disk", message.reason),
            Recovered: self._recovered,
        }

    def _with_payloads(
        self, handler: Callable[[Turn, Any, Callable[[str], Signal]], Any]
    ) -> Callable[[Turn, Any], Any]:
        return lambda turn, message: handler(turn, message, self._read_payload)

    def __call__(self, turn: Turn, message: Any) -> Any:
        if turn.state.recovered and turn.state.day != turn.now.date():
            emergency.begin_days(turn)
            turn.state.day = turn.now.date()
        answer = self._handlers[type(message)](turn, message)
        if type(message) not in TOLD_TOGETHER:
            self.settle(turn)
        return answer

    def settle(self, turn: Turn) -> None:
        """Bring groups and queue to rest after what was handled; there may be nothing to do."""
        if len(turn.ledger.fills) > turn.fills_looked_after:
            turn.fills_looked_after = len(turn.ledger.fills)
            _look_after_fills(turn)
        for _ in range(MOST_CARE_ROUNDS):
            while turn.touched:
                group_id = next(iter(turn.touched))
                turn.touched.pop(group_id)
                care_for(turn, group_id)
            offsetting.advance(turn)
            close_all.advance(turn)
            if turn.wants_promotion and not turn.touched:
                turn.wants_promotion = False
                queueing.promote(turn, self._read_payload)
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
                _send_again(turn, key)
            case "amend":
                _amend_again(turn, key)
            case "late":
                _tell_late(turn, key)
            case "lookup" | "stop":
                _look_up(turn, key)
            case "queue":
                emergency.watch(turn)
                queueing.expire(turn)
                turn.wants_promotion = bool(turn.state.queue)
            case "offset":
                offsetting.evaluate_now(turn)

    def _recovered(self, turn: Turn, _: Recovered) -> None:
        """Act on what was recorded meanwhile: exits first, then entries, then the queue."""
        turn.state.recovered = True
        arming.follow_config(turn)
        emergency.watch(turn)
        waiting = [(record, self._read_payload(record.payload)) for record in turn.state.pending_signals.values()]
        for record, signal in sorted(waiting, key=lambda item: not signals.is_exit(item[1])):
            signals.act_on_recorded(turn, record, signal)
        for group in turn.open_groups():
            turn.touch(group.id)
        turn.wants_promotion = True
        turn.emit("engine.started")

    def _market_loaded(self, turn: Turn, message: MarketLoaded) -> None:
        key = (message.account, message.symbol)
        if message.report is None:
            _market_missing(turn, message)
            _ask_again_for_groups(turn, message)
            return
        known = turn.state.markets.get(key)
        quote = message.report.quote if known is None or known.quote is None else known.quote
        turn.state.markets[key] = Market(message.report.rules, quote, turn.now)
        if turn.state.recovered:
            answers.rules_loaded(turn, message.account, message.symbol)
            queueing.note_profits(turn, message.account, message.symbol, self._read_payload)
            for group in turn.groups_on(message.account, message.symbol):
                turn.touch(group.id)
            turn.wants_promotion = True


def _look_after_fills(turn: Turn) -> None:
    if emergency.is_watched(turn):
        emergency.watch(turn)
    if turn.config.offset.evaluate_on_fill and turn.config.offset.mode != "off":
        offsetting.look_soon(turn)


def _account_left(turn: Turn, message: AccountLeft) -> None:
    state = turn.state
    state.accounts.pop(message.account, None)
    state.balances.pop(message.account, None)
    for key in [key for key in state.markets if key[0] == message.account]:
        del state.markets[key]


def _account_read(turn: Turn, read: AccountRead) -> None:
    reconciling.account_read(turn, read)
    close_all.account_was_read(turn, read)


def _balance(turn: Turn, report: BalanceReport) -> None:
    put_balance(turn.state, report.account, report.asset, Balance(report.total, report.free, report.at))
    turn.state.accounts[report.account].fills_unsettled = False


def _position(turn: Turn, report: PositionReport) -> None:
    """Positions are compared when the account is read; fills tell the same sooner."""


def _market_missing(turn: Turn, message: MarketLoaded) -> None:
    """Refuse what waited for a market that the venue does not have, or whose rules cannot be fetched."""
    waiting = [
        entry
        for entry in turn.queue.values()
        if (entry.identity.account, entry.identity.symbol) == (message.account, message.symbol)
        and entry.reason is QueueReason.MISSING_MARKET_RULES
    ]
    if message.failure is not None and waiting and not turn.config.precision.block_on_missing_metadata:
        _use_fallback_rules(turn, message, waiting[0].entry_price)
        return
    code = "missing_market_rules" if message.failure else "unknown_symbol"
    detail = message.failure or f"{message.account} has no market {message.symbol}"
    for entry in waiting:
        signals.refuse_queued(turn, entry, code, detail)


def _ask_again_for_groups(turn: Turn, message: MarketLoaded) -> None:
    """Open groups whose market is not known have no stops: caring for them asks again."""
    if message.failure is None or turn.state.market(message.account, message.symbol) is not None:
        return
    for group in turn.groups_on(message.account, message.symbol):
        turn.wake(f"group/{group.id}", turn.now + MARKET_RETRY)


def _use_fallback_rules(turn: Turn, message: MarketLoaded, price: Decimal) -> None:
    """By the trader's setting: go on with guessed rules, and say so."""
    precision = turn.config.precision
    pair, _, settle = message.symbol.partition(":")
    base, _, quote = pair.partition("/")
    rules = MarketRules(
        symbol=message.symbol,
        market_type=MarketType.LINEAR if settle else MarketType.SPOT,
        base=base,
        quote=quote,
        tick_size=precision.fallback_tick_size,
        step_size=precision.fallback_step_size,
        min_qty=precision.fallback_min_qty,
        min_notional=precision.fallback_min_notional,
    )
    turn.state.markets[message.account, message.symbol] = Market(rules, Quote.flat(price, turn.now), turn.now)
    turn.alert("warning", f"the rules of {message.symbol} could not be fetched; the fallback rules are used")
    turn.wants_promotion = True


def _group_loaded(turn: Turn, message: GroupLoaded) -> None:
    """Bring an old group back into memory; the account is read again so that what came for it is booked."""
    if message.stored is None or turn.groups.get(message.group_id) is not None:
        return
    turn.load_group(message.stored.group)
    for order in message.stored.orders:
        turn.put_order(order)
    for fill in message.stored.fills:
        turn.note_trade((fill.account, fill.symbol, fill.trade_id))
    turn.state.fills_of[message.group_id] = list(message.stored.fills)
    operator.read_again(turn, message.stored.group.account)


def _price_touched(turn: Turn, message: PriceTouched) -> None:
    for group_id in message.group_ids:
        group = turn.groups.get(group_id)
        if group is not None and group.is_open:
            turn.touch(group_id)


def _send_again(turn: Turn, order_id: str) -> None:
    """A request that never left goes again with the same id, if it is still wanted."""
    order = turn.orders.get(order_id)
    if order is None or order.status is not OrderStatus.PENDING or order.retry_at is None:
        return
    if turn.now < order.retry_at:
        turn.wake(f"send/{order_id}", order.retry_at)
        return
    if _drop_forbidden(turn, order):
        return
    worse = _has_run_away(turn, order)
    if worse is not None:
        answers.abandon_entry(turn, order, worse)
        turn.touch(order.group_id)
        return
    partner = partner_of(turn, order)
    going = [order] if partner is None or partner.status is not OrderStatus.PENDING else [order, partner]
    for each in going:
        turn.put_order(changed(each, retry_at=None))
    turn.effect(SubmitOrders(order.account, tuple(each.client_order_id for each in going)))


def _then_drop_entries(handler: Callable[[Turn, Any], Any]) -> Callable[[Turn, Any], Any]:
    """After a command that forbids entries, those that wait to be sent are given up at once."""

    def handle(turn: Turn, command: Any) -> Any:
        answer = handler(turn, command)
        for group in turn.open_groups():
            for order in turn.live_orders(group.id):
                if order.waits_to_be_sent:
                    _drop_forbidden(turn, order)
        return answer

    return handle


def _drop_forbidden(turn: Turn, order: Order) -> bool:
    """Give up an entry that must not be sent any more."""
    why = _forbidden(turn, order.account) if order.role is OrderRole.ENTRY else None
    if why is None:
        return False
    answers.abandon_entry(turn, order, why, OrderStatus.ABANDONED)
    turn.touch(order.group_id)
    return True


def _forbidden(turn: Turn, account: str) -> str | None:
    """Why no entry is sent now, one that was accepted before included."""
    stop = emergency.critical(turn)
    if stop is not None:
        return f"the emergency stop is critical: {stop.reason}"
    if turn.paused is not None:
        return f"the engine is paused: {turn.paused}"
    return None if arming.may_enter(turn, account) else f"{account} is not armed"


def _has_run_away(turn: Turn, order: Order) -> str | None:
    """Why a market entry that waited is not bought any more: the price is beyond the slippage bound."""
    quote = turn.state.quote(order.account, order.symbol)
    if order.role is not OrderRole.ENTRY or order.type is not OrderType.MARKET:
        return None
    if quote is None or order.pyramid is None or order.leg is None:
        return None
    group = turn.group(order.group_id)
    planned = group.leg(order.pyramid, order.leg).price
    price, bound = quote.executable(order.side), turn.config.risk.max_slippage_percent
    worse = group.side.gain(planned, price) * HUNDRED / planned
    if worse <= bound:
        return None
    return f"the price {price:f} is {worse:.2f} % worse than {planned:f}, the bound is {bound} %"


def _amend_again(turn: Turn, order_id: str) -> None:
    """An amendment never left: what is wanted by now is decided anew."""
    order = turn.orders.get(order_id)
    if order is None or order.status not in RESTING or not order.is_amending or order.retry_at is None:
        return
    if turn.now < order.retry_at:
        turn.wake(f"amend/{order_id}", order.retry_at)
        return
    turn.put_order(changed(order.without_amendment(), retry_at=None))
    turn.touch(order.group_id)


def _tell_late(turn: Turn, order_id: str) -> None:
    """A close that cannot be sent leaves open what should be closed."""
    order = turn.orders.get(order_id)
    if order is not None and order.is_live and not order.is_present:
        what = f"the close of {order.symbol} cannot be sent and is tried on: {order.reason}"
        turn.alert("critical", what, group=turn.group(order.group_id))


def _look_up(turn: Turn, order_id: str) -> None:
    order = turn.orders.get(order_id)
    if order is not None and (order.is_live or order.is_unsettled):
        turn.effect(LookUpOrder(order.account, order_id))
