"""A request's bytes leave at once, and what cannot be written at once still gets there."""

from __future__ import annotations

import asyncio

import pytest

from app.exchange.ccxt.connections import begun
from tests.support.clock import settle


async def test_what_need_not_wait_is_done_before_anybody_awaits_it() -> None:
    done: list[str] = []

    async def write() -> None:
        done.append("bytes")

    rest = begun(write())
    assert done == ["bytes"]
    await asyncio.create_task(rest)


async def test_what_has_to_wait_goes_on_from_there_in_a_task() -> None:
    done: list[str] = []
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def write() -> None:
        done.append("head")
        await drained
        done.append("body")

    task = asyncio.create_task(begun(write()))
    assert done == ["head"]
    await settle()
    assert done == ["head"]
    drained.set_result(None)
    await task
    assert done == ["head", "body"]


async def test_what_breaks_later_breaks_the_task() -> None:
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def write() -> None:
        await drained

    task = asyncio.create_task(begun(write()))
    await settle()
    drained.set_exception(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await task


async def test_a_cancelled_rest_is_cancelled() -> None:
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def write() -> None:
        await drained

    task = asyncio.create_task(begun(write()))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert drained.cancelled()
