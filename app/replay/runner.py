"""Runs a scenario's steps through the world and puts the result together."""

from __future__ import annotations

import asyncio
import csv
import random
from collections.abc import Callable, Coroutine, Iterator
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
from app.domain.values import MarketType, OrderRole, OrderSide, OrderType
from app.messages.commands import ApplyConfig
from app.messages.reports import FillKind, RefusalCode
from app.ports.engine import EngineUnavailable
from app.ports.faults import Fault, FaultKind
from app.ports.paper_store import PaperOrder
from app.replay import output
from app.replay.commands import commands_of
from app.replay.invariants import books_differ, violations
from app.replay.judge import failures
from app.replay.model import FaultStep, PricesStep, QuoteStep, Scenario, ScenarioError, Step
from app.replay.virtual_loop import VirtualLoop, run
from app.replay.webhooks import body_of
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
    moments = sorted(_moments(scenario, folder), key=lambda moment: (moment.at, moment.number))

    async def main(loop: VirtualLoop) -> Replay:
        return await Runner(scenario, loop).run(moments)

    return run(main)


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
        raise ScenarioError(f"prices: {prices.market} is not among the markets")
    source, price, path = random.Random(f"{scenario.seed}/{prices.market}"), market.price, []
    for _ in range(prices.random_walk.steps):
        moved = price * (1 + Decimal(f"{source.gauss(0, 1):.6f}") * prices.random_walk.volatility / 100)
        price = max(market.rules(prices.market).quantize_price(moved, Rounding.DOWN), market.tick_size)
        path.append(price)
    return path


def _column(path: Path) -> list[Decimal]:
    """Prices of a CSV: the column `price`, else the last one."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read: {error.strerror}") from error
    column = rows[0].index("price") if rows and "price" in rows[0] else -1
    start = 1 if rows and not rows[0][column].replace(".", "", 1).isdigit() else 0
    try:
        return [Decimal(row[column]) for row in rows[start:]]
    except (ArithmeticError, IndexError) as error:
        raise ScenarioError(f"{path}: a row has no price") from error


class Runner:
    """Moves the world from step to step."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self._scenario = scenario
        self._loop = loop
        self._world = World(scenario, loop, new_store())
        self._failed: list[str] = []
        self._violations: list[str] = []
        self._checked_revision = -1
        self._excused: frozenset[str] = frozenset()
        """Groups that were open when the configuration changed: a lowered limit closes none."""
        self._started: list[asyncio.Task[Any]] = []

    async def run(self, moments: list[Moment]) -> Replay:
        await self._world.boot()
        await self._loop.settle()
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
        self._start(self._world.send(body_of(step.signal or {}, self._world.clock.now())))

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
            for venue in self._world.venues.values():
                venue.faults.arm(_fault(step.fault))

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
        for action, given in (step.venue or {}).items():
            await _at_the_venue(self._world, action, given)

    async def _do_command(self, step: Step) -> None:
        for name, given in (step.command or {}).items():
            self._start(self._command(name, given or {}))

    async def _command(self, name: str, given: dict[str, Any]) -> None:
        world = self._world
        if name == "reconcile":
            await world.engine.reconcile()
        elif name == "config":
            world.document = deep_merged(world.document, given)
            world.config = parse_config(world.document)
            await world.ask(ApplyConfig(world.config))
            self._excused = frozenset(world.engine.state.open_ids)
        else:
            for command in commands_of(name, given, world.engine, world.clock.now()):
                await world.ask(command)

    def _hold_invariants(self, moment: Moment) -> None:
        state = self._world.engine.state
        while self._world.engine.defects:
            self._violations.append(f"after step {moment.number + 1}: {self._world.engine.defects.pop(0)}")
        if state.revision == self._checked_revision:
            return
        self._checked_revision = state.revision
        for text in violations(state, self._world.venues, self._excused):
            self._violations.append(f"after step {moment.number + 1} at {moment.at:f}: {text}")

    def _hold_books(self, moment: Moment, moved_at: datetime) -> None:
        """Before the world is moved again: what was reconciled since it last moved must be equal."""
        for text in books_differ(self._world.engine.state, self._world.venues, moved_at):
            self._violations.append(f"before step {moment.number + 1} at {moment.at:f}: {text}")

    # ------------------------------------------------------------------ output

    def _document(self, *, with_events: bool) -> dict[str, Any]:
        world, groups = self._world, self._world.engine.all_groups()
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
    try:
        return Fault(
            op=step.op,
            kind=FaultKind(step.kind),
            times=step.times,
            code=RefusalCode(step.code) if step.code else None,
            symbol=step.symbol,
            role=OrderRole(step.role) if step.role else None,
            seconds=float(step.seconds) if step.seconds is not None else None,
        )
    except ValueError as error:
        raise ScenarioError(f"fault: {error}") from error


async def _at_the_venue(world: World, action: str, given: dict[str, Any]) -> None:
    symbol = given["symbol"]
    market_type = MarketType.LINEAR if ":" in symbol else MarketType.SPOT
    quantity = Decimal(str(given["quantity"])) if given.get("quantity") is not None else None
    for account, venue in world.venues.items():
        if venue.capabilities.market_type is not market_type or given.get("account", account) != account:
            continue
        match action:
            case "place_order":
                price = Decimal(str(given["price"])) if given.get("price") is not None else None
                side, type_ = OrderSide(given["side"]), OrderType(given.get("type", "market"))
                await venue.place_external(symbol, side, type_, quantity or Decimal(0), price)
            case "cancel_order":
                await venue.cancel_external(_order_filter(symbol, given))
            case "close_position":
                await venue.close_external(symbol, quantity)
            case "liquidate":
                await venue.force(symbol, FillKind.LIQUIDATION, quantity)
            case "adl":
                await venue.force(symbol, FillKind.ADL, quantity)
            case "funding":
                await venue.pay_funding(symbol, Decimal(str(given["rate"])))
            case _:
                raise ScenarioError(f"nothing called {action} happens at a venue")


def _order_filter(symbol: str, given: dict[str, Any]) -> Callable[[PaperOrder], bool]:
    def fits(order: PaperOrder) -> bool:
        if order.symbol != symbol or given.get("client_order_id") not in {None, order.client_order_id}:
            return False
        address = client_order_id.decode(order.client_order_id or "")
        return given.get("role") is None or (address is not None and address.role == given["role"])

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
        "price": order.price,
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
