"""Every scenario file passes, twice the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.replay.model import load_scenario
from app.replay.output import to_json
from app.replay.runner import replay

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "scenarios"
OWN_FILES = sorted(HERE.glob("*.yaml"))
SHARED_FILES = sorted(SHARED.glob("*.yaml"))


def test_there_are_scenarios() -> None:
    assert len(OWN_FILES) >= 15


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("file", OWN_FILES, ids=lambda file: file.stem)
def test_scenario_passes_and_replays_to_the_same_bytes(file: Path) -> None:
    scenario = load_scenario(file)
    first, second = replay(scenario, HERE), replay(scenario, HERE)

    assert first.document["failed_checks"] == []
    assert first.document["invariant_violations"] == []
    assert to_json(first.document) == to_json(second.document)


@pytest.mark.expects_log_warnings
@pytest.mark.skipif(not SHARED.is_dir(), reason="the specification's examples are not beside this checkout")
@pytest.mark.parametrize("file", SHARED_FILES, ids=lambda file: file.stem)
def test_example_of_the_specification_passes(file: Path) -> None:
    assert replay(load_scenario(file), SHARED).ok
