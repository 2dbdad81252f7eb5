"""The offset engine at work: one action at a time, by its record, from the plan to the last fill (risk.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.domain.group import Group, share_of_value
from app.domain.offset import Evaluation, Holding, Payment, Plan, affordable, evaluate
from app.domain.values import ZERO, CloseReason, OrderRole
from app.engine import emergency
from app.engine.closing import begin_close
from app.engine.figures import environment_of
from app.engine.groups import open_group
from app.engine.turn import Turn
from app.messages.commands import BlockGroup, CommandResult, RunOffset, SkipOffset
from app.messages.records import ActionStatus, Payer, RiskAction
from app.ports.engine import CommandRefused

PATIENCE = timedelta(seconds=60)
"""How long one step of an action waits for its closes before it takes back what they have not sold."""
SLOW_WINNER = "the close of a winner did not end in time; it keeps what was not sold"
SLOW_LOSER = "the close of the loser did not end in time"
EVALUATION_PAUSE = timedelta(seconds=1)
"""Fills in a row are looked at together."""


# ---------------------------------------------------------------------------------------------- seeing


def holdings(turn: Turn) -> list[Holding]:
    """Every group that has something open."""
    found = (_holding(turn, group) for group in turn.open_groups())
    return [holding for holding in found if holding is not None]


def _holding(turn: Turn, group: Group) -> Holding | None:
    market, account = turn.state.market(group.account, group.symbol), turn.state.accounts.get(group.account)
    quantity = group.open_quantity
    if market is None or account is None or quantity <= 0:
        return None
    price = market.quote.executable(group.side.exit_order_side) if market.quote else None
    value, worth = group.open_value * group.contract_size, (price or ZERO) * quantity * group.contract_size
    return Holding(
        group_id=group.id,
        account=group.account,
        environment=environment_of(turn.state, group.account),
        symbol=group.symbol,
        timeframe=group.timeframe,
        quote=group.quote,
        opened_at=group.opened_at,
        pyramids=len(group.pyramids),
        max_pyramids=group.grid.max_pyramids,
        timer_at=group.offset_timer_at,
        quantity=quantity,
        invested=value,
        price=price,
        profit=group.side.gain(value, worth) - group.open_costs if price is not None else ZERO,
        taker_fee=account.capabilities.fees[1],
        rules=market.rules,
        fresh=account.connected,
        blocked=group.blocked,
        skipped=group.offset_skipped,
        closing=group.closing is not None or group.reduce_quantity > 0,
        exits_below_minimum=account.capabilities.exits_below_minimum,
    )


def look(turn: Turn) -> Evaluation:
    """The plan as it is shown and as it is carried out."""
    return evaluate(holdings(turn), turn.config.offset, turn.now)


def active(turn: Turn) -> RiskAction | None:
    """The action under way."""
    known = next(reversed(turn.state.actions), None)
    for action_id in (*turn.actions.changes, known):
        action = turn.actions.get(action_id) if action_id is not None else None
        if action is not None and action.status is not ActionStatus.DONE:
            return action
    return None


def actions_today(turn: Turn) -> int:
    return sum(action.at.date() == turn.now.date() for action in turn.actions.values())


def held_by(turn: Turn) -> str | None:
    """Why no action may start now."""
    offset, stop = turn.config.offset, emergency.critical(turn)
    if offset.mode == "off":
        return "the offset engine is off"
    if stop is not None:
        return f"the emergency stop is critical: {stop.reason}"
    if active(turn) is not None:
        return "an action is under way"
    if actions_today(turn) >= offset.max_actions_per_day:
        return f"{offset.max_actions_per_day} actions were made today, no more may be"
    last = max((action.at for action in turn.actions.values()), default=None)
    pause = timedelta(minutes=offset.min_interval_minutes)
    if last is not None and turn.now < last + pause:
        left = int((last + pause - turn.now).total_seconds() / 60) + 1
        return f"the last action was less than {offset.min_interval_minutes} min ago; the next may start in {left} min"
    return None


# ---------------------------------------------------------------------------------------------- deciding


def evaluate_now(turn: Turn) -> None:
    """By the timer and on fills: act (`auto`) or tell (`suggest`) where a plan is due."""
    turn.state.evaluated_at = turn.now
    offset = turn.config.offset
    if offset.mode == "off" or not turn.recovered or held_by(turn) is not None:
        return
    plan = look(turn).plan if _may_be_due(turn) else None
    if plan is None or not plan.due or plan.refusal is not None:
        turn.state.suggested = None
    elif offset.mode == "auto":
        _begin(turn, plan, "auto")
    elif turn.state.suggested != plan.loser_id:
        turn.state.suggested = plan.loser_id
        turn.alert("warning", f"{_said(plan)}; run it by hand, or leave it", group=turn.group(plan.loser_id))


def _may_be_due(turn: Turn) -> bool:
    """Whether any timer has run out: as a rule none has, and five hundred groups need not be looked at for it."""
    over = turn.now - timedelta(minutes=turn.config.offset.wait_minutes)
    return any(group.offset_timer_at is not None and group.offset_timer_at <= over for group in turn.open_groups())


def look_soon(turn: Turn) -> None:
    """After fills."""
    last = turn.state.evaluated_at
    turn.wake("offset", turn.now if last is None else max(turn.now, last + EVALUATION_PAUSE))


def run(turn: Turn, _: RunOffset) -> CommandResult:
    """By hand: timer and threshold are skipped, the bounds and the arithmetic are not."""
    held = held_by(turn)
    if held is not None:
        raise CommandRefused("offset_held", held)
    plan = look(turn).plan
    if plan is None:
        raise CommandRefused("nothing_to_offset", "no group that may be closed so is at a loss")
    if plan.refusal is not None:
        raise CommandRefused("not_covered", plan.refusal)
    _begin(turn, plan, "hand")
    return CommandResult(_said(plan), (plan.loser_id, *(payment.group_id for payment in plan.winners)))


def _said(plan: Plan) -> str:
    payers = ", ".join(f"{payment.symbol} {payment.timeframe}" for payment in plan.winners)
    return f"{plan.symbol} {plan.timeframe} is {plan.loss:.2f} under, and {payers} can pay {plan.covered:.2f}"


def skip(turn: Turn, command: SkipOffset) -> CommandResult:
    turn.put_group(group := replace(open_group(turn, command.group_id), offset_skipped=True))
    turn.emit("risk.blocked", group=group, blocked=group.blocked, skipped=True)
    return CommandResult(f"{group.symbol} {group.timeframe} is left out of the next action", (group.id,))


def block(turn: Turn, command: BlockGroup) -> CommandResult:
    group = open_group(turn, command.group_id)
    turn.put_group(replace(group, blocked=command.blocked, offset_skipped=False))
    turn.emit("risk.blocked", group=group, blocked=command.blocked)
    said = "is kept out of the offset engine" if command.blocked else "takes part in the offset engine again"
    return CommandResult(f"{group.symbol} {group.timeframe} {said}", (group.id,))


# ---------------------------------------------------------------------------------------------- acting


def _begin(turn: Turn, plan: Plan, started_by: str) -> None:
    loser = turn.group(plan.loser_id)
    action = RiskAction(
        id=turn.ids.action_id(),
        at=turn.now,
        status=ActionStatus.WINNERS,
        started_by=started_by,
        loser_id=loser.id,
        account=loser.account,
        loser=loser.symbol,
        timeframe=loser.timeframe,
        loser_quantity=plan.loser_quantity,
        loss=plan.loss,
        required=plan.required,
        expected=plan.covered,
        winners=tuple(_payer(turn, payment) for payment in plan.winners),
        loser_before=loser.realized_pnl,
    )
    turn.actions.put(action.id, action)
    for group in turn.open_groups():
        if group.offset_skipped:
            turn.put_group(replace(group, offset_skipped=False))
    for payment in plan.winners:
        _sell(turn, turn.group(payment.group_id), payment.quantity)
    _say(turn, action, "begun")


def _payer(turn: Turn, payment: Payment) -> Payer:
    group = turn.group(payment.group_id)
    return Payer(
        payment.group_id,
        payment.symbol,
        payment.timeframe,
        payment.quantity,
        payment.pays,
        group.closed_result,
        group.exit_fees,
        _exited(group),
        _sold(turn, group),
    )


def _exited(group: Group) -> Decimal:
    return sum((leg.exited for leg in group.legs), ZERO)


def _sold(turn: Turn, group: Group) -> Decimal:
    """What our own orders have sold of it."""
    orders = (order for order in turn.orders_of(group.id) if order.role is not OrderRole.ENTRY)
    return sum((order.filled for order in orders), ZERO)


def _realized(turn: Turn, payer: Payer, group: Group) -> Decimal:
    """What our orders brought since the action began: what left the group otherwise was not sold for the loser."""
    exited = _exited(group) - payer.exited_before
    result = group.closed_result - payer.gross_before
    return share_of_value(result, _sold(turn, group) - payer.sold_before, exited) if exited > 0 else ZERO


def _sell(turn: Turn, group: Group, quantity: Decimal) -> None:
    """At market: all of it ends the group, a part leaves its legs, take-profits and slot."""
    if quantity + group.step_size > group.open_quantity:
        begin_close(turn, group, CloseReason.OFFSET)
    else:
        turn.put_group(replace(group, reduce_quantity=quantity, closing_at=turn.now))


def _give_up(turn: Turn, group: Group, quantity: Decimal) -> None:
    """Sell up to `quantity` less than is still to be sold: what a signal or a person wants sold besides stays."""
    dropped = min(max(quantity, ZERO), group.reduce_quantity)
    if dropped > 0:
        turn.put_group(replace(group, reduce_quantity=group.reduce_quantity - dropped))


def advance(turn: Turn) -> None:
    """Take the action under way as far as what has filled allows; asking again changes nothing."""
    action = active(turn)
    if action is None or not turn.recovered:
        return
    if action.status is ActionStatus.WINNERS:
        action = _winners_step(turn, action)
    if action.status is ActionStatus.LOSER:
        action = _loser_step(turn, action)
    if action != turn.actions.get(action.id):
        turn.actions.put(action.id, action)


def _winners_step(turn: Turn, action: RiskAction) -> RiskAction:
    late = _is_late(turn, action, PATIENCE)
    if late and action.detail is None:
        action = _without_the_slow(turn, action)
    winners = tuple(_payed(turn, payer, late=late) for payer in action.winners)
    realized = sum((payer.realized for payer in winners), ZERO)
    action = replace(action, winners=winners, realized=realized)
    if not all(payer.done for payer in winners):
        turn.wake("offset", max(action.at, turn.now) + PATIENCE)
        return action
    return _close_loser(turn, action, realized - sum((payer.fees for payer in winners), ZERO))


def _without_the_slow(turn: Turn, action: RiskAction) -> RiskAction:
    """What winners have not sold by now they keep."""
    for payer in action.winners:
        group = turn.groups.get(payer.group_id)
        if group is not None and not _is_sold(turn, group):
            _give_up(turn, group, payer.quantity - (_sold(turn, group) - payer.sold_before))
            action = replace(action, detail=SLOW_WINNER)
    return action


def _is_late(turn: Turn, action: RiskAction, patience: timedelta) -> bool:
    """Whether its closes have had their time; while an account of it cannot be reached the clock stands still. One that
    was removed has nothing open, and is waited for no more."""
    groups = (turn.groups.get(group_id) for group_id in (action.loser_id, *(item.group_id for item in action.winners)))
    accounts = {group.account for group in groups if group is not None}
    states = [state for account, state in turn.state.accounts.items() if account in accounts]
    if not all(state.connected and state.reconciled for state in states):
        return False
    return turn.now >= max([action.at, *(state.ready_since or action.at for state in states)]) + patience


def _payed(turn: Turn, payer: Payer, *, late: bool) -> Payer:
    """What a winner's close has brought by now; a close that the venue may yet fill is not over, however late it is."""
    group = turn.groups.get(payer.group_id)
    if group is None:
        return replace(payer, done=True)
    return replace(
        payer,
        realized=_realized(turn, payer, group),
        fees=group.exit_fees - payer.fees_before,
        done=_is_sold(turn, group) or (late and not _is_closing(turn, group)),
    )


