"""What must hold beyond README.md's invariants when the world is at rest (`rest`): nothing is stuck, nothing is bare.

The conditions leave out what the specification lets wait: what only a person ends, what is too small for the venue, and
accounts that somebody traded on behind the engine's back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from app.domain.market import MarketRules
from app.domain.values import ZERO, CloseReason, MarketType, OrderRole, Side
from app.engine.state import AccountState, EngineState
from app.exchange.paper.venue import PaperVenue
from app.messages.records import EventRecord, QueueReason, SignalOutcome
from app.messages.snapshots import GroupSnapshot, LegSnapshot, OrderSnapshot, QueueSnapshot
from app.ports.paper_store import PaperOrder
from app.replay.invariants import is_ours
from app.replay.money import money_differs
from app.replay.rest import Rest
from app.replay.world import World

OVER = frozenset({"closed", "failed"})
SALES = frozenset({OrderRole.TAKE_PROFIT.value, OrderRole.CLOSE.value})
DOUBTFUL = frozenset({"pending", "submitted", "unknown", "pending_cancel"})
NEARLY = Decimal("1.05")
"""What is worth less than this times the least notional may be refused once the price moves."""
EXPIRY_LOOK = timedelta(seconds=11)
LONG_PAUSE_SEC = 300


def unsettled(world: World, rest: Rest) -> Iterator[str]:
    """What is not as it must be at rest, a sentence each."""
    state = world.engine.state
    if not state.recovered or state.halted:
        yield f"at rest the engine is {'halted: ' + state.halted if state.halted else 'not recovered'}"
        return
    late = [account for account in state.accounts.values() if not account.connected or not account.reconciled]
    for account in late:
        yield f"at rest {account.id} is not connected and reconciled: {account.reason}"
    calm = {account.id for account in state.accounts.values() if _was_read(account, rest)}
    groups = [group for group in world.groups() if group.account in calm]
    yield from _holds(state, rest)
    for name in calm:
        yield from _strange_sides(state, name, world.venues[name])
    yield from _orders(world, calm)
    for group in groups:
        yield from _group(world, group)
    yield from _signals(world)
    if not late:
        yield from _queue(world, rest)
    if not rest.touched:
        yield from money_differs(world, calm, groups)


def _was_read(account: AccountState, rest: Rest) -> bool:
    return account.ready and account.last_reconciled_at is not None and account.last_reconciled_at > rest.since


def _holds(state: EngineState, rest: Rest) -> Iterator[str]:
    if rest.touched:
        return
    for account in state.accounts.values():
        if account.hold is not None:
            yield f"at rest {account.id} holds its entries, though nobody else trades there: {account.hold}"


def _strange_sides(state: EngineState, account: str, venue: PaperVenue) -> Iterator[str]:
    """Positions on a side where no group ever was, though nobody else traded the market: exits that sold too much."""
    known = {(group.symbol, group.side) for group in state.groups.values() if group.account == account}
    for (symbol, side), held in venue.ledger.positions.items():
        is_strange = (symbol, side) not in known and held.quantity > state.external((account, symbol, side))
        if is_strange and all(is_ours(fill.client_order_id) for fill in venue.ledger.fills if fill.symbol == symbol):
            yield f"{held.quantity:f} {symbol} {side} are held at {account}, and no group was ever {side} there"


# ------------------------------------------------------------------ orders


def _orders(world: World, calm: set[str]) -> Iterator[str]:
    state = world.engine.state
    for order in state.orders.values():
        if order.account in calm and order.status.value in DOUBTFUL:
            yield f"at rest {order.client_order_id}, a {order.role.value}, is still {order.status.value}"
    statuses = {group.id: group.status for group in world.groups()}
    for client_id, resting in _resting(world).items():
        known = state.orders.get(client_id)
        if resting.account in calm and (known is None or statuses.get(known.group_id) in OVER):
            yield f"at rest {client_id} is live at {resting.account} and its group is over"


def _resting(world: World) -> dict[str, PaperOrder]:
    """Our live orders at the venues, by client id."""
    return {
        order.client_order_id: order
        for venue in world.venues.values()
        for book in venue.ledger.resting.values()
        for order in book.values()
        if order.client_order_id is not None and is_ours(order.client_order_id)
    }


# ------------------------------------------------------------------ groups


def _group(world: World, group: GroupSnapshot) -> Iterator[str]:
    if group.status in OVER:
        if group.open_quantity:
            yield f"at rest {group.id} is {group.status} with {group.open_quantity:f} open"
        return
    resting = _resting(world)
    live = [order for order in group.orders if order.client_order_id in resting]
    stuck = _stuck(group, live, world.engine.state.groups[group.id].closing)
    if stuck is not None:
        yield f"at rest {group.id} is stuck: {stuck}"
    elif group.open_quantity:
        yield from _exits(world, group, live)


def _stuck(group: GroupSnapshot, live: Sequence[OrderSnapshot], closing: CloseReason | None) -> str | None:
    waits = any(leg.waits_for is not None for leg in group.legs)
    if group.status == "closing":
        return f"closing ({closing}), {len(live)} orders live"
    if group.status == "waiting" and not waits:
        return "waiting for nothing"
    if group.status == "live" and not live and not waits and all(leg.status != "pending" for leg in group.legs):
        return "live without orders"
    if group.status == "active" and any(order.role == OrderRole.ENTRY.value for order in live):
        return "active with entries"
    return None


def _exits(world: World, group: GroupSnapshot, live: Sequence[OrderSnapshot]) -> Iterator[str]:
    sold = sum((order.quantity - order.filled for order in live if order.role in SALES), ZERO)
    stopped = sum((order.quantity - order.filled for order in live if order.role == OrderRole.STOP_LOSS.value), ZERO)
    planned = world.engine.state.groups[group.id].grid.stop_sizing == "planned"
    if sold > group.open_quantity:
        yield f"at rest the take-profits of {group.id} sell {sold:f}, {group.open_quantity:f} are open"
    if stopped > group.open_quantity and not planned:
        yield f"at rest the stop of {group.id} sells {stopped:f}, {group.open_quantity:f} are open"
    if _is_short_of_targets(world, group, group.open_quantity - sold):
        yield f"at rest {group.id} ({group.tp_mode}) sells {sold:f} at its targets, {group.open_quantity:f} are open"
    if not any(_tells(event, group) for event in world.events):
        yield from _stop(world, group)


def _tells(event: EventRecord, group: GroupSnapshot) -> bool:
    """Whether it is an alert about the group, or about its whole account."""
    about_account = event.group_id is None and event.account == group.account
    return event.type == "alert.raised" and (about_account or event.group_id == group.id)


def _is_short_of_targets(world: World, group: GroupSnapshot, missing: Decimal) -> bool:
    """Whether more lacks a take-profit than is watched, waits for the market to come nearer, or is too small."""
    rules = _rules(world, group)
    open_legs = [leg for leg in group.legs if leg.open_quantity]
    excused = [leg for leg in open_legs if leg.watched or leg.tp_waits_for is not None or _is_small(world, group, leg)]
    allowed = sum((leg.open_quantity for leg in excused), ZERO)
    if rules.market_type is MarketType.SPOT:
        allowed += rules.step_size * len(group.legs)
    return missing > allowed and _is_tradable(world, group, missing, group.average_entry or ZERO)


def _is_small(world: World, group: GroupSnapshot, leg: LegSnapshot) -> bool:
    price = leg.tp_price or group.average_entry or ZERO
    return not _is_tradable(world, group, leg.open_quantity, price)


def _rules(world: World, group: GroupSnapshot) -> MarketRules:
    return world.engine.state.markets[group.account, group.symbol].rules


def _is_tradable(world: World, group: GroupSnapshot, quantity: Decimal, price: Decimal) -> bool:
    rules = _rules(world, group)
    return quantity >= rules.min_qty and quantity * rules.contract_size * price >= rules.min_notional * NEARLY


def _stop(world: World, group: GroupSnapshot) -> Iterator[str]:
    """Of a group of which no alert tells."""
    stop, quote = group.stop_price, world.engine.state.quote(group.account, group.symbol)
    if stop is None or quote is None:
        return
    if group.protected is False and _is_tradable(world, group, group.open_quantity, stop):
        yield f"at rest {group.id} has no stop at its venue, and no alert tells so"
    if (quote.last - stop) * Side(group.side).sign < 0:
        yield f"at rest {group.id} is open beyond its stop"


# ------------------------------------------------------------------ signals and the queue


def _signals(world: World) -> Iterator[str]:
    for record in world.signals.values():
        if record.outcome is SignalOutcome.PENDING:
            yield f"at rest signal {record.id} has not been acted on"


def _queue(world: World, rest: Rest) -> Iterator[str]:
    now = world.clock.now()
    free = _has_room(world)
    for entry in world.engine.queue():
        if now > entry.expires_at + EXPIRY_LOOK:
            yield f"at rest {entry.symbol} waits beyond its expiry at {entry.expires_at.isoformat()}"
        if free and _may_enter(world, entry, rest):
            yield f"at rest {entry.symbol} {entry.side} waits for nothing ({entry.reason})"


def _has_room(world: World) -> bool:
    """Whether a slot is free and nothing holds entries."""
    state, config = world.engine.state, world.config
    held = state.paused or state.facts.get("emergency") or any(account.hold for account in state.accounts.values())
    slow = config.pool.count_pyramids or config.queue.pause_after_stop_sec >= LONG_PAUSE_SEC
    return not held and not slow and not state.reserving and len(state.open_ids) < config.pool.max_open_groups


def _may_enter(world: World, entry: QueueSnapshot, rest: Rest) -> bool:
    state = world.engine.state
    beside = [
        group
        for group in (state.groups[group_id] for group_id in state.open_ids)
        if (group.account, group.symbol) == (entry.account, entry.symbol)
    ]
    match entry.reason:
        case QueueReason.POOL_FULL | QueueReason.ACCOUNT_STALE | QueueReason.BREAKER_OPEN:
            return True
        case QueueReason.GROUP_CLOSING:
            return not beside
        case QueueReason.OPPOSITE_SIDE_OPEN:
            return not rest.touched and all(group.side.value == entry.side for group in beside)
    return False
