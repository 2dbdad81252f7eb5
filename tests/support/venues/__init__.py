"""Fake venues on loopback that speak a real venue's wire protocol; see the README beside this file."""

from tests.support.venues.binance_linear import BinanceLinear
from tests.support.venues.faults import Fault, FaultKind, Faults

__all__ = ["BinanceLinear", "Fault", "FaultKind", "Faults"]
