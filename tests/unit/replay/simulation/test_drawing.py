"""A seed is a scenario: always the same one, always one that can be replayed."""

from __future__ import annotations

import pytest

from app.base.config import parse_config
from app.replay.model import parse_scenario
from app.replay.simulation.drawing import draw
from app.replay.simulation.playing import parsed_from
from app.replay.simulation.written import to_yaml

SEEDS = range(1, 201)


def test_a_seed_draws_the_same_scenario_again() -> None:
    assert draw(7, 60) == draw(7, 60)
    assert draw(7, 60) != draw(8, 60)


def test_with_fewer_steps_a_seed_begins_the_same() -> None:
    assert draw(7, 60)["steps"][:25] == draw(7, 25)["steps"][:25]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_written_is_read_as_what_was_drawn(seed: int) -> None:
    assert parse_scenario(to_yaml(draw(seed, 60)), "drawn.yaml") == parsed_from(draw(seed, 60))


def test_every_drawn_scenario_is_valid() -> None:
    for seed in SEEDS:
        scenario = parsed_from(draw(seed, 60))
        parse_config(scenario.document())


def test_everything_that_can_happen_is_drawn() -> None:
    steps = [step for seed in SEEDS for step in draw(seed, 60)["steps"]]
    kinds = {kind for step in steps for kind in step} - {"at"}
    assert kinds == {"signal", "price", "prices", "book", "command", "venue", "fault", "crash"}
    commands = {name for step in steps for name in step.get("command", ())}
    assert len(commands) == 22
    assert {name for step in steps for name in step.get("venue", ())} == {
        "place_order", "cancel_order", "close_position", "liquidate", "adl", "funding",
    }  # fmt: skip
    assert any("webhook" in step["signal"] for step in steps if "signal" in step)


def test_no_float_is_drawn() -> None:
    def floats(tree: object) -> bool:
        if isinstance(tree, dict):
            return any(map(floats, tree.values()))
        return any(map(floats, tree)) if isinstance(tree, list) else isinstance(tree, float)

    assert not any(floats(draw(seed, 60)) for seed in SEEDS)
