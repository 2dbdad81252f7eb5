"""Runs a scenario's steps through the world and puts the result together."""

from __future__ import annotations

import asyncio
import csv
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.base.clock import iso
from app.base.config import parse_config
from app.base.config.tree import deep_merged
from app.domain import client_order_id
from app.domain.market import Rounding
from app.domain.symbol import market_type_of
from app.exchange.paper.faults import STREAM, Armed, FaultBox
from app.messages.commands import ApplyConfig
from app.messages.reports import FillKind
from app.ports.engine import EngineUnavailable
from app.ports.faults import Fault
from app.ports.paper_store import PaperOrder
from app.replay import output
from app.replay.commands import commands_of
from app.replay.deeds import CancelledByHand, Command, VenueDeed
from app.replay.invariants import books_differ, violations
from app.replay.judge import failures
from app.replay.model import Scenario, Step
from app.replay.parts import FaultStep, PricesStep, QuoteStep, ScenarioError
from app.replay.protection import BareGroups
from app.replay.rest import Rest
from app.replay.settled import unsettled
from app.replay.virtual_loop import VirtualLoop, run
from app.replay.world import World, new_store


@dataclass(frozen=True, slots=True)
class Moment:
    """Something to do at `at` seconds; `number` is the step it belongs to."""

    at: Decimal
    number: int
    what: Step | tuple[str, Decimal]


@dataclass(frozen=True, slots=True)
class Replay:
    """`document` is the JSON of replay.md; `timeline` the events as lines."""

    document: dict[str, Any]
    timeline: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return bool(self.document["ok"])


def replay(scenario: Scenario, folder: Path) -> Replay:
    """Run a scenario to its end. Files it names are relative to `folder`."""
    moments = moments_of(scenario, folder)

    async def main(loop: VirtualLoop) -> Replay:
        return await Runner(scenario, loop).run(moments)

    return run(main)


def moments_of(scenario: Scenario, folder: Path) -> list[Moment]:
    """What is to be done, in order; paths of prices taken apart."""
    return sorted(_moments(scenario, folder), key=lambda moment: (moment.at, moment.number))


def _moments(scenario: Scenario, folder: Path) -> Iterator[Moment]:
    for number, step in enumerate(scenario.steps):
        at = scenario.seconds(step)
        if step.prices is None:
            yield Moment(at, number, step)
            continue
        every = step.prices.random_walk.every if step.prices.random_walk else step.prices.every
        for index, price in enumerate(_path(scenario, step.prices, folder)):
            yield Moment(at + index * every, number, (step.prices.market, price))


def _path(scenario: Scenario, prices: PricesStep, folder: Path) -> list[Decimal]:
    if prices.file is not None:
        return _column(folder / prices.file)
    if prices.random_walk is None:
        return list(prices.values)
    market = scenario.markets.get(prices.market)
    if market is None:
        raise ScenarioError(f"a random walk of {prices.market} needs its price among the markets")
    source, price, path = random.Random(f"{scenario.seed}/{prices.market}"), market.price, []
    for _ in range(prices.random_walk.steps):
        moved = price * (1 + Decimal(f"{source.gauss(0, 1):.6f}") * prices.random_walk.volatility / 100)
        price = max(market.rules(prices.market).quantize_price(moved, Rounding.DOWN), market.tick_size)
        path.append(price)
    return path