def _is_sold(turn: Turn, group: Group) -> bool:
    if not group.is_open:
        return True
    return group.closing is None and group.reduce_quantity <= 0 and not _is_closing(turn, group)


def _is_closing(turn: Turn, group: Group) -> bool:
    """Whether a close is at the venue, or may be."""
    return any(order.role is OrderRole.CLOSE for order in turn.live_orders(group.id))


def _close_loser(turn: Turn, action: RiskAction, paid: Decimal) -> RiskAction:
    """Quoted again, and closed as far as what was really realised pays for."""
    loser = turn.groups.get(action.loser_id)
    why_not = _why_not_closed(turn, loser)
    if loser is None or why_not is not None:
        return _finished(turn, action, why_not or "the loser is gone")
    seen = _holding(turn, loser)
    if not _is_sold(turn, loser):
        return _put_off(turn, action, "another close of the loser did not end in time")
    if seen is None or seen.price is None or not seen.fresh:
        return _put_off(turn, action, "the loser has no live price")
    quantity = affordable(seen, paid, turn.config.offset.max_loss_per_action_quote)
    if seen.profit >= 0 or quantity <= 0:
        said = "the loser is no longer at a loss" if seen.profit >= 0 else "what was realised pays for no close"
        return _finished(turn, action, said)
    _sell(turn, loser, quantity)
    return replace(action, status=ActionStatus.LOSER, loser_quantity=quantity)


