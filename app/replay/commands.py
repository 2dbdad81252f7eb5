"""What a person can do, as a scenario spells it (replay.md, `command`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.domain.values import Side
from app.engine.engine import Engine
from app.messages.commands import (
    AddFunds,
    BlockGroup,
    CancelEntries,
    CloseAll,
    CloseGroup,
    EmergencyReset,
    EmergencyStop,
    Force,
    MoveStop,
    Pause,
    PlaceOrder,
    Promote,
    ReduceGroup,
    Remove,
    Resume,
    RunOffset,
    SetTakeProfitMode,
    SkipOffset,
)
from app.replay.deeds import Command, Placed, Reason, Selection
from app.replay.parts import ScenarioError


def commands_of(command: Command, engine: Engine, now: datetime) -> list[Any]:
    """The engine's commands: one for the whole engine, or one for each group or waiting entry that is selected."""
    name, given = command.kind, command.what
    if name in _WHOLE:
        return [_WHOLE[name](given)]
    if isinstance(given, Placed):
        return [_placed(name, given, now)]
    if name in _WAITING:
        return [_WAITING[name](signal_id) for signal_id in _waiting(given, engine)]
    return [_GROUPS[name](group_id, given) for group_id in _selected(given, engine)]


_WHOLE: dict[str, Callable[[Any], Any]] = {
    "pause": lambda given: Pause(_reason(given, "paused by hand")),
    "resume": lambda _: Resume(),
    "emergency_stop": lambda given: EmergencyStop(_reason(given, "stopped by hand")),
    "emergency_reset": lambda given: EmergencyReset(_reason(given, "reset by hand")),
    "close_all": lambda _: CloseAll(),
    "risk_run": lambda _: RunOffset(),
}
_WAITING: dict[str, Callable[[str], Any]] = {"promote": Promote, "force": Force, "remove": Remove}
_GROUPS: dict[str, Callable[[str, Any], Any]] = {
    "close_group": lambda group_id, _: CloseGroup(group_id),
    "cancel_entries": lambda group_id, _: CancelEntries(group_id),
    "reduce_group": lambda group_id, given: ReduceGroup(group_id, given.fraction, given.quantity),
    "skip": lambda group_id, _: SkipOffset(group_id),
    "block": lambda group_id, _: BlockGroup(group_id, blocked=True),
    "unblock": lambda group_id, _: BlockGroup(group_id, blocked=False),
    "move_stop": lambda group_id, given: MoveStop(group_id, given.price),
    "add_funds": lambda group_id, given: AddFunds(group_id, given.quote),
    "tp_mode": lambda group_id, given: SetTakeProfitMode(group_id, given.mode, given.percent),
}


def _reason(given: Reason, otherwise: str) -> str:
    return otherwise if given.reason is None else given.reason


def _placed(name: str, given: Placed, now: datetime) -> PlaceOrder:
    return PlaceOrder(
        received_at=now,
        source="decision" if name == "decision" else "manual",
        symbol=given.symbol,
        side=Side.LONG if given.side in {"long", "buy"} else Side.SHORT,
        quantity=given.amount,
        account=given.account,
        price=given.price,
        leverage=given.leverage,
        stop_loss=given.stop_loss,
        take_profit=given.take_profit,
        confidence=given.confidence,
        label=given.label or "",
        request_id=given.request_id,
    )


def _waiting(given: Selection, engine: Engine) -> list[str]:
    found = [entry.signal_id for entry in engine.queue() if _is(entry, given)]
    if not found:
        raise ScenarioError(f"nothing that waits is {given.wanted}")
    return found


def _selected(given: Selection, engine: Engine) -> list[str]:
    return [group.id for group in engine.state.groups.values() if group.is_open and _is(group, given)]


def _is(item: Any, given: Selection) -> bool:
    return all(str(getattr(item, key)) == value for key, value in given.wanted.items())
