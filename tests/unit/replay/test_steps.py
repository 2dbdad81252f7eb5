"""A step that cannot be carried out ends the replay, with its number; it is never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.replay.model import ScenarioError, parse_scenario
from app.replay.runner import replay

HEAD = """name: broken
markets: {"SOL/USDT:USDT": {tick_size: "0.01", step_size: "0.001", min_qty: "0.001", min_notional: "5", price: "200"}}
steps:
"""


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("{at: 1, command: {frobnicate: {}}}", "step 1 at 1: the command frobnicate is not known"),
        ("{at: 2, command: {config: {pool: {max_open_groups: none}}}}", "step 1 at 2: pool.max_open_groups"),
        ("{at: 3, command: {config: {nonsense: 1}}}", "step 1 at 3: nonsense"),
    ],
)
def test_a_command_that_cannot_be_done_is_an_error_that_names_its_step(step: str, sentence: str) -> None:
    scenario = parse_scenario(f"{HEAD}  - {step}\n", "broken.yaml")
    with pytest.raises(ScenarioError) as raised:
        replay(scenario, Path())
    assert str(raised.value).startswith(sentence)


def test_virtual_time_is_a_number() -> None:
    document = replay(
        parse_scenario(f"{HEAD}  - {{at: 30, check: {{groups: {{count: 0}}}}}}\n", "x.yaml"), Path()
    ).document
    assert document["stats"]["virtual_seconds"] == 30
    assert isinstance(document["stats"]["virtual_seconds"], int)
