"""Keys and signatures stay between the adapter and the exchange: neither log nor events tell them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.errors import Retryable
from app.base.log import set_up
from tests.support.trading import Trading
from tests.support.venues.faults import FaultKind


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Everything that is logged at debug, and nothing on the console."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    set_up("debug", tmp_path)
    console = next(handler for handler in root.handlers if not isinstance(handler, logging.FileHandler))
    root.removeHandler(console)
    yield tmp_path / "ziggurat.log"
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


async def test_at_debug_the_log_has_neither_key_nor_signature(log_file: Path) -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.reconcile()
        keys = trading.place.keys.values()
    text = await asyncio.to_thread(log_file.read_text)
    assert text
    for secret in (*keys, "X-MBX-APIKEY", "signature", "listenKey="):
        assert secret not in text


async def test_at_debug_the_log_tells_requests_and_their_answers(log_file: Path) -> None:
    async with Trading() as trading:
        group = await trading.enter()
    lines = (await asyncio.to_thread(log_file.read_text)).splitlines()
    told = [json.loads(line)["event"] for line in lines if "exchange.ccxt.telling" in line]
    entry = trading.engine.state.orders_of[group.id][0]
    of_entry = [line.split(" http")[0] for line in told if entry in line and " POST " in line]
    assert of_entry == ["asks POST", "answered 200 POST"]


@pytest.mark.expects_log_warnings
async def test_requests_that_break_are_told_without_their_signatures(log_file: Path) -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.LOST_BEFORE, "", method="GET", times=None)
        with pytest.raises(Retryable) as raised:
            await trading.venue.fetch_balances()
        await trading.reconcile()
        told = [str(raised.value), *(str(event.data) for event in trading.events)]
        told.append(str(trading.engine.state.accounts["perp"].reason))
    told.append(await asyncio.to_thread(log_file.read_text))
    assert "/balance" in told[0] or "/account" in told[0]
    for secret in ("signature=", "timestamp=1", *trading.place.keys.values()):
        assert not any(secret in each for each in told)
