"""The program ends on purpose: what it guards by being there is cancelled, or rests at the exchange (orders.md)."""

from __future__ import annotations

from app.base.changing import changed
from app.base.config.grid import TakeProfitMode
from app.domain.group import Group
from app.domain.order import has_stop
from app.domain.stop_loss import has_configured_stop
from app.engine.closing import end_entries
from app.engine.turn import Turn

RESTING = "hybrid_resting"
"""Names the fact that lists the hybrid groups whose exit rests as one while the program is away."""


def leave(turn: Turn) -> None:
    """Nothing new is opened from now on. A start that failed, or has not come so far, leaves all as it found it."""
    if not turn.recovered:
        return
    turn.recovered = False
    turn.emit("engine.stopping")
    groups = [group for group in turn.open_groups() if group.closing is None]
    for group in groups:
        if group.wants_entries and _is_cancelled(turn, group):
            _cancel_entries(turn, group)
    hybrids = [group.id for group in groups if _trades_alone(turn, group) and _is_watched_here(turn.group(group.id))]
    for group_id in hybrids:
        _exit_by(turn, turn.group(group_id), TakeProfitMode.AGGREGATE)
    before = (turn.fact(RESTING) or "").split()
    turn.facts.put(RESTING, " ".join(dict.fromkeys([*before, *hybrids])))


def come_back(turn: Turn) -> None:
    """Exit by legs again where the exit has rested as one."""
    for group_id in (turn.fact(RESTING) or "").split():
        group = turn.groups.get(group_id)
        if group is not None and group.is_open and group.closing is None:
            _exit_by(turn, group, TakeProfitMode.HYBRID)
    turn.facts.put(RESTING, "")


def _is_cancelled(turn: Turn, group: Group) -> bool:
    policy = turn.config.protection.on_suspend
    return policy == "cancel_all" or (policy == "cancel_unprotected" and not _guards_what_fills(turn, group))


def _guards_what_fills(turn: Turn, group: Group) -> bool:
    """Whether what its entries buy while nobody is here has what was asked for: no stop, or one over the whole grid."""
    if not has_configured_stop(group) or not _trades_alone(turn, group):
        return True
    is_clipped = turn.state.accounts[group.account].capabilities.reduce_only
    return is_clipped and group.grid.stop_sizing == "planned" and has_stop(turn.orders_of(group.id))


def _trades_alone(turn: Turn, group: Group) -> bool:
    """Whether its orders fill while this program is away; those of the paper exchange do not."""
    account = turn.state.accounts.get(group.account)
    return account is not None and account.capabilities.trades_alone


def _cancel_entries(turn: Turn, group: Group) -> None:
    waiting = sum(leg.wants_entry for leg in group.legs)
    turn.emit(
        "position.updated",
        group=group,
        detail=f"{waiting} entries cancelled: nothing would guard their fills while the program is away",
    )
    end_entries(turn, group)


def _is_watched_here(group: Group) -> bool:
    is_free = group.closing is None and not group.hybrid_active and group.open_quantity > 0
    return is_free and group.grid.tp_mode is TakeProfitMode.HYBRID


def _exit_by(turn: Turn, group: Group, mode: TakeProfitMode) -> None:
    grid = group.grid.model_copy(update={"tp_mode": mode})
    turn.put_group(changed(group, grid=grid, hybrid_active=False, hybrid_armed=True, hybrid_tries=0))
