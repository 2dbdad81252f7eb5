"""Orders by hand, decisions, and funds added: entries like any other, through the same checks (signals.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from app.domain.alert_body import FieldError
from app.domain.placed import Placed
from app.domain.signal import Signal, interpret
from app.domain.sizing import SizeType
from app.domain.values import Identity
from app.engine import signals
from app.engine.candidates import Entry
from app.engine.entries import enter
from app.engine.groups import open_group
from app.engine.reading import Reading, read
from app.engine.turn import Turn
from app.messages.commands import AddFunds, CommandResult, OrderAnswer, PlaceOrder
from app.messages.records import SignalOutcome, SignalRecord
from app.ports.engine import CommandRefused


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the record of an order is made of."""

    placed: Placed
    signal: Signal
    content_key: str


def place(turn: Turn, command: PlaceOrder) -> OrderAnswer:
    """Record it, and once the engine is up act on it in the same unit of work."""
    wish = _wish(turn, command)
    seen = turn.seen(wish.content_key, None)
    if seen is not None:
        return _answer(turn, seen.signal_id, is_duplicate=True)
    reading = _reading(turn, wish.signal)
    if wish.placed.has_own_prices and _is_taken(turn, reading.identity):
        # it is protected at its own prices, which a pyramid of the other's group would not be
        wish = _apart(wish, turn.ids.signal_id())
        reading = _reading(turn, wish.signal)
    record = _record(turn, wish, reading.identity.account)
    turn.signals[record.id] = record
    turn.emit("signal.received", signal=record.id, account=record.account, symbol=record.symbol, intent=record.intent)
    if turn.recovered:
        signals.act(turn, record, reading)
    return _answer(turn, record.id)


def _reading(turn: Turn, signal: Signal) -> Reading:
    reading = read(turn, signal, None)
    if not isinstance(reading, Reading):
        raise CommandRefused("bad_request", _sentence(reading))
    return reading


def _is_taken(turn: Turn, identity: Identity) -> bool:
    return turn.group_of(identity) is not None or turn.queued_of(identity) is not None


def _apart(wish: _Wish, strategy_id: str) -> _Wish:
    placed = replace(wish.placed, strategy_id=strategy_id)
    return _Wish(placed, placed.signal(), wish.content_key)


def _wish(turn: Turn, command: PlaceOrder) -> _Wish:
    placed = Placed(
        at=turn.now,
        source=command.source,
        account=command.account,
        symbol=command.symbol,
        timeframe=command.source,
        side=command.side,
        size=command.quantity,
        price=command.price,
        leverage=command.leverage,
        stop_loss=command.stop_loss,
        take_profit=command.take_profit,
        confidence=command.confidence,
        label=command.label,
    )
    if command.quantity <= 0:
        raise CommandRefused("bad_request", "the quantity must be above zero")
    named = command.request_id
    key = f"{command.source}/{named}" if named is not None else f"{command.source}/{turn.ids.signal_id()}"
    return _Wish(placed, _read(placed), sha256(key.encode()).hexdigest())


def _read(placed: Placed) -> Signal:
    try:
        return placed.signal()
    except ValueError as error:
        raise CommandRefused("bad_request", f"the symbol {placed.symbol} {error}") from error


def _sentence(errors: list[FieldError]) -> str:
    return "; ".join(f"{error.field}: {error.reason}" for error in errors)


def _record(turn: Turn, wish: _Wish, account: str) -> SignalRecord:
    signal = wish.signal
    wanted = interpret(signal)
    return SignalRecord(
        id=turn.ids.signal_id(),
        received_at=turn.now,
        source=wish.placed.source,
        key_name=None,
        payload=wish.placed.payload(),
        content_key=wish.content_key,
        bar_key=None,
        http_status=202,
        outcome=SignalOutcome.PENDING,
        account=account,
        symbol=signal.symbol,
        timeframe=signal.timeframe,
        side=wanted.side.value,
        strategy_id=signal.strategy_id,
        intent=wanted.intent.value,
        price=wish.placed.price,
        size=signal.order_size,
        signal_at=signal.timestamp,
    )


def _answer(turn: Turn, signal_id: str, *, is_duplicate: bool = False) -> OrderAnswer:
    record = turn.signals.get(signal_id) or turn.state.recent_signals.get(signal_id)
    if record is None:
        return OrderAnswer(signal_id, "unknown", None, "it came before", None, is_duplicate)
    return OrderAnswer(record.id, record.outcome.value, record.reason, record.detail, record.group_id, is_duplicate)


def add_funds(turn: Turn, command: AddFunds) -> CommandResult:
    """A pyramid of one leg at market, beyond `max_pyramids` where a person wants it; every check holds."""
    group = open_group(turn, command.group_id)
    if command.quote <= 0:
        raise CommandRefused("bad_request", "the amount must be above zero")
    if group.closing is not None:
        raise CommandRefused("group_closing", f"{group.symbol} {group.timeframe} is closing")
    placed = Placed(
        at=turn.now,
        source="manual",
        account=group.account,
        symbol=group.symbol,
        timeframe=group.timeframe,
        side=group.side,
        size=command.quote,
        size_type=SizeType.QUOTE,
        strategy_id=group.strategy_id,
        is_single=True,
    )
    signal = _read(placed)
    record = _record(turn, _Wish(placed, signal, sha256(turn.ids.signal_id().encode()).hexdigest()), group.account)
    turn.signals[record.id] = record
    entry = Entry(record, signal, group.identity, command.quote, by_hand=True, exceeds_pyramids=True)
    reason = enter(turn, entry)
    settled = turn.signals[record.id]
    if reason is not None:
        raise CommandRefused(reason.value, f"funds cannot be added now: {reason.value.replace('_', ' ')}")
    if settled.outcome is not SignalOutcome.EXECUTED:
        raise CommandRefused(settled.reason or "refused", settled.detail or "a check refused it")
    return CommandResult(f"adding {command.quote:f} {group.quote} to {group.symbol} at market", (group.id,))
