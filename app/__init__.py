"""Ziggurat: executes TradingView alerts on crypto exchanges, from the trader's own machine."""

__version__ = "0.1.0"
