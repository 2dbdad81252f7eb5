"""`account`: add, list, test, limit, arm, disarm, settle and remove accounts. Secrets are never arguments."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from app.accounts.keys import LABELS, fields_of
from app.base.config.groups import AccountConfig, VenueName
from app.base.errors import AppError
from app.cli.keys import perform
from app.domain.arming import LIMITS

ACTIONS = ("add", "list", "test", "limits", "arm", "disarm", "foreign", "accept-difference", "remove")
CHOICES = ("ignore", "adopt")
VENUES = get_args(VenueName)
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NO_STOP = "none"
_MARKS: Mapping[object, str] = {True: "yes", False: "no", None: "unknown"}


class NotArmed(AppError):
    """What was typed is not what was asked for, or settings are missing."""


def add_account(add: Any) -> None:
    command = add("account", "add, list, test, limit, arm, disarm, settle or remove accounts at exchanges", run)
    command.add_argument("action", choices=ACTIONS)
    command.add_argument(
        "id", nargs="?", default=None, help="name of the account, for every action but list and limits"
    )
    command.add_argument(
        "choice", nargs="?", choices=CHOICES, default=None, help="what foreign does with another instance's orders"
    )
    command.add_argument("--venue", choices=VENUES, default=None)
    command.add_argument("--market-type", choices=("spot", "linear"), default="linear")
    command.add_argument("--environment", choices=("testnet", "live"), default=None, help="not for paper")
    command.add_argument("--allow-symbol", action="append", default=None, help="a market that may be entered; repeat")
    for name in LIMITS:
        command.add_argument(_option(name), dest=name, default=None, metavar="QUOTE", help="what limits sets")
    command.add_argument("--no-test", action="store_true", help="keep the keys without asking the exchange about them")
    command.add_argument(
        "--allow-withdrawal",
        action="store_true",
        help="accept keys that may withdraw: whoever gets hold of them can take all the money away",
    )
    command.add_argument(
        "--same-account",
        action="store_true",
        help="the new keys are of the same account at the exchange: they are taken while groups are open on it",
    )


def run(options: argparse.Namespace) -> int:
    wrong = _misuse(options)
    if wrong:
        print(f"ziggurat: {wrong}", file=sys.stderr)
        return 2
    return _RUN[options.action](options)


def _misuse(options: argparse.Namespace) -> str | None:
    """What is wrong with the command line, as a sentence; None where it can be carried out."""
    if options.choice is not None and options.action != "foreign":
        return f"{options.choice} is a choice of `account foreign` only"
    if options.action != "limits" and _limits(options):
        return f"{', '.join(map(_option, _limits(options)))} is for `account limits` only"
    if options.action in {"list", "limits"}:
        return f"`account {options.action}` takes no name: {options.id}" if options.id else None
    if not options.id:
        return "the account's name is needed"
    if options.action == "foreign" and options.choice is None:
        return "ignore or adopt is needed"
    return _wrong_settings(options) if options.action == "add" else None


def _wrong_settings(options: argparse.Namespace) -> str | None:
    """Told before keys are asked for."""
    if not ID.fullmatch(options.id):
        return (
            f"{options.id!r} cannot be an account's name: small letters, digits, - and _, at most 32, the first a "
            "letter or a digit"
        )
    needed = [name for name in ("venue", "environment") if not _settings(options)[name]]
    if needed:
        return " and ".join(f"--{name}" for name in needed) + (" is needed" if len(needed) == 1 else " are needed")
    from app.accounts.venues import why_not  # noqa: PLC0415 - what trades is loaded for this alone

    try:
        return why_not(AccountConfig.model_validate(_settings(options)))
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "id": options.id,
        "venue": options.venue,
        "market_type": options.market_type,
        "environment": options.environment or ("paper" if options.venue == "paper" else None),
        "allowed_symbols": options.allow_symbol,
    }


def _list(options: argparse.Namespace) -> int:
    rows = perform(options, "account list", {})
    print(_table(rows) if rows else "there are no accounts; add one with `account add`")
    return 0


def _add(options: argparse.Namespace) -> int:
    arguments = {
        "settings": _settings(options),
        "keys": {} if options.venue == "paper" else _asked_keys(options.venue),
        "with_test": not options.no_test,
        "allow_withdrawal": options.allow_withdrawal,
        "is_same": options.same_account,
    }
    answer = perform(options, "account add", arguments)
    if answer["report"] is not None:
        print(_report(answer["report"]))
    print(answer["detail"])
    return 0


def _asked_keys(venue: str) -> dict[str, str]:
    """From the terminal without echo, else from standard input, one a line."""
    fields = fields_of(venue)
    if sys.stdin.isatty():
        return {name: getpass.getpass(f"{LABELS[name]}: ") for name in fields}
    lines = sys.stdin.read().splitlines()
    return dict(zip(fields, lines, strict=False))


def _limits(options: argparse.Namespace) -> dict[str, str]:
    return {name: given for name in LIMITS if (given := getattr(options, name)) is not None}


def _option(limit: str) -> str:
    return f"--{limit.removesuffix('_quote').replace('_', '-')}"


def _set_limits(options: argparse.Namespace) -> int:
    """Set those that are given, and show them all."""
    for name, most in perform(options, "account limits", {"limits": _limits(options)}).items():
        print(f"risk.{name}  {most or 'not set'}")
    return 0


def _test(options: argparse.Namespace) -> int:
    report = perform(options, "account test", {"id": options.id})
    print(_report(report))
    may_trade, may_withdraw = report["may_trade"], report["may_withdraw"]
    is_known = report["reachable"]["value"] and not (may_trade["failed"] or may_withdraw["failed"])
    return 0 if is_known and may_trade["value"] is not False and not may_withdraw["value"] else 1


def _arm(options: argparse.Namespace) -> int:
    plan = perform(options, "account plan", {"id": options.id})
    print(f"worst case: {plan['worst_case']}")
    if plan["watched_stops"]:
        print(plan["watched_stops"])
    if plan["missing"]:
        named = ", ".join(plan["missing"])
        raise NotArmed(f"to arm {options.id}, set {named}; `account limits` sets those of risk")
    name = _typed(f"{options.id} will trade with real money. Type its name to arm it: ")
    stop = ""
    if plan["without_stop"]:
        stop = _typed(f"A grid of it has no stop: a fall is never cut short. Type {NO_STOP} to accept that: ")
    print(perform(options, "account arm", {"id": options.id, "typed_name": name, "typed_stop": stop}))
    return 0


def _typed(question: str) -> str:
    print(question, end="", flush=True)
    return sys.stdin.readline().strip()


def _disarm(options: argparse.Namespace) -> int:
    print(perform(options, "account disarm", {"id": options.id}))
    return 0


def _foreign(options: argparse.Namespace) -> int:
    if options.choice == "adopt" and sys.stdin.isatty():
        from app.engine.holds import ADOPTING  # noqa: PLC0415 - as above

        print(f"They will count as this instance's: {ADOPTING}. Right only where the other instance is gone for good.")
        if _typed("Type adopt to do it: ") != "adopt":
            raise NotArmed("nothing was changed")
    print(perform(options, "account foreign", {"id": options.id, "choice": options.choice}))
    return 0


def _accept_difference(options: argparse.Namespace) -> int:
    print(perform(options, "account accept-difference", {"id": options.id}))
    return 0


def _remove(options: argparse.Namespace) -> int:
    print(perform(options, "account remove", {"id": options.id}))
    return 0


_RUN = {
    "list": _list,
    "add": _add,
    "test": _test,
    "limits": _set_limits,
    "arm": _arm,
    "disarm": _disarm,
    "foreign": _foreign,
    "accept-difference": _accept_difference,
    "remove": _remove,
}


def _report(report: Mapping[str, Mapping[str, Any]]) -> str:
    width = max(len(name) for name in report)
    lines = (
        f"{name.replace('_', ' '):<{width}}  {_MARKS.get(told['value'], told['value'])!s:<8}  {told['detail']}"
        for name, told in report.items()
    )
    return "\n".join(lines)


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    armed = {True: "armed", False: "not armed", None: ""}
    cells = [
        (row["id"], row["venue"], row["market_type"], row["environment"], row["key"], armed[row["armed"]])
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
