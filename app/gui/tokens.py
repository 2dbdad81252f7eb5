"""The design's tokens, read once: colours of both themes, type scale, sizes, strokes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.gui.resources import resource


@dataclass(frozen=True, slots=True)
class TypeRole:
    """`size` and `line` in logical pixels; `spacing` in em."""

    family: str
    size: int
    line: int
    weight: int
    spacing: float
    is_mono: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """`colors` by theme and name; `metrics` by dotted name: `size.row.default`, `space.4`, `stroke.hairline`."""

    colors: dict[str, dict[str, str]]
    roles: dict[str, TypeRole]
    metrics: dict[str, float]
    row_heights: dict[str, int]


@cache
def load_tokens() -> Tokens:
    document = json.loads(resource("tokens.json").read_text(encoding="utf-8"))
    families = document["type"]["family"]
    return Tokens(
        colors={
            theme: {name: entry["value"] for name, entry in entries.items()}
            for theme, entries in document["themes"].items()
        },
        roles={name: _role(entry, families) for name, entry in document["type"]["scale"].items()},
        metrics={
            f"{section}.{name}": value
            for section in ("space", "radius", "stroke", "size", "focus", "motion")
            for name, value in _numbers(document[section])
        }
        | {f"icon.{name}": float(value) for name, value in document["icons"]["draw_size"].items()},
        row_heights=document["size"]["row"],
    )


def _role(entry: dict[str, Any], families: dict[str, str]) -> TypeRole:
    family = entry.get("family", "ui")
    return TypeRole(
        families[family], entry["size"], entry["line"], entry["weight"], entry.get("spacing", 0.0), family == "mono"
    )


def _numbers(section: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in section.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            found.append((f"{prefix}{name}", value))
    return found
