"""`replay FILE [--json]`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import structlog

from app.replay.model import load_scenario
from app.replay.output import to_json, to_text
from app.replay.runner import replay


def add_replay(add: Any) -> None:
    command = add("replay", "run a scenario file through the engine under virtual time", run_replay)
    command.add_argument("file", type=Path)
    command.add_argument("--json", action="store_true", help="print one JSON object")


def run_replay(options: argparse.Namespace) -> int:
    """0 where every check and invariant held, 1 where not."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scenario = load_scenario(options.file)
    result = replay(scenario, options.file.parent)
    print(to_json(result.document) if options.json else to_text(result.document, result.timeline))
    return 0 if result.ok else 1
