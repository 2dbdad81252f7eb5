"""Two books that must be one: the fake venue's, and the application's database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.domain import client_order_id
from app.domain.client_order_id import OrderAddress
from app.domain.group import EntryState
from app.domain.order import RESTING
from app.domain.values import OrderRole, Side
from tests.crash.kill_serve import Wrong, read_rows

ZERO = Decimal(0)
OVER = frozenset({"filled", "cancelled", "expired", "rejected", "abandoned", "lost"})
LegKey = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Leg:
    symbol: str
    side: Side
    is_open: bool
    entry: EntryState
    quantity: Decimal
    filled: Decimal
    open_quantity: Decimal


class Books:
    """What the database and the venue's `GET /book` say at one moment; `judge` compares them."""

    def __init__(self, data_dir: Path, book: Any) -> None:
        self.venue = book["orders"]
        self.positions = book["positions"]
        self.own = {
            row[0]: (row[1], Decimal(row[2]), Decimal(row[3]))
            for row in read_rows(data_dir, "SELECT client_order_id, status, quantity, filled FROM orders")
        }
        self.booked: dict[str, Decimal] = defaultdict(Decimal)
        for client_id, quantity in read_rows(data_dir, "SELECT client_order_id, quantity FROM fills"):
            self.booked[client_id] += Decimal(quantity)
        self.legs: dict[LegKey, Leg] = {
            (row[0], row[1], row[2]): Leg(
                row[3], Side(row[4]), row[5] is None, EntryState(row[6]), *(Decimal(each) for each in row[7:])
            )
            for row in read_rows(
                data_dir,
                'SELECT group_id, pyramid, legs."index", symbol, side, closed_at, entry, quantity, filled, '
                "open_quantity FROM legs JOIN groups ON groups.id = legs.group_id",
            )
        }
        self.signals = dict(read_rows(data_dir, "SELECT id, outcome FROM signals"))

    def judge(self, acknowledged: Iterable[str]) -> None:
        """Wrong where the books differ, or a signal was lost."""
        waiting = [each for each in acknowledged if self.signals.get(each, "pending") == "pending"]
        if waiting:
            raise Wrong(f"acknowledged signals were lost or not decided: {waiting}")
        self._judge_orders()
        self._judge_positions()
        self._judge_entries()
        self._judge_exits()

    def _judge_orders(self) -> None:
        """Every id once; both call the same orders live and know the same executions."""
        seen = Counter(order["id"] for order in self.venue)
        doubled = [name for name, times in seen.items() if times > 1]
        orphans = [name for name in seen if name not in self.own]
        if doubled or orphans:
            raise Wrong(f"orders at the venue doubled: {doubled}, not ours: {orphans}")
        unsettled = {name: row for name, row in self.own.items() if row[0] not in OVER and row[0] not in RESTING}
        if unsettled:
            raise Wrong(f"orders not settled: {unsettled}")
        live_here = {name: row[1:] for name, row in self.own.items() if row[0] in RESTING}
        live_there = {o["id"]: (Decimal(o["quantity"]), Decimal(o["filled"])) for o in self.venue if o["is_live"]}
        if live_here != live_there:
            only = {key: (live_here.get(key), live_there.get(key)) for key in live_here.keys() ^ live_there.keys()}
            unlike = {k: (live_here[k], live_there[k]) for k in live_here.keys() & live_there.keys()}
            differ = {key: pair for key, pair in unlike.items() if pair[0] != pair[1]}
            raise Wrong(f"live orders differ (here, there): only one has {only}, unlike {differ}")
        self._judge_executions()

    def _judge_executions(self) -> None:
        filled = {order["id"]: Decimal(order["filled"]) for order in self.venue}
        for name, (status, _, ours) in self.own.items():
            if not ours == self.booked[name] == filled.get(name, ZERO):
                raise Wrong(
                    f"{name} ({status}) filled {ours}, fills {self.booked[name]}, at the venue {filled.get(name)}"
                )

    def _judge_positions(self) -> None:
        ours: dict[str, Decimal] = defaultdict(Decimal)
        for leg in self.legs.values():
            ours[leg.symbol] += leg.open_quantity if leg.side is Side.LONG else -leg.open_quantity
        theirs: dict[str, Decimal] = defaultdict(Decimal)
        for held in self.positions:
            quantity = Decimal(held["quantity"])
            theirs[held["symbol"]] += quantity if held["side"] == Side.LONG else -quantity
        differ = {s: (ours[s], theirs[s]) for s in {*ours, *theirs} if ours[s] != theirs[s]}
        if differ:
            raise Wrong(f"positions differ (here, there): {differ}")

    def _addressed(self, role: OrderRole) -> list[tuple[OrderAddress, Any]]:
        """The venue's orders of a role."""
        pairs = [(client_order_id.decode(order["id"] or ""), order) for order in self.venue]
        return [(address, order) for address, order in pairs if address is not None and address.role is role]

    def _judge_entries(self) -> None:
        bought: dict[Any, Decimal] = defaultdict(Decimal)
        resting: Counter[Any] = Counter()
        for address, order in self._addressed(OrderRole.ENTRY):
            key = (address.group_id, address.pyramid, address.leg)
            bought[key] += Decimal(order["filled"])
            resting[key] += order["is_live"]
        for key, leg in self.legs.items():
            if bought[key] != leg.filled or bought[key] > leg.quantity:
                raise Wrong(f"leg {key} has {leg.filled} of {leg.quantity}, its orders filled {bought[key]}")
            wanted = 1 if leg.is_open and leg.entry is EntryState.WORKING else 0
            if resting[key] != wanted:
                raise Wrong(f"leg {key} ({leg.entry}) has {resting[key]} entries resting, not {wanted}")

    def _judge_exits(self) -> None:
        """Take-profits leg by leg, stops group by group: as much as is open, and nothing more."""
        targets: dict[Any, Decimal] = defaultdict(Decimal)
        for address, order in self._addressed(OrderRole.TAKE_PROFIT):
            if order["is_live"]:
                key = (address.group_id, address.pyramid, address.leg)
                targets[key] += Decimal(order["quantity"]) - Decimal(order["filled"])
        stops: dict[str, Decimal] = defaultdict(Decimal)
        for address, order in self._addressed(OrderRole.STOP_LOSS):
            if order["is_live"]:
                stops[address.group_id] += Decimal(order["quantity"])
        held: dict[str, Decimal] = defaultdict(Decimal)
        for key, leg in self.legs.items():
            held[key[0]] += leg.open_quantity
            if targets[key] != leg.open_quantity:
                raise Wrong(f"leg {key} has {leg.open_quantity} open, its take-profits sell {targets[key]}")
        differ = {group: (held[group], stops[group]) for group in held if held[group] != stops[group]}
        if differ:
            raise Wrong(f"stops differ (open, stopped): {differ}")
