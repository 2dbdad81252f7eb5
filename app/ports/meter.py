"""Where the engine tells how long its stages take."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """What is timed, on the way of a signal to the market."""

    COMMIT = "commit"
    """One unit of work, until the disk has it."""
    TURN = "turn"
    """One turn of the mailbox: deciding, the disk, laying it into memory."""
    SIGNAL_RECORDED = "signal_recorded"
    """From a signal's arrival to its commit."""
    SIGNAL_SENT = "signal_sent"
    """From a signal's arrival until its first order's request leaves."""
    ORDER_ANSWERED = "order_answered"
    """From an order's request to the venue's answer."""
    ORDER_FILLED = "order_filled"
    """From the making of a market order until it was filled whole."""
    QUEUE_WAIT = "queue_wait"
    """From the first queueing of a signal until it was promoted."""


class Meter(Protocol):
    def observe(self, stage: Stage, seconds: float) -> None:
        """Note one duration; it must be quick and never raise."""
        ...


class NoMeter:
    """For those who measure nothing."""

    def observe(self, stage: Stage, seconds: float) -> None:
        """Forget it."""
