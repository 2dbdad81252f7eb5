"""Random scenarios hold the invariants; a rule that is broken on purpose is found, and its scenario made small."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.base.changing import changed
from app.domain import wanted
from app.engine.turn import Turn
from app.replay.model import parse_scenario
from app.replay.runner import Replay, replay
from app.replay.simulation import simulating
from app.replay.simulation.chance import Document
from app.replay.simulation.drawing import draw
from app.replay.simulation.playing import UNLIKE, Failure, Played, play, play_twice
from app.replay.simulation.shrinking import shrink
from app.replay.simulation.simulating import SeedPlayed, simulate
from app.replay.simulation.written import to_yaml
from app.replay.world import World

pytestmark = pytest.mark.expects_log_warnings


@pytest.mark.parametrize("seed", range(1, 21))
def test_a_drawn_scenario_holds_the_invariants(seed: int) -> None:
    assert play(draw(seed, 30)).failures == ()


def test_the_steps_are_shared_out_to_seed_after_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []

    def noted(seed: int, steps: int) -> Document:
        drawn.append((seed, steps))
        return draw(seed, 1)

    monkeypatch.setattr(simulating, "draw", noted)
    assert list(simulate(9, 130)) == [SeedPlayed(9), SeedPlayed(10), SeedPlayed(11)]
    assert drawn == [(9, 60), (10, 60), (11, 10)]


# ------------------------------------------------------------------ broken on purpose


@pytest.fixture
def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take-profits of double size."""
    rule = getattr(wanted, "limit_exits")  # noqa: B009 - it is not exported

    def twice(*args: Any) -> list[Any]:
        return [changed(wish, quantity=wish.quantity * 2) for wish in rule(*args)]

    monkeypatch.setattr(wanted, "limit_exits", twice)


@pytest.fixture
def endless_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that see no slot taken."""
    monkeypatch.setattr(Turn, "slots_used", lambda _: 0)


def first_failure(steps: int) -> SeedPlayed:
    return next(played for seed in count(3) for played in simulate(seed, steps) if played.failure)


def replayed(scenario: Document, folder: Path) -> Replay:
    return replay(parse_scenario(to_yaml(scenario), "smallest.yaml"), folder)


@pytest.mark.usefixtures("doubled")
def test_take_profits_of_double_size_are_found(tmp_path: Path) -> None:
    found = first_failure(steps=8)
    assert found.failure is not None
    assert "the take-profits of " in found.failure
    assert found.scenario is not None
    assert len(found.scenario["steps"]) <= 4
    assert replayed(found.scenario, tmp_path).document["invariant_violations"][0] == found.failure


@pytest.mark.usefixtures("endless_pool")
def test_a_pool_that_is_never_full_is_found(tmp_path: Path) -> None:
    found = first_failure(steps=15)
    assert found.failure is not None
    assert "slots" in found.failure
    assert found.scenario is not None
    assert len(found.scenario["steps"]) <= 4
    assert not replayed(found.scenario, tmp_path).ok


def test_a_kind_of_failure_is_made_small_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(scenario: Document) -> Played:
        return Played(scenario, (Failure(f"after step 1 at 0: {scenario['seed']} broke"),), "")

    monkeypatch.setattr(simulating, "play", failing)
    monkeypatch.setattr(simulating, "shrink", lambda played, _: played)
    first, last = simulate(1, 61)
    assert (first.scenario, first.like) == (draw(1, 60), None)
    assert last == SeedPlayed(2, "after step 1 at 0: 2 broke", None, like=1)


def test_what_the_engine_lets_out_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("one over nothing")

    monkeypatch.setattr(World, "set_quote", broken)
    [failure] = play(draw(1, 5)).failures
    assert failure.kind == "ZeroDivisionError in _do_price: one over nothing"


# ------------------------------------------------------------------ playing and shrinking


def test_a_kind_is_what_two_cases_have_in_common() -> None:
    first = Failure("after step 3 at 12.5: exits of g0000001 sell 3.2, 1 are open")
    second = Failure("before step 17 at 9: exits of g000000d sell 0.4, 0.11 are open")
    other = Failure("after step 3 at 12.5: 2 groups hold 1 slots")
    assert first.kind == second.kind == "exits of a group sell n, n are open"
    assert other.kind != first.kind


def test_a_step_that_finds_nothing_to_be_done_to_is_left_out() -> None:
    idle = {"at": "0", "command": {"promote": {}}}
    check = {"at": "1", "check": {"queue": []}}
    played = play({"name": "idle", "steps": [idle, check]})
    assert (played.failures, played.scenario["steps"]) == ((), [check])


def test_a_replay_that_differs_from_another_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = iter(["this", "that"])
    monkeypatch.setattr("app.replay.simulation.playing.play", lambda scenario: Played(scenario, (), next(outputs)))
    assert play_twice({"steps": []}).failures == (Failure(UNLIKE),)


def test_what_is_left_fails_in_the_same_way() -> None:
    """A check that fails needs nothing but itself; one that fails otherwise does not count."""
    wrong = {"at": "9", "check": {"queue": {"count": 3}}}
    other = {"at": "9", "check": {"findings": {"count": 3}}}
    scenario = draw(4, 12)
    played = play({**scenario, "steps": [*scenario["steps"][:12], {**other, "at": "1000"}, {**wrong, "at": "1000"}]})
    kind = next(failure.kind for failure in played.failures if "queue" in failure.sentence)
    smallest = shrink(played, kind)
    assert smallest.scenario == {"name": "seed 4", "steps": [{**wrong, "at": "0"}]}
    assert [failure.kind for failure in smallest.failures] == [kind]
