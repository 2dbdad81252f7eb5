"""`replay FILE [--json]` and `simulate --seed N --steps M [--json]`."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

from app.replay.model import load_scenario
from app.replay.output import to_json, to_text
from app.replay.runner import replay
from app.replay.simulation.simulating import SeedPlayed, simulate
from app.replay.simulation.written import to_yaml


def add_replay(add: Any) -> None:
    command = add("replay", "run a scenario file through the engine under virtual time", run_replay)
    command.add_argument("file", type=Path)
    command.add_argument("--json", action="store_true", help="print one JSON object")


def add_simulate(add: Any) -> None:
    command = add("simulate", "play random scenarios and print a minimal one for each way to fail", run_simulate)
    command.add_argument("--seed", type=_not_negative, required=True, help="the first seed; others follow it")
    command.add_argument("--steps", type=_positive, required=True, help="random steps in all, at most 60 of each seed")
    command.add_argument("--json", action="store_true", help="print one JSON object")


def run_replay(options: argparse.Namespace) -> int:
    """0 where every check and invariant held, 1 where not."""
    _silence()
    scenario = load_scenario(options.file)
    result = replay(scenario, options.file.parent)
    print(to_json(result.document) if options.json else to_text(result.document, result.timeline))
    return 0 if result.ok else 1


def run_simulate(options: argparse.Namespace) -> int:
    """0 where no seed failed, 1 where one did. With `--log-level info` stderr tells of each seed."""
    _silence()
    played = _told(simulate(options.seed, options.steps), options.log_level in {"debug", "info"})
    if options.json:
        every = list(played)
        print(json.dumps(_document(options, every), ensure_ascii=False, indent=1))
    else:
        every = [_printed(seed) for seed in played]
        print(f"# {_summary(options, every)}")
    return 1 if any(seed.failure for seed in every) else 0


def _silence() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _told(played: Iterable[SeedPlayed], aloud: bool) -> Iterable[SeedPlayed]:
    for seed in played:
        if aloud:
            print(f"seed {seed.seed}: {seed.failure or 'ok'}", file=sys.stderr, flush=True)
        yield seed


def _printed(played: SeedPlayed) -> SeedPlayed:
    """Comments but for the scenario, so that the output of one seed is a file to replay."""
    if played.failure is not None:
        print(f"# seed {played.seed}: {' '.join(played.failure.split())}")
    if played.scenario is not None:
        print(to_yaml(played.scenario), end="", flush=True)
    elif played.like is not None:
        print(f"# as seed {played.like}", flush=True)
    return played


def _summary(options: argparse.Namespace, every: list[SeedPlayed]) -> str:
    failed = sum(seed.failure is not None for seed in every)
    return f"{options.steps} steps, seeds {options.seed} to {every[-1].seed}: {f'{failed} failed' if failed else 'ok'}"


def _document(options: argparse.Namespace, every: list[SeedPlayed]) -> dict[str, Any]:
    failed = [seed for seed in every if seed.failure is not None]
    return {
        "seed": options.seed,
        "steps": options.steps,
        "seeds": len(every),
        "ok": not failed,
        "failures": [
            {"seed": seed.seed, "failure": seed.failure, "like": seed.like, "scenario": seed.scenario}
            for seed in failed
        ],
    }


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number