def _column(path: Path) -> list[Decimal]:
    """Prices of a CSV: the column `price`, else `close`, else the last one."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(f"{path} cannot be read: {error}") from error
    heads = [head.strip().lower() for head in rows[0][1]] if rows else []
    column = next((heads.index(name) for name in ("price", "close") if name in heads), -1)
    start = 1 if heads and not heads[column].replace(".", "", 1).isdigit() else 0
    return [_price(row, column, f"{path}:{line}") for line, row in rows[start:]]


def _price(row: Sequence[str], column: int, where: str) -> Decimal:
    try:
        price = Decimal(row[column].strip())
    except (ArithmeticError, IndexError) as error:
        raise ScenarioError(f"{where}: the row has no price") from error
    if not price.is_finite() or price <= 0:
        raise ScenarioError(f"{where}: {price} is no price")
    return price


class Runner:
    """Moves the world from step to step."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self._scenario = scenario
        self._loop = loop
        self._world = World(scenario, loop, new_store())
        self._failed: list[str] = []
        self._violations: list[str] = []
        self._checked_revision = -1
        self._bare = BareGroups()
        self._excused: frozenset[str] = frozenset()
        """Groups that were open when the configuration changed: a lowered limit closes none."""
        self._started: list[asyncio.Task[Any]] = []
        self._armed: list[Armed] = []
        self._rest = Rest(scenario.start)

    async def run(self, moments: list[Moment]) -> Replay:
        self._start(self._world.boot())
        await self._loop.settle()
        self._rest.look(self._world, None, self._armed)
        for moment in moments:
            moved_at = self._world.clock.now()
            await self._loop.advance_to(moment.at)
            self._hold_books(moment, moved_at)
            await self._do(moment)
            await self._loop.settle()
            self._raise_what_broke(moment)
            self._hold_invariants(moment)
        document = self._document(with_events=True)
        await self._world.engine.stop(0)
        for task in self._started:
            task.cancel()
        return Replay(document, tuple(self._timeline()))

    async def _do(self, moment: Moment) -> None:
        step = moment.what
        if isinstance(step, tuple):
            self._world.set_quote(step[0], step[1], None, None, None)
            return
        if step.check is not None:
            problems = failures(step.check, self._document(with_events="events" in step.check))
            self._failed += [f"step {moment.number + 1} at {moment.at:f}: {problem}" for problem in problems]
            return
        await getattr(self, f"_do_{step.kind}")(step)

    async def _do_signal(self, step: Step) -> None:
        if step.signal is not None:
            self._start(self._world.send(self._world.body_of(step.signal)))

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        """What may never be answered, because a crash comes first, is not waited for."""
        self._started.append(self._loop.create_task(work))

    def _raise_what_broke(self, moment: Moment) -> None:
        """A step that cannot be carried out ends the replay; one that a crash cut off does not."""
        for task in [task for task in self._started if task.done()]:
            self._started.remove(task)
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, EngineUnavailable):
                raise ScenarioError(f"step {moment.number + 1} at {moment.at:f}: {error}") from error

    async def _do_price(self, step: Step) -> None:
        for symbol, price in (step.price or {}).items():
            if isinstance(price, QuoteStep):
                self._world.set_quote(symbol, price.last, price.bid, price.ask, price.mark)
            else:
                self._world.set_quote(symbol, price, None, None, None)

    async def _do_book(self, step: Step) -> None:
        if step.book is not None:
            for venue in self._world.venues.values():
                venue.set_book(step.book.market, step.book.fill_size)

    async def _do_fault(self, step: Step) -> None:
        if step.fault is not None:
            self._armed += _arm(_fault(step.fault), [venue.faults for venue in self._world.venues.values()])

    async def _do_crash(self, step: Step) -> None:
        crash = step.crash
        if crash is None:
            return
        if crash.at_commit is not None:
            self._world.trap.commits_left = crash.at_commit
        elif crash.at_send is not None:
            self._world.trap.sends_left = crash.at_send
            self._world.trap.after_send = crash.when == "after"
        else:
            self._world.crash()

    async def _do_venue(self, step: Step) -> None:
        if step.venue is not None:
            await _at_the_venue(self._world, step.venue)

    async def _do_command(self, step: Step) -> None:
        if step.command is not None:
            self._start(self._command(step.command))

    async def _command(self, command: Command) -> None:
        world = self._world
        if command.kind == "reconcile":
            await world.engine.reconcile()
        elif command.kind == "config":
            world.document = deep_merged(world.document, command.what)
            world.config = parse_config(world.document)
            await world.ask(ApplyConfig(world.config))
            self._excused = frozenset(world.engine.state.open_ids)
        else:
            for asked in commands_of(command, world.engine, world.clock.now()):
                await world.ask(asked)

    def _hold_invariants(self, moment: Moment) -> None:
        while self._world.engine.defects:
            self._violations.append(f"after step {moment.number + 1}: {self._world.engine.defects.pop(0)}")
        self._rest.look(self._world, moment.what if isinstance(moment.what, Step) else None, self._armed)
        for text in self._broken():
            self._violations.append(f"after step {moment.number + 1} at {moment.at:f}: {text}")

    def _broken(self) -> Iterator[str]:
        world, now = self._world, self._world.clock.now()
        state = world.engine.state
        while world.trap.sent_twice:
            yield f"{world.trap.sent_twice.pop(0)} was sent again though the venue had it"
        if state.revision != self._checked_revision:
            self._checked_revision = state.revision
            yield from violations(state, world.venues, self._excused)
            self._bare.look(state, now)
        yield from self._bare.overdue(state.config.protection.grace_sec, world.events, now)
        if self._scenario.at_rest and self._rest.is_reached(now):
            yield from unsettled(world, self._rest)

    def _hold_books(self, moment: Moment, moved_at: datetime) -> None:
        """Before the world is moved again: what was reconciled since it last moved must be equal."""
        for text in books_differ(self._world.engine.state, self._world.venues, moved_at):
            self._violations.append(f"before step {moment.number + 1} at {moment.at:f}: {text}")

    # ------------------------------------------------------------------ output

    def _document(self, *, with_events: bool) -> dict[str, Any]:
        world, groups = self._world, self._world.groups()
        orders = [order for group in groups for order in group.orders]
        orders.sort(key=lambda order: (order.created_at, order.client_order_id[9:17], order.client_order_id[20:]))
        return {
            "name": self._scenario.name,
            "ok": not self._failed and not self._violations,
            "failed_checks": list(self._failed),
            "invariant_violations": list(self._violations),
            "groups": [output.group_document(group) for group in groups],
            "orders": [output.order_document(order) for order in orders],
            "queue": [output.queue_document(entry) for entry in world.engine.queue()],
            "signals": [output.signal_document(record) for record in world.signals.values()],
            "risk_actions": [output.action_document(action) for action in world.engine.state.actions.values()],
            "findings": [output.finding_document(finding) for finding in world.findings],
            "venue": _venue_document(world),
            "events": [event.type for event in world.events] if with_events else [],
            "stats": {
                "steps": len(self._scenario.steps),
                "virtual_seconds": _number(self._loop.microseconds),
                "orders_sent": world.trap.orders_sent,
                "requests_sent": world.trap.requests_sent,
                "commits": world.trap.commits,
            },
        }

    def _timeline(self) -> Iterator[str]:
        for event in self._world.events:
            facts = " ".join(f"{key}={value}" for key, value in event.data.items())
            yield f"{iso(event.at)}  {event.type:<24} {event.symbol or '':<16} {facts}".rstrip()


