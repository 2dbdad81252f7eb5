"""The log says what happened and why, with ids to find it by."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.base.clock import system_clock
from app.base.log import set_level, set_up
from app.bootstrap.event_log import GATHERED_SEC, EventLog
from app.messages.records import EventRecord
from tests.integration.serving.conftest import Running
from tests.support.clock import ManualClock
from tests.support.fakes import until

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    set_level("warning")


def lines(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "ziggurat.log").read_text().splitlines()]


async def written(directory: Path, *types: str) -> list[dict[str, Any]]:
    set_up("info", directory)
    event_log = EventLog(system_clock())
    event_log.start()
    for number, name in enumerate(types):
        event = EventRecord(number, NOON, name, "main", "SOL/USDT", "g1", "s1", "o1", {"reason": "cooldown"})
        event_log.on_event(event)
    await event_log.stop()
    return lines(directory)


async def test_an_event_is_a_line_with_its_ids_and_its_reason(tmp_path: Path) -> None:
    (line,) = await written(tmp_path, "signal.rejected")
    del line["timestamp"]
    assert line == {
        "event": "signal.rejected",
        "happened_at": NOON.isoformat(),
        "account": "main",
        "symbol": "SOL/USDT",
        "group": "g1",
        "signal": "s1",
        "order": "o1",
        "reason": "cooldown",
        "level": "info",
        "logger": "signal",
    }


async def test_events_are_in_order_each_in_its_category_and_what_says_little_is_left_out(tmp_path: Path) -> None:
    types = ["order.filled", "position.updated", "ess.tripped", "reconcile.finding", "account.stale", "risk.checked"]
    told = [(line["logger"], line["event"]) for line in await written(tmp_path, *types)]
    assert told == [
        ("order", "order.filled"),
        ("risk", "ess.tripped"),
        ("order", "reconcile.finding"),
        ("engine", "account.stale"),
    ]


async def test_a_line_waits_for_others_for_a_moment_and_not_for_the_end(tmp_path: Path) -> None:
    set_up("info", tmp_path)
    clock = ManualClock()
    event_log = EventLog(clock)
    event_log.start()
    for number in range(3):
        event_log.on_event(EventRecord(number, NOON, "order.placed", "main", "SOL/USDT", "g1", "s1", "o1", {}))
    await clock.advance(GATHERED_SEC / 2)
    assert lines(tmp_path) == []
    await clock.advance(GATHERED_SEC / 2)
    await until(lambda: len(lines(tmp_path)) == 3)
    await event_log.stop()


@pytest.mark.usefixtures("running")
async def test_while_lines_are_written_the_loop_has_the_interpreter_back_within_a_millisecond() -> None:
    assert sys.getswitchinterval() == pytest.approx(0.001)


async def test_a_refused_signal_is_in_the_log_with_its_id_and_why(running: Running) -> None:
    set_level("info")
    answer = await running.send(running.message(age_sec=500))
    await running.application.stop(2)

    (told,) = [
        line for line in lines(running.application.settings.data_dir / "logs") if line["event"] == "signal.rejected"
    ]
    assert told["signal"] == answer.json()["signal_id"]
    assert told["reason"] == "stale"
    assert re.fullmatch(r"the signal is \d+ s old, at most 60 s are taken", told["detail"])
