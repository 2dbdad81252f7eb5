"""Recorded signals read again, when they are acted on later than they came."""

from __future__ import annotations

from collections.abc import Callable

from app.base.changing import changed
from app.domain.placed import read_recorded
from app.domain.signal import Signal
from app.domain.values import ZERO
from app.messages.records import SignalRecord
from app.ports.secrets import WebhookKey

ReadRecord = Callable[[SignalRecord], Signal]
"""InvalidSignal where the record cannot be read."""
KeyNamed = Callable[[str], WebhookKey | None]


def record_reader(key_named: KeyNamed) -> ReadRecord:
    """A signal may still spend what its key may now: nothing where the key is gone."""

    def read(record: SignalRecord) -> Signal:
        signal = read_recorded(record.payload, record.source)
        if record.key_name is None:
            return signal
        key = key_named(record.key_name)
        return changed(signal, max_quote=ZERO if key is None else key.max_quote)

    return read
