"""Remembers every log record of WARNING or above, whatever handlers, levels or propagation the code under test sets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def watching() -> Iterator[list[str]]:
    seen: list[str] = []
    call_handlers = logging.Logger.callHandlers

    def remember(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            seen.append(f"{record.levelname} {record.name}: {record.getMessage()}")
        call_handlers(logger, record)

    with mock.patch.object(logging.Logger, "callHandlers", remember):
        yield seen
