"""`python -m tests.support.venues binance-linear --port 9100`: a fake venue by hand, until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from app.base.clock import system_clock
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.support.venues.aster_linear import AsterLinear, AsterSpot
from tests.support.venues.binance_linear import BinanceLinear
from tests.support.venues.binance_spot import BinanceSpot
from tests.support.venues.bybit import BybitLinear, BybitSpot
from tests.support.venues.control import Control
from tests.support.venues.gate import GateSpot
from tests.support.venues.kucoin import KucoinSpot
from tests.support.venues.mexc import MexcSpot
from tests.support.venues.okx import OkxSpot

PRICES = {"BTC/USDT:USDT": "60000", "ETH/USDT:USDT": "3000", "SOL/USDT:USDT": "150"}
SPOT_PRICES = {symbol.partition(":")[0]: price for symbol, price in PRICES.items()}


def _with_its_own_keys(kind: type[AsterLinear]) -> Callable[..., AsterLinear]:
    """Aster has a wallet and an agent instead of a key and a secret: `WALLET`, `AGENT_KEY` of `aster_linear.py`."""
    return lambda board, **_: kind(board)


VENUES: dict[str, tuple[str, Callable[..., Any], dict[str, str]]] = {
    "aster-linear": ("Aster perpetuals", _with_its_own_keys(AsterLinear), PRICES),
    "aster-spot": ("Aster spot", _with_its_own_keys(AsterSpot), SPOT_PRICES),
    "binance-linear": ("Binance USD-M futures", BinanceLinear, PRICES),
    "binance-spot": ("Binance spot", BinanceSpot, SPOT_PRICES),
    "bybit-linear": ("Bybit perpetuals, isolated margin", partial(BybitLinear, margin_mode="ISOLATED_MARGIN"), PRICES),
    "bybit-spot": ("Bybit spot", BybitSpot, SPOT_PRICES),
    "gate-spot": ("Gate spot", GateSpot, SPOT_PRICES),
    "kucoin-spot": ("KuCoin spot, passphrase `phrase`", KucoinSpot, SPOT_PRICES),
    "mexc-spot": ("MEXC spot", MexcSpot, SPOT_PRICES),
    "okx-spot": ("OKX spot, passphrase `phrase`", OkxSpot, SPOT_PRICES),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.venues", description=__doc__)
    parser.add_argument("venue", choices=sorted(VENUES))
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--control-port", type=int, default=None, help="one more than the port, unless given")
    parser.add_argument("--api-key", default="key")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--price", action="append", default=[], metavar="SYMBOL=PRICE")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


async def _serve(asked: argparse.Namespace) -> None:
    name, kind, prices = VENUES[asked.venue]
    board = PriceBoard(system_clock(), RuleBook())
    for symbol, price in (prices | dict(item.split("=", 1) for item in asked.price)).items():
        board.open(symbol, Decimal(price))
    venue = kind(board, api_key=asked.api_key, secret=asked.secret)
    control = Control(venue)
    url = await venue.start(asked.port)
    control_port = asked.port + 1 if asked.control_port is None else asked.control_port
    try:
        sys.stdout.write(f"{name} on {url}, control on {await control.start(control_port)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    finally:
        await control.stop()
        await venue.stop()


if __name__ == "__main__":
    main()
