"""Close all: every group of every account at market, then verified flat (risk.md)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache

from app.base.clock import iso
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, OrderRole
from app.engine import emergency
from app.engine.closing import begin_close
from app.engine.inbox import AccountRead
from app.engine.ownerless import ownerless, why_not
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.commands import CloseAll, CommandResult
from app.messages.effects import Reconcile
from app.messages.snapshots import CloseAllSnapshot, ClosingSnapshot

FACT = "close_all"
_NOT_DONE = frozenset({OrderStatus.REJECTED, OrderStatus.LOST, OrderStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Progress:
    """What *Close all* began with, which accounts have been read since all of theirs closed, and were they flat."""

    at: str
    groups: tuple[str, ...]
    asked: dict[str, str]
    """Accounts that are being read to verify it, and since when: only a reading that began later tells."""
    verified: dict[str, bool]
    finished_at: str | None = None


def begin(turn: Turn, _: CloseAll) -> CommandResult:
    """The stop is committed with it, before the first cancel leaves. Asked again, it tries anew what is still open."""
    emergency.trip(turn, "close_all", "everything is being closed")
    open_groups, gone = turn.open_groups(), ownerless(turn)
    reachable = [group for group in open_groups if group.account not in gone]
    for group in reachable:
        begin_close(turn, group, CloseReason.CLOSE_ALL)
        _hurry(turn, group)
    known = _read(turn.fact(FACT))
    before = known.groups if known is not None and known.finished_at is None else ()
    groups = tuple(dict.fromkeys([*before, *(group.id for group in open_groups)]))
    _write(turn, Progress(iso(turn.now), groups, {}, dict.fromkeys(gone, False)))
    advance(turn)
    told = [f"closing {len(reachable)} groups at market", *map(why_not, gone)]
    return CommandResult("; ".join(told), tuple(group.id for group in reachable))


def _hurry(turn: Turn, group: Group) -> None:
    """Try a close that failed again at once."""
    for order in turn.orders_of(group.id):
        if order.role is OrderRole.CLOSE and order.status in _NOT_DONE and order.retry_at is not None:
            turn.put_order(replace(order, retry_at=turn.now))


def was_begun(turn: Turn) -> bool:
    """Whether it ever was; it may be over."""
    return turn.fact(FACT) is not None


def advance(turn: Turn) -> None:
    """Have each account read once all of its groups are closed."""
    progress = _read(turn.fact(FACT))
    if progress is None or progress.finished_at is not None:
        return
    waiting = {group.account for group in turn.open_groups() if group.id in progress.groups}
    ready = [account for account in turn.state.accounts if account not in waiting and account not in progress.asked]
    if not ready:
        return
    for account in ready:
        turn.effect(Reconcile(account, 0))
    _write(turn, replace(progress, asked={**progress.asked, **dict.fromkeys(ready, iso(turn.now))}))


def bring_back(turn: Turn) -> None:
    """After the clock was set back no reading would count: the accounts are asked for new ones."""
    progress = _read(turn.fact(FACT))
    if progress is None or progress.finished_at is not None:
        return
    if any(datetime.fromisoformat(asked_at) > turn.now for asked_at in progress.asked.values()):
        _write(turn, replace(progress, asked={}))


def account_was_read(turn: Turn, read: AccountRead) -> None:
    """The account is flat where nothing of ours is open by a reading that began after the last close."""
    progress = _read(turn.fact(FACT))
    asked_at = progress.asked.get(read.account) if progress is not None and progress.finished_at is None else None
    if progress is None or asked_at is None:
        return
    if read.started_at < datetime.fromisoformat(asked_at):
        turn.effect(Reconcile(read.account, 0))
        return
    verified = {**progress.verified, read.account: not _is_held(turn, read)}
    finished = iso(turn.now) if set(verified) >= set(turn.state.accounts) else None
    if finished is not None:
        failed = sorted(account for account, flat in verified.items() if not flat)
        sentence = f"not flat after closing all: {', '.join(failed)}" if failed else "everything is closed and verified"
        turn.alert("critical" if failed else "info", sentence)
    _write(turn, replace(progress, verified=verified, finished_at=finished))


def _is_held(turn: Turn, read: AccountRead) -> bool:
    if any(group.account == read.account for group in turn.open_groups()):
        return True
    return any(
        position.side is not None and position.quantity > turn.external((read.account, position.symbol, position.side))
        for position in read.positions
    )


@lru_cache(maxsize=2)
def _read(text: str | None) -> Progress | None:
    """Asked for at every turn's end, long after the last *Close all* too."""
    if not text:
        return None
    document = json.loads(text)
    return Progress(**{**document, "groups": tuple(document["groups"])})


def _write(turn: Turn, progress: Progress) -> None:
    turn.facts.put(FACT, json.dumps(asdict(progress)))


# ---------------------------------------------------------------------------------------------- as it is shown


def view(state: EngineState) -> CloseAllSnapshot | None:
    progress = _read(state.facts.get(FACT))
    if progress is None:
        return None
    groups = [state.groups[group_id] for group_id in progress.groups if group_id in state.groups]
    return CloseAllSnapshot(
        started_at=datetime.fromisoformat(progress.at),
        groups=tuple(_closing(state, group) for group in groups),
        verified={**dict.fromkeys(state.accounts), **progress.verified},
        finished_at=datetime.fromisoformat(progress.finished_at) if progress.finished_at else None,
    )


def _closing(state: EngineState, group: Group) -> ClosingSnapshot:
    failure = _failure(state, group) if group.is_open else None
    return ClosingSnapshot(
        group_id=group.id,
        account=group.account,
        symbol=group.symbol,
        timeframe=group.timeframe,
        side=group.side.value,
        status="closed" if not group.is_open else "failed" if failure else "closing",
        detail=failure,
        realized_pnl=group.realized_pnl,
    )


def _failure(state: EngineState, group: Group) -> str | None:
    account = state.accounts.get(group.account)
    if account is None:
        return why_not(group.account)
    if not account.connected:
        return account.reason or "the account cannot be reached"
    closes = [order for order in _orders(state, group) if order.role is OrderRole.CLOSE]
    last = closes[-1] if closes else None
    if last is None or last.status not in _NOT_DONE | {OrderStatus.PENDING} or last.reason is None:
        return None
    return last.reason


def _orders(state: EngineState, group: Group) -> list[Order]:
    return [state.orders[order_id] for order_id in state.orders_of.get(group.id, ()) if order_id in state.orders]
