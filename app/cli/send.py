"""`send`: post a signal file to the running instance's webhook with the right secret."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.base.errors import AppError
from app.cli.asking import ControlFailed, ask_running, default_data_dir

TIMEOUT_SEC = 10.0


class CannotSend(AppError):
    """The file cannot be read, or no instance runs."""


def add_send(add: Any) -> None:
    command = add("send", "post a signal file (or - for standard input) to the running instance", run)
    command.add_argument("file")
    command.add_argument("--dry-run", action="store_true", help="only show how it is read, routed, sized and checked")


def run(options: argparse.Namespace) -> int:
    body = _read(options.file)
    data_dir = options.data_dir or default_data_dir()
    secret = ask_running(data_dir, "secret show", {"name": None, "path_token": False})
    if secret is None:
        raise CannotSend(f"no instance runs on {data_dir}; start one with `python -m app serve`")
    ports = ask_running(data_dir, "ports", {})
    body["secret"] = secret
    if options.dry_run:
        status, answer = _preview(data_dir, ports, body)
    else:
        status, answer = post(f"http://127.0.0.1:{ports['api']}/webhook/tradingview", body, {})
    print(json.dumps(answer, indent=2) if not isinstance(answer, str) else answer)
    return 0 if status < 400 else 1


def _preview(data_dir: Path, ports: dict[str, int], body: dict[str, Any]) -> tuple[int, Any]:
    name = f"send-dry-run-{os.getpid()}"  # another may be under way
    with suppress(ControlFailed):  # one that was killed may have left it behind
        ask_running(data_dir, "token revoke", {"name": name})
    token = ask_running(data_dir, "token create", {"name": name, "role": "viewer"})
    try:
        address = f"http://127.0.0.1:{ports['api']}/api/execution/signals/preview"
        return post(address, body, {"Authorization": f"Bearer {token}"})
    finally:
        ask_running(data_dir, "token revoke", {"name": name})


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        body = json.loads(text, parse_float=str)
    except (OSError, ValueError) as error:
        raise CannotSend(f"{file} cannot be read: {error}") from error
    if not isinstance(body, dict):
        raise CannotSend(f"{file} is not a JSON object")
    return body


def post(address: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
    """Post JSON to this machine's own listener: status and answer."""
    request = urllib.request.Request(  # noqa: S310 - the address is this machine's own
        address, data=json.dumps(body).encode(), headers={"Content-Type": "application/json", **headers}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SEC) as response:
            return response.status, _parsed(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _parsed(error.read())
    except OSError as error:
        raise CannotSend(f"the instance did not answer: {error}") from error


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
