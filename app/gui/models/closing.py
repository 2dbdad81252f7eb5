"""What closing at market comes to, in numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.gui import formats
from app.messages.snapshots import AccountSnapshot, GroupSnapshot

WAITING = frozenset({"pending", "open", "partially_filled"})
RESTING = frozenset({"open", "partially_filled"})
RESTATE_SHARE = Decimal("0.01")
"""A result that moved by more of what is closed is read again before it is acted on."""
SLIPPAGE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class AccountSum:
    """What closing all comes to on one account; `fees` is None where its fee is not known."""

    account: str
    groups: int
    entries: int
    closed: Decimal
    pnl: Decimal
    fees: Decimal | None

    @property
    def result(self) -> Decimal:
        return self.pnl - (self.fees or Decimal(0))


def account_sums(groups: Sequence[GroupSnapshot], takers: Mapping[str, Decimal]) -> list[AccountSum]:
    """One line an account, in order of name."""
    sums = []
    for account in sorted({group.account for group in groups}):
        mine = [group for group in groups if group.account == account]
        closed = sum((worth(group) for group in mine), Decimal(0))
        taker = takers.get(account)
        sums.append(
            AccountSum(
                account=account,
                groups=len(mine),
                entries=sum(map(waiting_entries, mine)),
                closed=closed,
                pnl=sum((group.unrealized_pnl or Decimal(0) for group in mine), Decimal(0)),
                fees=closed * taker if taker is not None else None,
            )
        )
    return sums


def total_of(sums: Sequence[AccountSum]) -> AccountSum:
    fees = [item.fees for item in sums]
    known = [fee for fee in fees if fee is not None]
    return AccountSum(
        account="All accounts",
        groups=sum(item.groups for item in sums),
        entries=sum(item.entries for item in sums),
        closed=sum((item.closed for item in sums), Decimal(0)),
        pnl=sum((item.pnl for item in sums), Decimal(0)),
        fees=sum(known, Decimal(0)) if len(known) == len(fees) else None,
    )


def worth(group: GroupSnapshot) -> Decimal:
    """What is open of it at the present price, in quote."""
    if group.open_quantity <= 0 or not group.average_entry:
        return Decimal(0)
    return group.invested if group.mark is None else group.invested / group.average_entry * group.mark


def takers_of(accounts: Sequence[AccountSnapshot]) -> dict[str, Decimal]:
    """The taker fee of each account that has told it."""
    return {account.id: account.taker_fee for account in accounts if account.taker_fee is not None}


def free_on(accounts: Sequence[AccountSnapshot], account_id: str) -> Decimal:
    return next((account.free for account in accounts if account.id == account_id), Decimal(0))


def waiting_entries(group: GroupSnapshot) -> int:
    return sum(leg.status in WAITING for leg in group.legs)


def resting_exits(group: GroupSnapshot) -> int:
    return sum(order.role != "entry" and order.status in RESTING for order in group.orders)


@dataclass(frozen=True, slots=True)
class Closing:
    """`quantity` of what is open of a group, closed at its present price. None where that, or the fee, is not known."""

    group: GroupSnapshot
    quantity: Decimal
    taker_fee: Decimal | None

    @property
    def worth(self) -> Decimal:
        return worth(self.group) * self._share

    @property
    def result(self) -> Decimal | None:
        pnl = self.group.unrealized_pnl
        return None if pnl is None else pnl * self._share

    @property
    def fee(self) -> Decimal | None:
        return None if self.taker_fee is None else self.worth * self.taker_fee

    @property
    def slipped(self) -> Decimal | None:
        """The result after the fee, each price a tenth of a per cent worse."""
        if self.result is None or self.fee is None:
            return None
        return self.result - self.fee - self.worth * SLIPPAGE

    @property
    def _share(self) -> Decimal:
        return self.quantity / self.group.open_quantity if self.group.open_quantity else Decimal(0)

    def moved_from(self, before: Decimal) -> bool:
        """Whether the result is another than the one that was read."""
        return abs((self.result or Decimal(0)) - before) > self.worth * RESTATE_SHARE


def closing_facts(closing: Closing) -> list[tuple[str, str]]:
    """What closing a whole group does."""
    group, currency = closing.group, closing.group.quote_currency
    sold = formats.quantity(closing.quantity, group.step_size)
    about = f" at about {formats.price(group.mark, group.tick_size)}" if group.mark is not None else ""
    return [
        ("Sold" if group.side == "long" else "Bought back", f"{sold}{about}"),
        ("On", group.account),
        ("Result before fees", f"{formats.signed_money(closing.result)} {currency}"),
        ("Fees", f"about {formats.money(closing.fee)} {currency}"),
        ("After fees, with 0.10% slippage", f"{formats.signed_money(closing.slipped)} {currency}"),
        ("Entries cancelled", str(waiting_entries(group))),
        ("Exits cancelled", str(resting_exits(group))),
        ("Stays", "nothing"),
    ]


def part_sentence(closing: Closing) -> str:
    """What closing a part of a group does."""
    group = closing.group
    sold = formats.quantity(closing.quantity, group.step_size)
    rest = formats.quantity(group.open_quantity - closing.quantity, group.step_size)
    at = formats.price(group.mark, group.tick_size)
    return (
        f"{sold} at about {at}: {formats.signed_money(closing.result)} {group.quote_currency} "
        f"before fees of about {formats.money(closing.fee)}. {rest} stays open with its exits."
    )
