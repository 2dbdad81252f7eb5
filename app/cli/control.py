"""The control socket: how commands reach this running instance. One JSON line each way.

A Unix socket of mode 0600 in the data directory; who can open the data directory's files may use it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog

from app.base.errors import AppError
from app.cli.asking import MOST_BYTES, SOCKET_NAME

if TYPE_CHECKING:
    from app.accounts.administration import Administration
    from app.accounts.office import AccountOffice
    from app.bootstrap.application import Application

log = structlog.get_logger("system")


class ControlServer:
    """Answers commands on the data directory's control socket while the application runs."""

    def __init__(self, application: Application) -> None:
        self._path = application.settings.data_dir / SOCKET_NAME
        self._commands = commands_of(application.administration)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; where the data directory's path is too long, or the system has no such sockets, it runs without."""
        if not hasattr(asyncio, "start_unix_server"):
            self._warn("this system has no Unix sockets")
            return
        self._path.unlink(missing_ok=True)
        old_mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._answer, path=str(self._path), limit=MOST_BYTES)
        except OSError as error:
            self._warn(str(error))
        finally:
            os.umask(old_mask)

    def _warn(self, reason: str) -> None:
        log.warning("commands cannot reach this instance", path=str(self._path), reason=reason)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._perform(await reader.readline())
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # whoever asked is gone
        finally:
            writer.close()

    async def _perform(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            command = self._commands[request["command"]]
            return {"ok": await command(request.get("arguments", {}))}
        except AppError as error:
            return {"error": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"not understood: {error}"}


Command = Callable[[Mapping[str, Any]], Awaitable[Any]]


def commands_of(administration: Administration) -> dict[str, Command]:
    """What can be asked, by name; used beside a running instance and without one alike."""
    return {
        "token create": lambda given: administration.create_token(given["name"], given["role"]),
        "token list": lambda _: administration.list_tokens(),
        "token revoke": lambda given: administration.revoke_token(given["name"]),
        "secret show": lambda given: administration.show_secret(given.get("name"), path_token=given["path_token"]),
        "secret rotate": lambda given: administration.rotate_secret(
            given.get("name"), path_token=given["path_token"], grace_hours=given["grace_hours"]
        ),
        "ports": lambda _: administration.ports(),
        **_account_commands(administration.accounts),
    }


def _account_commands(accounts: AccountOffice) -> dict[str, Command]:
    async def test(given: Mapping[str, Any]) -> dict[str, Any]:
        return asdict(await accounts.test(given["id"]))

    async def plan(given: Mapping[str, Any]) -> dict[str, Any]:
        return accounts.plan(given["id"])

    async def limits(given: Mapping[str, Any]) -> dict[str, str | None]:
        if given["limits"]:
            await accounts.set_limits(given["limits"])
        return accounts.limits()

    return {
        "account add": lambda given: accounts.add(
            given["settings"],
            given["keys"],
            with_test=given["with_test"],
            allow_withdrawal=given["allow_withdrawal"],
            is_same=given.get("is_same", False),
        ),
        "account list": lambda _: accounts.rows(),
        "account test": test,
        "account plan": plan,
        "account limits": limits,
        "account arm": lambda given: accounts.arm(given["id"], given["typed_name"], given["typed_stop"]),
        "account disarm": lambda given: accounts.disarm(given["id"]),
        "account foreign": lambda given: accounts.settle_foreign(given["id"], given["choice"]),
        "account accept-difference": lambda given: accounts.accept_difference(given["id"]),
        "account remove": lambda given: accounts.remove(given["id"]),
    }
