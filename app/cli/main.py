"""Reads the command line and runs one command. Exit status: 0 fine, 1 a finding or failure, 2 usage."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app import __version__
from app.base.errors import AppError

AddCommand = Callable[[Any], None]


def main(arguments: Sequence[str], names: Sequence[str], load: Callable[[str], AddCommand]) -> int:
    """Run the command that `arguments` name, the only one to be loaded; errors are one sentence on stderr."""
    given = _with_command(arguments)
    options = _parser([load(name) for name in _wanted(given[0], names)]).parse_args(given)
    try:
        return int(options.run(options))
    except AppError as error:
        print(f"ziggurat: {error}", file=sys.stderr)
        if options.debug:
            traceback.print_exc()
        return getattr(error, "exit_status", 1)
    except KeyboardInterrupt:
        return 1


def _with_command(arguments: Sequence[str]) -> list[str]:
    """Without a command the window is meant; `--help` and `--version` stay everybody's."""
    given = list(arguments)
    if given and (not given[0].startswith("-") or given[0] in {"-h", "--help", "--version"}):
        return given
    return ["window", *given]


def _wanted(first: str, names: Sequence[str]) -> Sequence[str]:
    """The command that is asked for; all of them where it must be said what there is."""
    if first == "--version":
        return ()
    return (first,) if first in names else names


def _parser(adding: Sequence[AddCommand]) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data-dir", type=Path, default=None, help="where everything is kept")
    shared.add_argument("--config", type=Path, default=None, help="configuration file instead of the data directory's")
    shared.add_argument("--log-level", default=None, choices=("debug", "info", "warning", "error"))
    shared.add_argument("--debug", action="store_true", help="show where an error came from")
    parser = argparse.ArgumentParser(
        prog="python -m app", description="Executes TradingView alerts on crypto exchanges."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(run=None, debug=False)
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, help_text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text, parents=[shared])
        command.set_defaults(run=run)
        return command

    for add_command in adding:
        add_command(add)
    return parser
