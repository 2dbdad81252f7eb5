"""The real engine on the replay's virtual loop, moved by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from app.messages.snapshots import GroupSnapshot
from app.replay.model import Scenario
from app.replay.virtual_loop import VirtualLoop
from app.replay.world import World, new_store

T = TypeVar("T")
FINE = {"tick_size": "0.001", "step_size": "0.001", "min_qty": "0.001", "min_notional": "5"}


class Stage:
    """A world that has been started; as a context it ends with it."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.loop = VirtualLoop()
        self._runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.world = self._do(self._opened(scenario))
        self._asked: set[asyncio.Task[Any]] = set()

    async def _opened(self, scenario: dict[str, Any]) -> World:
        world = World(Scenario.model_validate(scenario), self.loop, new_store())
        await world.boot()
        await self.loop.settle()
        return world

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self.world.engine.stop(0))
        self.loop.allow_time_to_cancel()
        self._runner.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    # ------------------------------------------------------------------ what happens

    def signal(self, **short: Any) -> None:
        self.run(self.world.send(self.world.body_of(short)))

    def ask(self, command: Any) -> str | None:
        """The refusal, if the engine refuses."""
        return self.run(self.world.ask(command))

    def price(self, symbol: str, price: Decimal) -> None:
        async def moved() -> None:
            self.world.set_quote(symbol, price, None, None, None)

        self.run(moved())

    def wait(self, seconds: int) -> None:
        self._do(self.loop.advance_to(Decimal(self.loop.microseconds) / 1_000_000 + seconds))

    def crash(self) -> None:
        """Drop the process, and start it again from what is on disk."""

        async def crashed() -> None:
            self.world.crash()

        self.run(crashed())
        self.wait(1)

    def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Its answer once everything is at rest; None where it still waits."""

        async def settled() -> T | None:
            task = self.loop.create_task(work)
            self._asked.add(task)
            await self.loop.settle()
            if not task.done():
                return None
            self._asked.discard(task)
            return task.result()

        return self._do(settled())

    def groups(self) -> list[GroupSnapshot]:
        return list(self.world.engine.open_groups())


def scenario(*coins: str, **config: Any) -> dict[str, Any]:
    """Perpetuals at 100, one account with much money and no fees."""
    return {
        "accounts": [{"id": "paper", "balances": {"USDT": "1000000"}, "fees": {"maker": "0", "taker": "0"}}],
        "markets": {f"{coin}/USDT:USDT": {**FINE, "price": "100"} for coin in coins},
        "config": config,
    }
