"""How many of a market's conditional orders are taken, of the few that its venue allows an account."""

from __future__ import annotations

from app.domain.group import Group
from app.domain.order import Order
from app.domain.stop_loss import has_configured_stop
from app.engine.turn import Turn


def conditional_orders(
    turn: Turn, account: str, symbol: str, *, without: str | None = None, pairs_give_way: bool = False
) -> int:
    """Conditional orders that are live or will be: a group with a stop has one at least, filled or not.

    Those of the group `without` are left out, those of others count as of the last reading. Where `pairs_give_way`, a
    group's pairs count as one, for they make room.
    """
    groups = (group for group in turn.groups_on(account, symbol) if group.id != without)
    own = sum(_of(group, turn.live_orders(group.id), pairs_give_way=pairs_give_way) for group in groups)
    known = turn.state.accounts.get(account)
    theirs = () if known is None else known.external_orders
    return own + sum(report.symbol == symbol and report.type.is_conditional for report in theirs)


def note_conditional_orders(turn: Turn, account_id: str, refused: str | None) -> None:
    """From now on the account's stops are watched here, where the venue has `refused` their kind, or rest there."""
    account = turn.state.accounts[account_id]
    was, account.conditional_refused = account.conditional_refused, refused
    if (was is None) == (refused is None):
        return
    for group in turn.open_groups():
        if group.account == account_id:
            turn.touch(group.id)
    if refused is not None:
        sentence = f"{account_id} takes no stops ({refused}): they are watched here, only while this program runs"
        is_known = account.capabilities.stop_type is None
        turn.alert("warning" if is_known else "critical", sentence, account=account_id)


def _of(group: Group, live: list[Order], *, pairs_give_way: bool) -> int:
    conditional = [order for order in live if order.type.is_conditional]
    paired = sum(order.paired_with is not None for order in conditional)
    spared = max(paired - 1, 0) if pairs_give_way else 0
    return max(len(conditional) - spared, int(has_configured_stop(group)))
