"""Plays a scenario and tells how it fails."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from app.replay.model import Scenario, ScenarioError
from app.replay.output import to_json
from app.replay.runner import Moment, Replay, Runner, moments_of
from app.replay.simulation.chance import Document
from app.replay.virtual_loop import VirtualLoop, run

_NAMES = (
    (re.compile(r"^(after|before) step \d+( at [\d.]+)?: "), ""),
    (re.compile(r"\bzg[0-9a-z]{21}\b"), "an order"),
    (re.compile(r"\bg[0-9a-z]{7}\b"), "a group"),
    (re.compile(r"\b[A-Z]+/USDT(:USDT)?"), "a market"),
    (re.compile(r"\b(long|short)\b"), "a side"),
    (re.compile(r"\ba\d\b"), "an account"),
    (re.compile(r"-?\d[\d.:T+-]*"), "n"),
)


UNLIKE = "a second replay of it shows something else"


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is the sentence without what differs from case to case: names, ids, numbers."""

    sentence: str

    @property
    def kind(self) -> str:
        kind = self.sentence
        for pattern, name in _NAMES:
            kind = pattern.sub(name, kind)
        return kind


@dataclass(frozen=True, slots=True)
class Played:
    """`scenario` is what was played, without the steps that nothing answered to; `output` what a replay of it shows."""

    scenario: Document
    failures: tuple[Failure, ...]
    output: str

    def fails_as(self, kind: str) -> Failure | None:
        return next((failure for failure in self.failures if failure.kind == kind), None)


def play(scenario: Document) -> Played:
    """Play it to its end. ScenarioError where it is none.

    A step that finds nothing it could be done to (`promote` where nothing waits) is left out.
    """
    parsed = parsed_from(scenario)
    idle: list[int] = []

    async def main(loop: VirtualLoop) -> Replay:
        return await _Player(parsed, loop, idle).run(moments_of(parsed, Path()))

    try:
        result = run(main)
    except ScenarioError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the engine lets out is what is sought
        return Played(scenario, (Failure(_sentence(error)),), "")
    steps = [step for number, step in enumerate(scenario["steps"]) if number not in idle]
    found = result.document["failed_checks"] + result.document["invariant_violations"]
    return Played({**scenario, "steps": steps}, tuple(map(Failure, found)), to_json(result.document))


def play_twice(scenario: Document) -> Played:
    """As `play`; it also fails where a second time shows something else."""
    first, second = play(scenario), play(scenario)
    if first == second:
        return first
    return Played(first.scenario, (*first.failures, Failure(UNLIKE)), first.output)


def parsed_from(scenario: Document) -> Scenario:
    """ScenarioError where the parts do not fit together, ValueError where one is wrong in itself."""
    parsed = Scenario.model_validate(scenario)
    for where, text in parsed.contradictions():
        raise ScenarioError(f"{'.'.join(map(str, where))}: {text}")
    return parsed


class _Player(Runner):
    """Leaves out the steps that cannot be carried out, and notes them in `idle`."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, idle: list[int]) -> None:
        super().__init__(scenario, loop)
        self._idle = idle

    def _raise_what_broke(self, moment: Moment) -> None:
        try:
            super()._raise_what_broke(moment)
        except ScenarioError:
            self._idle.append(moment.number)


def _sentence(error: Exception) -> str:
    """The error and where in the program it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "app" in Path(frame.filename).parts]
    place = f" in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{place}: {error}"
