"""`python -m tests.support.venues binance-linear --port 9100`: a fake venue by hand, until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from decimal import Decimal

from app.base.clock import system_clock
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.support.venues.binance_linear import BinanceLinear
from tests.support.venues.control import Control

PRICES = {"BTC/USDT:USDT": "60000", "ETH/USDT:USDT": "3000", "SOL/USDT:USDT": "150"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.venues", description=__doc__)
    parser.add_argument("venue", choices=["binance-linear"])
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--control-port", type=int, default=None, help="one more than the port, unless given")
    parser.add_argument("--api-key", default="key")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--price", action="append", default=[], metavar="SYMBOL=PRICE")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


async def _serve(asked: argparse.Namespace) -> None:
    board = PriceBoard(system_clock(), RuleBook())
    for symbol, price in (PRICES | dict(item.split("=", 1) for item in asked.price)).items():
        board.open(symbol, Decimal(price))
    venue = BinanceLinear(board, api_key=asked.api_key, secret=asked.secret)
    control = Control(venue)
    url = await venue.start(asked.port)
    control_port = asked.port + 1 if asked.control_port is None else asked.control_port
    try:
        sys.stdout.write(f"Binance USD-M futures on {url}, control on {await control.start(control_port)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    finally:
        await control.stop()
        await venue.stop()


if __name__ == "__main__":
    main()
