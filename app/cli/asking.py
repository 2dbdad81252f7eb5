"""Asks the instance that runs on a data directory, without loading what it is made of."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from app.base.errors import AppError

SOCKET_NAME = "control.sock"
MOST_BYTES = 65_536
ANSWER_TIMEOUT_SEC = 30.0


class ControlFailed(AppError):
    """The running instance refused, or its answer could not be understood."""


def default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("ziggurat", appauthor=False))


def ask_running(data_dir: Path, command: str, arguments: Mapping[str, Any]) -> Any:
    """The answer of the instance that runs on `data_dir`; None where none runs. ControlFailed where it refuses."""
    path = data_dir / SOCKET_NAME
    if not path.exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_SEC)
        try:
            connection.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return None  # left behind by a process that was killed
        except OSError as error:
            raise ControlFailed(f"the running instance cannot be reached: {error}") from error
        try:
            connection.sendall(json.dumps({"command": command, "arguments": dict(arguments)}).encode() + b"\n")
            answer = json.loads(_read_line(connection))
        except TimeoutError as error:
            raise ControlFailed(
                f"the running instance did not answer within {ANSWER_TIMEOUT_SEC:.0f} s; it may still do what was asked"
            ) from error
        except (OSError, ValueError) as error:
            raise ControlFailed(f"the running instance went away before it answered: {error}") from error
    if "error" in answer:
        raise ControlFailed(answer["error"])
    return answer["ok"]


def _read_line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(MOST_BYTES)
        if not part:
            raise ControlFailed("the running instance went away before it answered")
        parts.append(part)
    return b"".join(parts)
