"""What is on an account and not ours, and what only the trader can settle before it takes entries again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain import client_order_id
from app.domain.group import Group
from app.domain.reconciliation import is_mass_difference
from app.engine.inbox import AccountRead
from app.engine.state import AccountState
from app.engine.turn import Turn
from app.messages.commands import AcceptDifference, CommandResult, SettleForeign
from app.messages.effects import Reconcile
from app.messages.records import Finding
from app.messages.reports import OrderReport
from app.ports.engine import CommandRefused

FOUND = "found"
IGNORE = "ignore"
ADOPT = "adopt"
HELD = "held"
ACCEPTED = "accepted"
ADOPTING = (
    "those of groups that are open here are taken over; of the others entries are cancelled, and exits of a position "
    "that stays are left at the exchange, where nothing here watches it"
)


# ---------------------------------------------------------------------------------------------- orders


def foreign_prefix(account: str) -> str:
    """Of the facts that tell, for each tag of another instance, `found`, `ignore` or `adopt`."""
    return f"foreign/{account}/"


def is_ours(turn: Turn, account: str, order_id: str | None) -> bool:
    """Whether an order bears our tag, or one that the trader has taken for ours."""
    tag = _tag(order_id)
    if tag is None:
        return False
    return tag == turn.namespace.tag or turn.fact(foreign_prefix(account) + tag) == ADOPT


def _tag(order_id: str | None) -> str | None:
    address = client_order_id.decode(order_id) if order_id is not None else None
    return None if address is None else address.namespace.tag


def note_others_orders(turn: Turn, read: AccountRead, account: AccountState) -> None:
    """Keep what is not ours to be shown; another instance's orders hold entries as long as they are not settled."""
    others = tuple(report for report in read.open_orders if not is_ours(turn, account.id, report.client_order_id))
    account.external_orders = others
    by_tag = {tag: report for report in others if (tag := _tag(report.client_order_id)) is not None}
    for tag in _found(turn, account.id):
        if tag not in by_tag:
            turn.facts.put(foreign_prefix(account.id) + tag, "")
    unsettled = [tag for tag in by_tag if turn.fact(foreign_prefix(account.id) + tag) != IGNORE]
    if not unsettled:
        turn.wants_promotion = turn.wants_promotion or account.foreign is not None
        account.foreign = None
        return
    was_held = account.foreign is not None
    account.foreign = "orders of another Ziggurat instance are live on this account"
    for tag in unsettled:
        if was_held and turn.fact(foreign_prefix(account.id) + tag) == FOUND:
            continue
        turn.facts.put(foreign_prefix(account.id) + tag, FOUND)
        _tell_foreign(turn, by_tag[tag])


def _tell_foreign(turn: Turn, report: OrderReport) -> None:
    turn.alert(
        "critical",
        f"orders of another Ziggurat instance are live on {report.account}; it takes no entries until they are gone "
        f"or settled by `account foreign {report.account} ignore` (they are never touched) or `adopt` ({ADOPTING})",
        account=report.account,
        symbol=report.symbol,
    )
    order_id = report.client_order_id or ""
    turn.find(Finding(report.account, report.symbol, "other_instance", order_id, "", "entries held", turn.now))


def _found(turn: Turn, account: str) -> Iterator[str]:
    """The tags of other instances that wait for the trader's choice."""
    prefix = foreign_prefix(account)
    for name in turn.facts_under(prefix):
        if turn.fact(name) == FOUND:
            yield name.removeprefix(prefix)


def settle_foreign(turn: Turn, command: SettleForeign) -> CommandResult:
    """For good, and for every tag that was found: ignored orders are never touched, adopted ones count as ours.

    What is adopted without a group here is `engine/orphans.py`'s.
    """
    tags = list(_found(turn, command.account))
    if not tags:
        raise CommandRefused("nothing_foreign", f"no orders of another instance wait for a choice on {command.account}")
    for tag in tags:
        turn.facts.put(foreign_prefix(command.account) + tag, command.choice)
    turn.emit("account.foreign_settled", account=command.account, detail=command.choice, tags=tags)
    turn.effect(Reconcile(command.account, 0))
    if command.choice == ADOPT:
        return CommandResult(f"they count as ours: {ADOPTING}")
    return CommandResult("they are never touched; the account takes entries beside them")


# ---------------------------------------------------------------------------------------------- quantities


def difference_fact(account: str) -> str:
    """`held` or `accepted`, and the groups that are meant; empty where nothing is."""
    return f"mass_difference/{account}"


def _difference(turn: Turn, account: str) -> tuple[str, frozenset[str]]:
    words = (turn.fact(difference_fact(account)) or "").split()
    return (words[0] if words else ""), frozenset(words[1:])


def holds_for_difference(turn: Turn, account: AccountState, losing: Sequence[Group], judged: Sequence[Group]) -> bool:
    """Whether so much of what was judged is gone that nothing is changed; what the trader has accepted does not count.
    What is held and could not be judged this time is gone still."""
    state, known = _difference(turn, account.id)
    accepted = known if state == ACCEPTED else frozenset[str]()
    seen = {group.id for group in judged}
    held = [group for group in turn.open_groups() if state == HELD and group.id in known - seen]
    losing = [*losing, *held]
    unexpected = [group for group in losing if group.id not in accepted]
    if not is_mass_difference(unexpected, [*judged, *held]):
        return False
    lost = {group.id for group in losing}
    if account.mass_difference is not None and lost == known:
        return True
    turn.facts.put(difference_fact(account.id), " ".join([HELD, *sorted(lost)]))
    account.mass_difference = f"{len(losing)} groups seem to be gone at the venue without fills; nothing was changed"
    turn.alert(
        "critical",
        f"{account.mass_difference}; if they are gone, say so by `account accept-difference {account.id}`",
        account=account.id,
    )
    symbols = ", ".join(sorted({group.symbol for group in losing}))
    turn.find(Finding(account.id, None, "mass_difference", symbols, "", "entries held", turn.now))
    return True


def end_difference(turn: Turn, account: AccountState) -> None:
    """The books are equal again."""
    if turn.fact(difference_fact(account.id)) is not None:
        turn.facts.put(difference_fact(account.id), "")
    if account.mass_difference is not None:
        account.mass_difference = None
        turn.wants_promotion = True


def accept_difference(turn: Turn, command: AcceptDifference) -> CommandResult:
    """The next readings shrink or close the groups that are held, as far as they still find them gone."""
    state, groups = _difference(turn, command.account)
    if state != HELD:
        raise CommandRefused("nothing_held", f"no difference is held on {command.account}")
    turn.facts.put(difference_fact(command.account), " ".join([ACCEPTED, *sorted(groups)]))
    told = f"{len(groups)} groups of {command.account} follow what the venue has"
    turn.emit("account.difference_accepted", account=command.account, groups=sorted(groups))
    turn.alert("warning", f"the difference was accepted: {told}", account=command.account)
    turn.effect(Reconcile(command.account, 0))
    return CommandResult(f"{told}, once it has been read again")