def _fault(step: FaultStep) -> Fault:
    return Fault(
        op=step.op,
        kind=step.kind,
        times=step.times,
        code=step.code,
        symbol=step.symbol,
        role=step.role,
        seconds=float(step.seconds) if step.seconds is not None else None,
    )


def _arm(fault: Fault, boxes: Sequence[FaultBox]) -> list[Armed]:
    """Requests of all accounts share the fault's `times`; each account's stream shows it for itself."""
    shared = Armed(fault, fault.times)
    armed = [Armed(fault, fault.times) if fault.op == STREAM else shared for _ in boxes]
    for box, each in zip(boxes, armed, strict=True):
        box.share(each)
    return armed


async def _at_the_venue(world: World, deed: VenueDeed) -> None:
    given = deed.what
    symbol = given.symbol
    market_type = market_type_of(symbol)
    for account, venue in world.venues.items():
        if venue.capabilities.market_type is not market_type or given.account not in {None, account}:
            continue
        match deed.kind:
            case "place_order":
                await venue.place_external(symbol, given.side, given.type, given.quantity, given.price)
            case "cancel_order":
                await venue.cancel_external(_order_filter(given))
            case "close_position":
                await venue.close_external(symbol, given.quantity)
            case "liquidate":
                await venue.force(symbol, FillKind.LIQUIDATION, given.quantity)
            case "adl":
                await venue.force(symbol, FillKind.ADL, given.quantity)
            case "funding":
                await venue.pay_funding(symbol, given.rate)


def _order_filter(given: CancelledByHand) -> Callable[[PaperOrder], bool]:
    def fits(order: PaperOrder) -> bool:
        if order.symbol != given.symbol or given.client_order_id not in {None, order.client_order_id}:
            return False
        address = client_order_id.decode(order.client_order_id or "")
        return given.role is None or (address is not None and address.role is given.role)

    return fits


def _venue_document(world: World) -> dict[str, Any]:
    several = len(world.venues) > 1
    positions: dict[str, Any] = {}
    open_orders: list[dict[str, Any]] = []
    balances: dict[str, Any] = {}
    for account, venue in world.venues.items():
        prefix = f"{account}/" if several else ""
        ledger = venue.ledger
        for (symbol, side), held in sorted(ledger.positions.items()):
            key = f"{prefix}{symbol}"
            positions[f"{key}/{side}" if key in positions else key] = {
                "quantity": held.quantity * side.sign,
                "entry_price": held.entry_price,
                "leverage": ledger.leverage(symbol)[0],
            }
        resting = [order for book in ledger.resting.values() for order in book.values()]
        open_orders += [_order_at_venue(order) for order in sorted(resting, key=lambda item: item.number)]
        balances.update({f"{prefix}{asset}": total for asset, total in sorted(ledger.balances.items())})
    return {"positions": positions, "open_orders": open_orders, "balances": balances}


def _order_at_venue(order: PaperOrder) -> dict[str, Any]:
    address = client_order_id.decode(order.client_order_id or "")
    return {
        "client_order_id": order.client_order_id,
        "account": order.account,
        "symbol": order.symbol,
        "role": address.role.value if address else None,
        "side": order.side.value,
        "type": order.type.value,
        "price": output.shown_price(order.price, order.trigger_price),
        "trigger_price": order.trigger_price,
        "quantity": order.quantity,
        "filled": order.filled,
        "status": order.status.value,
        "reduce_only": order.reduce_only,
    }


def _number(microseconds: int) -> int | float:
    """Seconds as a JSON number, whole ones without a point."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return seconds if rest == 0 else microseconds / 1_000_000
