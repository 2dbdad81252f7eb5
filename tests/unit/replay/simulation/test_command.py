"""`simulate`: what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.__main__ import run
from app.replay import command
from app.replay.model import load_scenario
from app.replay.simulation.simulating import SeedPlayed

ROOT = Path(__file__).parents[4]
SMALL = {"name": "seed 3", "steps": [{"at": "0", "command": {"pause": {}}}]}
FAILED = SeedPlayed(3, "after step 1 at 0: it broke", SMALL)
AGAIN = SeedPlayed(4, "after step 9 at 5: it broke", None, like=3)


def simulated(*arguments: str) -> int:
    return run(["simulate", *arguments])


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> list[SeedPlayed]:
    """What the seeds come to."""
    results: list[SeedPlayed] = []

    def stand_in(_seed: int, _steps: int) -> Iterator[SeedPlayed]:
        yield from results

    monkeypatch.setattr(command, "simulate", stand_in)
    monkeypatch.setattr(command, "_silence", lambda: None)
    return results


def test_without_a_failure_it_ends_with_0(plays: list[SeedPlayed], capsys: pytest.CaptureFixture[str]) -> None:
    plays += [SeedPlayed(1), SeedPlayed(2)]
    assert simulated("--seed", "1", "--steps", "120") == 0
    printed = capsys.readouterr()
    assert printed.out == "# 120 steps, seeds 1 to 2: ok\n"
    assert printed.err == ""


def test_a_failing_seed_prints_a_scenario_to_replay(
    plays: list[SeedPlayed], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plays += [FAILED, AGAIN]
    assert simulated("--seed", "3", "--steps", "120") == 1
    printed = capsys.readouterr().out
    file = tmp_path / "printed.yaml"
    file.write_text(printed)
    assert load_scenario(file).name == "seed 3"
    assert [line for line in printed.splitlines() if line.startswith("#")] == [
        "# seed 3: after step 1 at 0: it broke",
        "# seed 4: after step 9 at 5: it broke",
        "# as seed 3",
        "# 120 steps, seeds 3 to 4: 2 failed",
    ]


def test_as_json_it_prints_one_object(plays: list[SeedPlayed], capsys: pytest.CaptureFixture[str]) -> None:
    plays += [FAILED, AGAIN, SeedPlayed(5)]
    assert simulated("--seed", "3", "--steps", "180", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["seed"], document["steps"], document["seeds"], document["ok"]) == (3, 180, 3, False)
    assert document["failures"][0] == {"seed": 3, "failure": FAILED.failure, "like": None, "scenario": SMALL}
    assert document["failures"][1]["like"] == 3


def test_progress_is_told_only_when_asked(plays: list[SeedPlayed], capsys: pytest.CaptureFixture[str]) -> None:
    plays += [SeedPlayed(1), FAILED]
    assert simulated("--seed", "1", "--steps", "9", "--log-level", "info") == 1
    assert capsys.readouterr().err == "seed 1: ok\nseed 3: after step 1 at 0: it broke\n"


@pytest.mark.parametrize(
    "arguments", [(), ("--seed", "1"), ("--seed", "-1", "--steps", "5"), ("--seed", "1", "--steps", "0")]
)
def test_wrong_usage_ends_with_2(arguments: Sequence[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        simulated(*arguments)
    assert ended.value.code == 2


def test_the_real_command_prints_the_same_twice() -> None:
    call = [sys.executable, "-m", "app", "simulate", "--seed", "5", "--steps", "1"]
    runs = [subprocess.run(call, cwd=ROOT, capture_output=True, check=False) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0]
    assert runs[0].stdout == runs[1].stdout == b"# 1 steps, seeds 5 to 5: ok\n"
