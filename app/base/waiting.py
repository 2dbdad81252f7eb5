"""Waiting with a bound, by the injected clock, and for several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from app.base.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, awaitable: Awaitable[T]) -> T:
    """The awaitable's result, or TimeoutError after `seconds` of the clock."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("within() needs a task to interrupt")
    fired = False

    def fire() -> None:
        nonlocal fired
        fired = True
        task.cancel()

    timer = clock.call_later(seconds, fire)
    try:
        return await awaitable
    except asyncio.CancelledError:
        if fired and task.uncancel() == 0:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


async def together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """Their results, in place. The first that fails ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