def _put_off(turn: Turn, action: RiskAction, why: str) -> RiskAction:
    """Ended for `why`, where it has waited long enough."""
    if _is_late(turn, action, 2 * PATIENCE):
        return _finished(turn, action, why)
    turn.wake("offset", max(action.at, turn.now) + PATIENCE)
    return action


def _why_not_closed(turn: Turn, loser: Group | None) -> str | None:
    if loser is None or not loser.is_open or loser.closing is not None:
        return "the loser was closed meanwhile"
    if loser.blocked:
        return "the loser was blocked meanwhile"
    stop = emergency.critical(turn)
    return None if stop is None else "the emergency stop tripped; the loser stays open"


def _loser_step(turn: Turn, action: RiskAction) -> RiskAction:
    loser, late = turn.groups.get(action.loser_id), _is_late(turn, action, 2 * PATIENCE)
    if loser is None or _is_sold(turn, loser):
        return _finished(turn, action, action.detail)
    if late and action.detail != SLOW_LOSER:
        _give_up(turn, loser, action.loser_quantity)
        action = replace(action, detail=SLOW_LOSER)
    if late and not _is_closing(turn, loser):
        return _finished(turn, action, action.detail)
    turn.wake("offset", max(action.at, turn.now) + PATIENCE)
    return action


