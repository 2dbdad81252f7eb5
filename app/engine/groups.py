"""What a person or a signal does to an open group: close, reduce, cancel its entries."""

from __future__ import annotations

from decimal import Decimal

from app.base.changing import changed
from app.base.config.grid import TakeProfitMode
from app.domain.group import Group
from app.domain.refusal import Refusal
from app.domain.signal import Signal
from app.domain.sizing import SizeType
from app.domain.values import HUNDRED, ONE, SETTLED, ZERO, CloseReason, Side
from app.engine.closing import begin_close, end_entries
from app.engine.ownerless import why_not
from app.engine.turn import Turn
from app.messages.commands import CancelEntries, CloseGroup, CommandResult, MoveStop, ReduceGroup, SetTakeProfitMode
from app.ports.engine import CommandRefused


def close_group(turn: Turn, command: CloseGroup) -> CommandResult:
    group = open_group(turn, command.group_id)
    if group.closing is not None:
        return CommandResult("it is closing already", (group.id,))
    begin_close(turn, group, command.reason)
    return CommandResult(f"closing {group.open_quantity:f} {group.symbol} at market", (group.id,))


def cancel_entries(turn: Turn, command: CancelEntries) -> CommandResult:
    """A group with nothing open ends with its entries."""
    group = open_group(turn, command.group_id)
    waiting = sum(leg.wants_entry for leg in group.legs)
    if waiting == 0:
        raise CommandRefused("nothing_to_cancel", f"no entry of {group.symbol} is waiting")
    end_entries(turn, group)
    return CommandResult(f"cancelling {waiting} entries of {group.symbol}", (group.id,))


def move_stop(turn: Turn, command: MoveStop) -> CommandResult:
    """A person's stop counts instead of the configured one; it must lie on the losing side, not too near."""
    group = open_group(turn, command.group_id)
    market = turn.state.market(group.account, group.symbol)
    average = group.average_entry
    if group.closing is not None or average is None or market is None or market.quote is None:
        raise CommandRefused("nothing_to_protect", f"nothing of {group.symbol} is open")
    price = market.quote.executable(group.side.exit_order_side)
    stop = market.rules.quantize_stop(command.price, group.side, price)
    nearest = group.side.shifted(price, -group.grid.min_distance_percent)
    if stop <= 0 or group.side.is_better(stop, nearest):
        side = "above" if group.side is Side.LONG else "below"
        raise CommandRefused("stop_sanity", f"a stop of this {group.side} may not lie {side} {nearest:f} now")
    turn.put_group(changed(group, manual_stop=stop, stop_price=None))
    turn.emit("position.updated", group=group, detail="stop moved by hand", stop=stop)
    loss = group.unrealized_pnl(stop)
    return CommandResult(f"stop moved to {stop:f}; result there {loss:.2f} {group.quote} before fees", (group.id,))


def set_take_profit_mode(turn: Turn, command: SetTakeProfitMode) -> CommandResult:
    group = open_group(turn, command.group_id)
    if group.closing is not None:
        raise CommandRefused("group_closing", f"{group.symbol} {group.timeframe} is closing")
    changes: dict[str, object] = {"tp_mode": _mode(command.mode)}
    if command.percent is not None:
        if not 0 < command.percent <= HUNDRED:
            raise CommandRefused("bad_request", "the percent must be above 0 and at most 100")
        changes |= {"tp_aggregate_percent": command.percent, "pyramid_tp_percents": {}}
    turn.put_group(
        changed(
            group, grid=group.grid.model_copy(update=changes), hybrid_active=False, hybrid_armed=True, hybrid_tries=0
        )
    )
    turn.emit("position.updated", group=group, detail=f"take-profit mode set to {command.mode} by hand")
    return CommandResult(f"{group.symbol} {group.timeframe} exits by {command.mode} from now on", (group.id,))


def _mode(name: str) -> TakeProfitMode:
    try:
        return TakeProfitMode(name)
    except ValueError:
        known = ", ".join(mode.value for mode in TakeProfitMode)
        raise CommandRefused("bad_request", f"there is no take-profit mode {name}; known are {known}") from None


def reduce_by_hand(turn: Turn, command: ReduceGroup) -> CommandResult:
    group = open_group(turn, command.group_id)
    if group.closing is not None or group.open_quantity <= 0:
        raise CommandRefused("nothing_to_reduce", f"nothing of {group.symbol} is open")
    if (command.fraction is None) == (command.quantity is None):
        raise CommandRefused("bad_request", "give a fraction or a quantity")
    left = _left(group)
    quantity = command.quantity if command.quantity is not None else SETTLED.multiply(left, command.fraction or ONE)
    refusal = _reduce(turn, group, quantity, CloseReason.MANUAL)
    if refusal is not None:
        raise CommandRefused(refusal.code, refusal.detail)
    return CommandResult(f"selling {quantity:f} of {left:f} {group.symbol} at market", (group.id,))


def reduce_group(
    turn: Turn, group: Group, fraction: Decimal | None, size: Decimal | None, signal: Signal
) -> Refusal | None:
    """Sell a fraction of what is left, or `size` in the signal's unit."""
    if fraction is not None:
        quantity = SETTLED.multiply(_left(group), fraction)
    elif size is not None:
        in_base = size / signal.reference_price if signal.size_type is SizeType.QUOTE else size
        quantity = in_base / group.contract_size
    else:
        return Refusal("nothing_to_reduce", "neither sizes nor an order size came")
    return _reduce(turn, group, quantity, CloseReason.EXIT_SIGNAL)


def _left(group: Group) -> Decimal:
    """What stays open once all is sold that is to be sold already."""
    return max(group.open_quantity - group.reduce_quantity, ZERO)


def _reduce(turn: Turn, group: Group, quantity: Decimal, reason: CloseReason) -> Refusal | None:
    if quantity <= 0:
        return Refusal("nothing_to_reduce", "there is nothing to sell in it")
    market = turn.state.market(group.account, group.symbol)
    if market is None or market.quote is None:
        return Refusal("nothing_to_reduce", f"the rules of {group.symbol} are not known yet")
    wanted = market.rules.quantize_quantity(min(quantity, _left(group)) + group.reduce_quantity)
    rest = group.open_quantity - wanted
    if wanted >= group.open_quantity or not market.rules.meets_minimum(market.quote.last, rest):
        begin_close(turn, group, reason)
        return None
    if wanted < market.rules.min_qty:
        return Refusal("nothing_to_reduce", f"{quantity:f} is less than the market's step {market.rules.step_size:f}")
    account = turn.state.accounts.get(group.account)
    may_be_small = account is not None and account.capabilities.exits_below_minimum
    if not may_be_small and not market.rules.meets_minimum(market.quote.last, wanted):
        least = market.rules.smallest_quantity(market.quote.last)
        return Refusal("nothing_to_reduce", f"the venue takes no order under {least:f} at this price")
    turn.put_group(changed(group, reduce_quantity=wanted, closing_at=turn.now))
    return None


def open_group(turn: Turn, group_id: str) -> Group:
    """The open group of this id, which can be reached, else CommandRefused."""
    group = turn.groups.get(group_id)
    if group is None:
        raise CommandRefused("unknown_group", f"there is no open group {group_id}")
    if not group.is_open:
        raise CommandRefused("group_closed", f"the group {group_id} is closed already")
    if group.account not in turn.state.accounts:
        raise CommandRefused("account_gone", why_not(group.account))
    return group
