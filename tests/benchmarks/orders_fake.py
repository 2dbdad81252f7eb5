"""Binance USD-M in a process of its own, noting when the bytes of each order request arrive."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from decimal import Decimal
from typing import Any

from aiohttp.web_protocol import RequestHandler

from app.base.clock import system_clock
from app.base.config.groups import AccountConfig
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.support.venues import BinanceLinear

PRICE = Decimal(100)
RICH = {"USDT": Decimal(1_000_000_000)}
_ORDERS = (b"POST /fapi/v1/order", b"POST /fapi/v1/batchOrders")
_ID = re.compile(rb'newClientOrderId(?:=|%22%3A%22|":")([A-Za-z0-9]+)')

arrivals: list[tuple[int, list[str]]] = []
"""When, in nanoseconds, and the client ids."""


def note_arrivals() -> None:
    """Look at the bytes before anything else does; a body can come after its head."""
    receive = RequestHandler.data_received

    coming: dict[Any, list[str]] = {}

    def noting(self: Any, data: bytes) -> None:
        if data.startswith(_ORDERS):
            coming[self] = []
            arrivals.append((time.monotonic_ns(), coming[self]))
        elif b" HTTP/1.1\r\n" in data:
            coming.pop(self, None)
        if self in coming:
            coming[self] += [found.decode() for found in _ID.findall(data)]
        receive(self, data)

    RequestHandler.data_received = noting  # type: ignore[method-assign]  # measured where the bytes come in


async def main(bases: list[str]) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    note_arrivals()
    board = PriceBoard(system_clock(), RuleBook())
    for base in bases:
        board.open(f"{base}/USDT:USDT", PRICE)
    venue = BinanceLinear(board, config=AccountConfig(id="binance", balances=RICH))
    venue.limits.weight = venue.limits.orders_in_minute = venue.limits.orders_in_ten_sec = 100_000_000
    print(json.dumps({"url": await venue.start()}), flush=True)
    await stopping.wait()
    print(json.dumps({"arrivals": arrivals, "orders": len(venue.ledger.orders)}), flush=True)
    await venue.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(",")))
