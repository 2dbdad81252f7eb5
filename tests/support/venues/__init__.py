"""Fake venues on loopback that speak a real venue's wire protocol; see the README beside this file."""

from tests.support.venues.aster_linear import AsterLinear, AsterSpot
from tests.support.venues.binance_linear import BinanceLinear
from tests.support.venues.binance_spot import BinanceSpot
from tests.support.venues.bybit import BybitLinear, BybitSpot
from tests.support.venues.faults import Fault, FaultKind, Faults
from tests.support.venues.gate import GateSpot
from tests.support.venues.kucoin import KucoinSpot
from tests.support.venues.mexc import MexcSpot
from tests.support.venues.okx import OkxSpot

__all__ = [
    "AsterLinear",
    "AsterSpot",
    "BinanceLinear",
    "BinanceSpot",
    "BybitLinear",
    "BybitSpot",
    "Fault",
    "FaultKind",
    "Faults",
    "GateSpot",
    "KucoinSpot",
    "MexcSpot",
    "OkxSpot",
]
