"""Introduces the commands to each other: `python -m app`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.cli.main import AddCommand, main

NAMES = ("window", "serve", "demo", "replay", "simulate", "send", "secret", "token", "account")


def load(name: str) -> AddCommand:
    """Only what one command needs: engine, listeners and window take seconds to load."""
    match name:
        case "window" | "demo":
            from app.cli.window import add_demo, add_window

            return add_window if name == "window" else add_demo
        case "serve":
            from app.cli.serve import add_serve

            return add_serve
        case "replay" | "simulate":
            from app.replay.command import add_replay, add_simulate

            return add_replay if name == "replay" else add_simulate
        case "send":
            from app.cli.send import add_send

            return add_send
        case "secret" | "token":
            from app.cli.keys import add_secret, add_token

            return add_secret if name == "secret" else add_token
        case "account":
            from app.cli.accounts import add_account

            return add_account
    raise ValueError(f"there is no command {name}")


def run(arguments: Sequence[str]) -> int:
    """What one command line ends with."""
    return main(arguments, NAMES, load)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
