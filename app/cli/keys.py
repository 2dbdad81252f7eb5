"""`secret` and `token`: keys for machines without a window, beside a running instance or without one."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.cli.asking import ask_running, default_data_dir

MOST_GRACE_HOURS = 8760
ROLES = ("viewer", "trader", "admin")


def add_secret(add: Any) -> None:
    command = add("secret", "show or rotate a webhook key (the secret is printed last)", _secret)
    command.add_argument("action", choices=("show", "rotate"))
    command.add_argument("--name", default=None, help="which key; the first one where not given")
    command.add_argument("--path-token", action="store_true", help="the public address's path token instead of a key")
    command.add_argument("--grace-hours", type=_hours, default=24.0, help="how long the old one stays valid")


def _hours(text: str) -> float:
    """From none to a year of them."""
    try:
        hours = float(text)
    except ValueError:
        hours = -1
    if not 0 <= hours <= MOST_GRACE_HOURS:
        raise argparse.ArgumentTypeError(f"hours are a number from 0 to {MOST_GRACE_HOURS}, not {text!r}")
    return hours


def add_token(add: Any) -> None:
    command = add("token", "create, list or revoke API tokens (a new token is printed last)", _token)
    command.add_argument("action", choices=("create", "list", "revoke"))
    command.add_argument("--name", default=None)
    command.add_argument("--role", choices=ROLES, default="viewer")


def perform(options: argparse.Namespace, command: str, arguments: Mapping[str, Any]) -> Any:
    """Have the running instance do it, else take the data directory's lock and do it here."""
    data_dir = options.data_dir or default_data_dir()
    answer = ask_running(data_dir, command, arguments)
    if answer is not None:
        return answer
    return asyncio.run(_perform_here(options, data_dir, command, arguments))


async def _perform_here(options: argparse.Namespace, data_dir: Path, command: str, arguments: Mapping[str, Any]) -> Any:
    from app.bootstrap.administering import administer  # noqa: PLC0415 - a running instance has loaded all this
    from app.bootstrap.settings import read_settings  # noqa: PLC0415 - as above
    from app.cli.control import commands_of  # noqa: PLC0415 - as above

    settings = read_settings(data_dir=data_dir, config_file=options.config, log_level=options.log_level)
    async with administer(settings) as administration:
        return await commands_of(administration)[command](arguments)


def _secret(options: argparse.Namespace) -> int:
    arguments = {"name": options.name, "path_token": options.path_token, "grace_hours": options.grace_hours}
    print(perform(options, f"secret {options.action}", arguments))
    return 0


def _token(options: argparse.Namespace) -> int:
    if options.action != "list" and not options.name:
        print("ziggurat: --name is needed", file=sys.stderr)
        return 2
    answer = perform(options, f"token {options.action}", {"name": options.name, "role": options.role})
    if options.action == "list":
        for item in answer:
            used = item["last_used_at"] or "never"
            print(f"{item['name']}  {item['role']}  created {item['created_at']}  last used {used}")
    else:
        print(answer)
    return 0
