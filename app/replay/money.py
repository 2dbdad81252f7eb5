"""At rest the groups' money is the venue's: coins, fees, funding and the wallet, where nobody else traded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from app.domain.values import ZERO, Side
from app.exchange.paper.ledger import Ledger
from app.messages.reports import FillKind
from app.messages.snapshots import GroupSnapshot
from app.replay.world import World

MONEY = "USDT"
TOLERANCE = Decimal("0.000001")
"""Averages are divisions; the sums differ by what those round away."""
TOLD_BY_VENUE = frozenset({"reconciled", "liquidated", "adl"})


def money_differs(world: World, accounts: Collection[str], groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    """`groups` are all of `accounts`, closed ones too."""
    for account, venue in world.venues.items():
        ours = [group for group in groups if group.account == account]
        if account not in accounts or any(fill.kind is not FillKind.TRADE for fill in venue.ledger.fills):
            continue
        yield from _external(world, account, ours)
        if venue.ledger.is_spot:
            yield from _coins(venue.ledger, ours)
        if any(group.estimated or group.dust or group.close_reason in TOLD_BY_VENUE for group in ours):
            continue
        if not venue.ledger.is_spot:
            yield from _costs(venue.ledger, ours)
            yield from _trades(world, ours)
        yield from _wallet(venue.ledger, ours)


def _external(world: World, account: str, groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    """A part that is marked as not ours can only be dust here, less what entries of the other side netted of it."""
    for symbol, side in sorted({(group.symbol, group.side) for group in groups}):
        external = world.engine.state.external((account, symbol, Side(side)))
        dust = sum((group.dust for group in groups if (group.symbol, group.side) == (symbol, side)), ZERO)
        if not ZERO <= external <= dust:
            yield f"at rest {external:f} of {symbol} {side} on {account} count as not ours, and nobody else traded"


def _coins(ledger: Ledger, groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    for symbol in sorted({group.symbol for group in groups}):
        base = symbol.partition("/")[0]
        bought = ledger.balances.get(base, ZERO) - ledger.config.balances.get(base, ZERO)
        held = sum((group.open_quantity + group.dust for group in groups if group.symbol == symbol), ZERO)
        if bought != held:
            yield f"at rest {bought:f} {base} were bought on {ledger.account}, the groups hold {held:f}"


def _costs(ledger: Ledger, groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    paid = sum((fill.fee for fill in ledger.fills), ZERO)
    booked = sum((group.fees for group in groups), ZERO)
    if abs(paid - booked) > TOLERANCE:
        yield f"at rest {ledger.account} paid {paid:f} of fees, {booked:f} are booked"
    paid = sum((payment.amount for payment in ledger.funding), ZERO)
    booked = sum((group.funding for group in groups), ZERO)
    if abs(paid - booked) > TOLERANCE:
        yield f"at rest {ledger.account} got {paid:f} of funding, {booked:f} are booked"


def _trades(world: World, groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    """What a closed group bought and sold by its orders is what it tells of itself."""
    for group in groups:
        market = world.engine.state.market(group.account, group.symbol)
        if group.status != "closed" or market is None:
            continue
        entered = sum((order.filled for order in group.orders if order.role == "entry"), ZERO)
        left = sum((order.filled for order in group.orders if order.role != "entry"), ZERO)
        if entered != left:
            yield f"at rest {group.id} is closed, its orders bought {entered:f} and sold {left:f}"
            continue
        gross = sum(
            (order.filled * (order.average or ZERO) * (-1 if order.side == "buy" else 1) for order in group.orders),
            ZERO,
        )
        earned = gross * market.rules.contract_size - group.fees + group.funding
        if abs(earned - group.realized_pnl) > TOLERANCE:
            yield f"at rest {group.id} earned {earned:f} by its orders and tells {group.realized_pnl:f}"


def _wallet(ledger: Ledger, groups: Sequence[GroupSnapshot]) -> Iterator[str]:
    if any(group.open_quantity for group in groups):
        return
    gained = ledger.balances.get(MONEY, ZERO) - ledger.config.balances.get(MONEY, ZERO)
    told = sum((group.realized_pnl for group in groups), ZERO)
    if abs(gained - told) > TOLERANCE:
        yield f"at rest {ledger.account} gained {gained:f}, its groups tell {told:f}"
