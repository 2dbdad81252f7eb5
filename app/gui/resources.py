"""Where the bundled files lie: beside the sources, or inside a packaged build."""

from __future__ import annotations

import sys
from pathlib import Path


def resource(*parts: str) -> Path:
    """A file of `resources/`."""
    packaged = getattr(sys, "_MEIPASS", None)
    root = Path(packaged) if packaged else Path(__file__).parents[2]
    return root.joinpath("resources", *parts)
