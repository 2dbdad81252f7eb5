"""What a person can do, as a scenario spells it (replay.md, `command`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.timeframe import canonical
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
from app.replay.model import PlacedStep, ScenarioError

Given = dict[str, Any]
_SELECTING = frozenset({"symbol", "timeframe", "side", "account"})


def commands_of(name: str, given: Given, engine: Engine, now: datetime) -> list[Any]:
    """The engine's commands: one for the whole engine, or one for each group or waiting entry that is selected."""
    if name in _WHOLE:
        return [_WHOLE[name](given)]
    if name in {"order", "decision"}:
        return [_placed(name, given, now)]
    if name in _WAITING:
        return [_WAITING[name](signal_id) for signal_id in _waiting(given, engine)]
    if name in _GROUPS:
        return [_GROUPS[name](group_id, given) for group_id in _selected(given, engine)]
    raise ScenarioError(f"the command {name} is not known")


def _number(given: Given, name: str) -> Decimal | None:
    return Decimal(str(given[name])) if given.get(name) is not None else None


_WHOLE: dict[str, Callable[[Given], Any]] = {
    "pause": lambda given: Pause(str(given.get("reason", "paused by hand"))),
    "resume": lambda _: Resume(),
    "emergency_stop": lambda given: EmergencyStop(str(given.get("reason", "stopped by hand"))),
    "emergency_reset": lambda given: EmergencyReset(str(given.get("reason", "reset by hand"))),
    "close_all": lambda _: CloseAll(),
    "risk_run": lambda _: RunOffset(),
}
_WAITING: dict[str, Callable[[str], Any]] = {"promote": Promote, "force": Force, "remove": Remove}
_GROUPS: dict[str, Callable[[str, Given], Any]] = {
    "close_group": lambda group_id, _: CloseGroup(group_id),
    "cancel_entries": lambda group_id, _: CancelEntries(group_id),
    "reduce_group": lambda group_id, given: ReduceGroup(
        group_id, _number(given, "fraction"), _number(given, "quantity")
    ),
    "skip": lambda group_id, _: SkipOffset(group_id),
    "block": lambda group_id, _: BlockGroup(group_id, blocked=True),
    "unblock": lambda group_id, _: BlockGroup(group_id, blocked=False),
    "move_stop": lambda group_id, given: MoveStop(group_id, Decimal(str(given["price"]))),
    "add_funds": lambda group_id, given: AddFunds(group_id, Decimal(str(given["quote"]))),
    "tp_mode": lambda group_id, given: SetTakeProfitMode(group_id, str(given["mode"]), _number(given, "percent")),
}


def _placed(name: str, given: Given, now: datetime) -> PlaceOrder:
    step = PlacedStep.model_validate(given)
    quantity = step.quantity if step.quantity is not None else step.size
    if quantity is None:
        raise ScenarioError(f"{name}: a quantity is missing")
    return PlaceOrder(
        received_at=now,
        source="decision" if name == "decision" else "manual",
        symbol=step.symbol,
        side=Side.LONG if step.side in {"long", "buy"} else Side.SHORT,
        quantity=quantity,
        account=step.account,
        price=step.price,
        leverage=step.leverage,
        stop_loss=step.stop_loss,
        take_profit=step.take_profit,
        confidence=step.confidence,
    )


def _selection(given: Given) -> dict[str, str]:
    return {
        key: _spelled(str(value)) if key == "timeframe" else str(value)
        for key, value in given.items()
        if key in _SELECTING
    }


def _spelled(timeframe: str) -> str:
    return timeframe if timeframe in {"manual", "decision"} else canonical(timeframe)


def _waiting(given: Given, engine: Engine) -> list[str]:
    wanted = _selection(given)
    found = [entry.signal_id for entry in engine.queue() if _is(entry, wanted)]
    if not found:
        raise ScenarioError(f"nothing that waits is {wanted}")
    return found


def _selected(given: Given, engine: Engine) -> list[str]:
    wanted = _selection(given)
    return [group.id for group in engine.state.groups.values() if group.is_open and _is(group, wanted)]


def _is(item: Any, wanted: dict[str, str]) -> bool:
    return all(str(getattr(item, key)) == value for key, value in wanted.items())
