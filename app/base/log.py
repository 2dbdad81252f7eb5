"""Structured logs: JSON lines in a file, readable lines on the console, and no secret in either."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
import time
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from app.base.masking import SHORTEST, masked
from app.base.secret import Secret

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler

Event = MutableMapping[str, Any]
Render = Callable[[Event], str]
MASK = "••••"
MOST_BYTES = 50_000_000
"""Of one file."""
_SECRET_NAMES = re.compile(r"secret|token|password|passphrase|signature|authorization|api_?key", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"zgt_[A-Za-z0-9_-]{16,}|(?<=tradingview/)[A-Za-z0-9_-]{20,}|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=signature=)[A-Za-z0-9._~+/%-]{8,}"
)
_stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)
_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Lines(list[Event]):
    """What a record says that needs no more than to be rendered: one line or several."""


def redact(value: Any, name: str = "") -> Any:
    """`value` without secrets and control characters, as a log line may hold it."""
    if isinstance(value, str):
        return MASK if value and _names_a_secret(name) else _redacted(value)
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value if value is None or isinstance(value, int | float) else _redacted(str(value))


@lru_cache(1024)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _redacted(text: str) -> str:
    shown = text if len(text) < SHORTEST else masked(_SECRET_TEXTS.sub(MASK, text))
    return shown if shown.isprintable() else _UNSEEN.sub("", shown)


def _redacting(_: Any, __: str, event: Event) -> Event:
    for name in list(event):
        if name not in {"_record", "_from_structlog", "exc_info"}:
            event[name] = redact(event[name], name)
    return event


def set_up(level: str, directory: Path | None, keep_days: int = 30) -> None:
    """Send every record to the console and, with a `directory`, to a file that is turned over each day."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamped,
        structlog.processors.format_exc_info,  # as text, without the values of locals
        _redacting,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, lambda _, __, event: ((Lines([event]),), {})],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handlers: list[logging.Handler] = [_console(shared)]
    if directory is not None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        handlers.append(_file(directory / "ziggurat.log", shared, keep_days))
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    # At debug ccxt and aiohttp tell every request with its key and its signature.
    for chatty in ("alembic", "uvicorn", "ccxt", "aiohttp"):
        logging.getLogger(chatty).setLevel("WARNING")


def set_level(level: str) -> None:
    """From now on."""
    logging.getLogger().setLevel(level.upper())


def tell_together(level: str, facts: Iterable[tuple[str, str, Event]]) -> None:
    """A line for each (logger, event, what more is known): one record, for what `logging` does around one takes longer
    than its line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    log = logging.getLogger()
    if not log.isEnabledFor(number):
        return
    common = _stamped(None, "", {"level": level})
    lines = [redact({**known, **common, "event": event, "logger": logger}) for logger, event, known in facts]
    log.handle(logging.LogRecord("root", number, "", 0, Lines(lines), None, None))


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """What we tell is ready and only rendered; what libraries tell goes first the way that ours has gone."""

    def __init__(self, shared: list[Any], render: Render) -> None:
        def rendered(_: Any, __: str, event: Event) -> str:
            return render(event)

        super().__init__(foreign_pre_chain=shared, processors=[self.remove_processors_meta, rendered])
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        told: object = record.msg
        if isinstance(told, Lines):
            return "\n".join([self._render(dict(line)) for line in told])
        return super().format(record)


def _readable(event: Event) -> str:
    begun = f"{event.pop('timestamp')} [{event.pop('level'):<8}] {event.pop('event'):<24} [{event.pop('logger')}]"
    traceback = event.pop("exception", None)
    told = " ".join([begun, *[f"{name}={_shown(value)}" for name, value in event.items()]])
    return told if traceback is None else f"{told}\n{traceback}"


def _shown(value: Any) -> str:
    """In quotes where it could pass for more than one value, or for another line."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


def _coloured(event: Event) -> str:
    colour = _COLOURS.get(event["level"])
    return _readable(event) if colour is None else f"{colour}{_readable(event)}{_PLAIN}"


_as_json = json.JSONEncoder(default=str).encode


class _Discreet(logging.Handler):
    """Tells that a record could not be written, without the record: it may not be redacted yet."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - its name and argument there
        with suppress(OSError, ValueError, AttributeError):  # the terminal may be gone, or there is none
            sys.stderr.write(f"ziggurat: a log line could not be written: {redact(repr(sys.exc_info()[1]))}\n")


class _Console(_Discreet, _StreamHandler):
    pass


def _console(shared: list[Any]) -> logging.Handler:
    handler = _Console(sys.stderr)
    handler.setFormatter(_Formatter(shared, _coloured if sys.stderr.isatty() else _readable))
    return handler


class _PrivateFile(_Discreet, logging.handlers.TimedRotatingFileHandler):
    """Its owner's only, turned over each day and when it is large; `backupCount` counts days."""

    def _open(self) -> Any:
        file = super()._open()
        Path(self.baseFilename).chmod(0o600)
        return file

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - its name there
        is_large = self.stream is not None and self.stream.tell() >= MOST_BYTES
        return is_large or bool(super().shouldRollover(record))

    def rotation_filename(self, default_name: str) -> str:
        """The day's name, with a number where the day has a file already."""
        numbered = (f"{default_name}.{number:03}" for number in count(1))
        return next(name for name in chain([default_name], numbered) if not Path(name).exists())

    def getFilesToDelete(self) -> list[str]:  # noqa: N802 - its name there
        base = Path(self.baseFilename)
        oldest = time.strftime(self.suffix, time.gmtime(self.rolloverAt - self.backupCount * self.interval))
        return [str(path) for path in base.parent.glob(f"{base.name}.*") if path.name[len(base.name) + 1 :] < oldest]


def _file(path: Path, shared: list[Any], keep_days: int) -> logging.Handler:
    handler = _PrivateFile(path, when="midnight", utc=True, backupCount=keep_days)
    handler.setFormatter(_Formatter(shared, _as_json))
    return handler
