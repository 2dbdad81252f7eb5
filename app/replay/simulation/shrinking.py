"""Makes a failing scenario small: what can be left out without changing the kind of failure is left out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from app.replay.parts import ScenarioError
from app.replay.simulation.chance import Document, text
from app.replay.simulation.playing import UNLIKE, Played, play, play_twice

MOST_PLAYS = 400
"""Of scenarios that can be played; it bounds the time that is spent on one failure."""
Path = tuple[str | int, ...]


def shrink(played: Played, kind: str) -> Played:
    """A scenario that fails as `kind` does and of which no single step can be left out; `played` fails so."""
    return _Shrinker(played, kind).smallest()


class _Shrinker:
    def __init__(self, played: Played, kind: str) -> None:
        self._best = played
        self._kind = kind
        self._play = play_twice if kind == UNLIKE else play
        self._plays = 0

    def smallest(self) -> Played:
        size = -1
        while size != _size(self._best.scenario) and self._plays < MOST_PLAYS:
            size = _size(self._best.scenario)
            self._drop_steps()
            self._drop_parts()
            self._hurry()
            self._round()
        return self._best

    def _fails(self, scenario: Document) -> bool:
        """Whether it fails so too; then it is the best."""
        if self._plays >= MOST_PLAYS:
            return False
        try:
            played = self._play(scenario)
        except (ScenarioError, ValueError):
            return False
        self._plays += 1
        if played.fails_as(self._kind) is None:
            return False
        self._best = played
        return True

    def _drop_steps(self) -> None:
        """Halves first, then ever smaller runs of steps, singly at last."""
        length = max(len(self._best.scenario["steps"]) // 2, 1)
        while length:
            start = 0
            while start < len(self._best.scenario["steps"]):
                steps = self._best.scenario["steps"]
                if not self._fails({**self._best.scenario, "steps": steps[:start] + steps[start + length :]}):
                    start += length
            length //= 2

    def _drop_parts(self) -> None:
        """Accounts, markets, settings, and the words of steps; what holds several is tried before what is in it."""
        for path in list(_paths(self._best.scenario)):
            is_whole_step = path[0] == "steps" and len(path) <= 3
            if path != ("name",) and not is_whole_step:
                self._drop(path)

    def _drop(self, path: Path) -> None:
        scenario = copy.deepcopy(self._best.scenario)
        *way, key = path
        with suppress(KeyError, IndexError, TypeError):  # what was dropped before has taken the place along
            del _at(scenario, way)[key]
            self._fails(scenario)

    def _round(self) -> None:
        """Have one digit of a number do."""
        for path in list(_paths(self._best.scenario)):
            if path[0] in {"markets", "config", "steps"} and path[-1] != "at":
                self._replace(path, _rounded)

    def _replace(self, path: Path, other: Callable[[Any], Any]) -> None:
        scenario = copy.deepcopy(self._best.scenario)
        *way, key = path
        with suppress(KeyError, IndexError, TypeError):  # what was dropped before has taken the place along
            holder = _at(scenario, way)
            if (value := other(holder[key])) != holder[key]:
                holder[key] = value
                self._fails(scenario)

    def _hurry(self) -> None:
        """Have a step follow at once upon the one before, and all after it so much earlier."""
        for number in range(len(self._best.scenario["steps"])):
            steps = self._best.scenario["steps"]
            times = [Decimal(0), *(Decimal(step["at"]) for step in steps)]
            if number < len(steps) and (pause := times[number + 1] - times[number]):
                later = [{**step, "at": text(Decimal(step["at"]) - pause)} for step in steps[number:]]
                self._fails({**self._best.scenario, "steps": steps[:number] + later})


def _rounded(value: Any) -> Any:
    """A number written as text, to one significant digit; what is none stays."""
    if not isinstance(value, str):
        return value
    with suppress(InvalidOperation):
        return text(Decimal(f"{Decimal(value):.1g}"))
    return value


def _at(tree: Any, way: Iterable[Any]) -> Any:
    for key in way:
        tree = tree[key]
    return tree


def _paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """All places in `tree`, each holder before what it holds, lists from their end so that indices stay right."""
    keys: list[Any] = []
    if isinstance(tree, dict):
        keys = list(tree)
    if isinstance(tree, list):
        keys = list(reversed(range(len(tree))))
    for key in keys:
        yield (*path, key)
        yield from _paths(tree[key], (*path, key))


def _size(tree: Any) -> int:
    return sum(1 for _ in _paths(tree))
