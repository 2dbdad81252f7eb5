"""A drawn scenario as the file that a person reads and replays."""

from __future__ import annotations

from typing import Any

import yaml

from app.replay.simulation.chance import Document


def to_yaml(scenario: Document) -> str:
    """One line a part, and one a step."""
    lines = [f"{key}: {_flow(value)}" for key, value in scenario.items() if key != "steps"]
    lines += ["steps:", *(f"  - {_flow(step)}" for step in scenario["steps"])]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True)
    return str(written).removesuffix("\n").removesuffix("\n...")
