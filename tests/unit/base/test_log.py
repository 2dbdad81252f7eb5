"""What the log may hold."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

import pytest
import structlog

from app.base.log import set_up, tell_together

LOUD = ("ccxt.base.exchange", "aiohttp.client", "aiohttp.access")


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    set_up("debug", tmp_path)
    yield tmp_path / "ziggurat.log"
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


@pytest.mark.parametrize("name", LOUD)
def test_libraries_tell_nothing_of_their_requests_even_at_debug(log_file: Path, name: str) -> None:
    logging.getLogger(name).debug("GET https://x.example Request: {'X-MBX-APIKEY': 'thekey'}")
    logging.getLogger(name).info("GET https://x.example Request: {'X-MBX-APIKEY': 'thekey'}")
    logging.getLogger("app").debug("our own words")
    assert [json.loads(line)["event"] for line in log_file.read_text().splitlines()] == ["our own words"]


def test_a_signature_is_masked_wherever_it_stands(log_file: Path) -> None:
    error = ValueError("GET https://x.example/a?timestamp=1&signature=00ff00ff00ff")
    logging.getLogger("app").debug("broke", exc_info=error)
    text = log_file.read_text()
    assert "timestamp=1" in text
    assert "00ff" not in text


def test_what_is_told_together_is_one_record_and_a_line_each(log_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger().addHandler(caplog.handler)
    facts = [("order", "order.placed", {"price": "100"}), ("signal", "signal.queued", {"reason": "zgt_" + 40 * "a"})]
    tell_together("info", facts)
    assert len(caplog.records) == 1
    first, second = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert first.pop("timestamp") == second.pop("timestamp")
    assert first == {"price": "100", "level": "info", "event": "order.placed", "logger": "order"}
    assert second == {"reason": "••••", "level": "info", "event": "signal.queued", "logger": "signal"}


def test_what_is_below_the_level_is_not_told_together_either(log_file: Path) -> None:
    logging.getLogger().setLevel("INFO")
    tell_together("debug", [("order", "risk.checked", {})])
    assert log_file.read_text() == ""


@pytest.mark.expects_log_warnings
def test_a_library_that_tells_a_dictionary_is_told(log_file: Path) -> None:
    logging.getLogger("library").warning({"token": "abc"})
    assert json.loads(log_file.read_text())["event"] == "{'token': 'abc'}"


class Terminal(io.StringIO):
    """What is written to a screen, or to a file."""

    def __init__(self, *, is_screen: bool) -> None:
        super().__init__()
        self._is_screen = is_screen

    def isatty(self) -> bool:
        return self._is_screen


def shown(monkeypatch: pytest.MonkeyPatch, *, is_screen: bool) -> list[str]:
    """The lines of two records and a traceback on a console, without their times."""
    terminal = Terminal(is_screen=is_screen)
    monkeypatch.setattr("sys.stderr", terminal)
    set_up("info", None)
    log = structlog.get_logger("order")
    log.info("order.placed", price="100", reason="as it was wanted")
    log.error("broke", exc_info=ValueError("how"))
    return [re.sub("20[0-9]{2}-[^ ]+", "TIME", line) for line in terminal.getvalue().splitlines()]


@pytest.mark.expects_log_warnings
@pytest.mark.usefixtures("log_file")
def test_the_console_tells_in_plain_words_and_a_traceback_below(monkeypatch: pytest.MonkeyPatch) -> None:
    placed, broke, *traceback = shown(monkeypatch, is_screen=False)
    assert placed == "TIME [info    ] order.placed             [order] price=100 reason='as it was wanted'"
    assert broke == "TIME [error   ] broke                    [order]"
    assert traceback[-1] == "ValueError: how"


@pytest.mark.usefixtures("log_file")
@pytest.mark.parametrize("told", ["cooldown\nTIME\t[error]\tforged", ValueError("cooldown\nTIME\t[error]\tforged")])
def test_what_was_told_to_us_passes_for_no_line_of_its_own(monkeypatch: pytest.MonkeyPatch, told: object) -> None:
    terminal = Terminal(is_screen=False)
    monkeypatch.setattr("sys.stderr", terminal)
    set_up("info", None)
    structlog.get_logger("signal").info("signal.rejected", reason=told)
    (line,) = terminal.getvalue().splitlines()
    assert line.endswith(r"reason='cooldown\nTIME\t[error]\tforged'")


@pytest.mark.expects_log_warnings
@pytest.mark.usefixtures("log_file")
def test_on_a_screen_what_is_wrong_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    placed, broke, *traceback = shown(monkeypatch, is_screen=True)
    assert placed.startswith("TIME [info")
    assert broke.startswith("\x1b[31mTIME [error")
    assert traceback[-1] == "ValueError: how\x1b[0m"


def test_an_error_given_as_a_value_is_told_without_what_is_secret_in_it(log_file: Path) -> None:
    structlog.get_logger("system").info("broke", error=ValueError("zgt_" + 40 * "a"), least=Decimal("0.1"))
    line = json.loads(log_file.read_text())
    assert (line["error"], line["least"]) == ("••••", "0.1")


@pytest.mark.parametrize("kind", [TimedRotatingFileHandler, logging.StreamHandler])
def test_a_line_that_cannot_be_written_is_told_without_what_it_holds(
    log_file: Path, kind: type[logging.Handler], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise OSError(28, "No space left on device")

    handler = next(item for item in logging.getLogger().handlers if isinstance(item, kind))
    monkeypatch.setattr(handler, "format", fails)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    structlog.get_logger("system").info("a thing", token="zgt_" + 40 * "a", bearer="Bearer 0123456789")
    told = capsys.readouterr().err
    assert "No space left" in told
    assert "zgt_" not in told + log_file.read_text()
    assert "0123456789" not in told


def test_the_logs_of_every_day_are_their_owners_only(log_file: Path) -> None:
    (handler,) = (item for item in logging.getLogger().handlers if isinstance(item, TimedRotatingFileHandler))
    handler.doRollover()
    modes = {path.stat().st_mode & 0o777 for path in log_file.parent.iterdir()}
    assert (len(list(log_file.parent.iterdir())), modes) == (2, {0o600})
    assert log_file.parent.stat().st_mode & 0o777 == 0o700


def test_a_large_log_is_turned_over_and_nothing_of_the_day_is_lost(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.base.log.MOST_BYTES", 1)
    for number in range(4):
        logging.getLogger("app").debug("said %d", number)
    files = sorted(log_file.parent.iterdir())
    assert len(files) == 4
    assert sorted(json.loads(path.read_text())["event"] for path in files) == [f"said {number}" for number in range(4)]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_logs_are_kept_by_days_however_many_files_a_day_has(log_file: Path) -> None:
    (handler,) = (item for item in logging.getLogger().handlers if isinstance(item, TimedRotatingFileHandler))
    today = datetime.fromtimestamp(handler.rolloverAt - handler.interval, UTC).date()
    kept, gone = [today - timedelta(days=days) for days in (29, 30)]
    names = [f"ziggurat.log.{day}{number}" for day in (kept, gone) for number in ("", ".001", ".002")]
    for name in names:
        (log_file.parent / name).touch()
    handler.doRollover()
    left = {path.name for path in log_file.parent.iterdir()} - {"ziggurat.log", f"ziggurat.log.{today}"}
    assert left == set(names[:3])