def _finished(turn: Turn, action: RiskAction, detail: str | None) -> RiskAction:
    loser = turn.groups.get(action.loser_id)
    changed = loser.realized_pnl - action.loser_before if loser is not None else ZERO
    done = replace(
        action,
        status=ActionStatus.DONE,
        loser_realized=changed,
        orders=tuple(_closes(turn, action)),
        finished_at=turn.now,
        detail=detail,
    )
    _say(turn, done, "done")
    turn.wake("offset", turn.now + EVALUATION_PAUSE)
    return done


def _closes(turn: Turn, action: RiskAction) -> Iterator[str]:
    for group_id in (*(payer.group_id for payer in action.winners), action.loser_id):
        for order in turn.orders_of(group_id):
            if order.role is OrderRole.CLOSE and order.created_at >= action.at:
                yield order.client_order_id


def _say(turn: Turn, action: RiskAction, what: str) -> None:
    turn.emit(
        "risk.action",
        group=turn.groups.get(action.loser_id),
        action=action.id,
        status=what,
        started_by=action.started_by,
        loser=action.loser,
        winners=[payer.symbol for payer in action.winners],
        required=action.required,
        expected=action.expected,
        realized=action.realized,
        loser_realized=action.loser_realized,
        detail=action.detail,
    )
    if what == "done":
        result = f"{action.loser_realized:.2f} of it was realised on {action.loser} {action.timeframe}"
        ended = f"; {action.detail}" if action.detail else ""
        turn.alert("info", f"winners brought {action.realized:.2f} to offset a loss, {result}{ended}")
