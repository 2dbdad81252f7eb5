"""Introduces the commands to each other: `python -m app`."""

from __future__ import annotations

import sys

from app.cli.main import main
from app.replay.command import add_replay, add_simulate

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], extra=(add_replay, add_simulate)))
