"""The configuration file: read at start, changed whole or not at all, by one change after another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.base.config.tree import Config, ConfigError, deep_merged, difference, parse_config
from app.base.private_file import write_private


class NotKept(ConfigError):
    """The file does not take a change; the text says whether it runs all the same."""


class ConfigFile:
    """One JSON object. `must_exist` where a person named the file.

    Whoever changes the running configuration does it within `change`: the file owns the turn.
    """

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self._path = path
        self._must_exist = must_exist
        self._turn = asyncio.Lock()
        self._unkept: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Its document, empty where there is none. ConfigError says what is wrong with it."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"), parse_float=str)
        except FileNotFoundError:
            if self._must_exist:
                raise ConfigError(f"there is no configuration file {self._path}") from None
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error.strerror}") from error
        except json.JSONDecodeError as error:
            raise ConfigError(f"{self._path}, line {error.lineno}: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{self._path} is not JSON in UTF-8") from error
        if not isinstance(document, dict):
            raise ConfigError(f"{self._path}: a configuration is a JSON object")
        return document

    @asynccontextmanager
    async def change(self, running: Callable[[], Config], make: Callable[[Config], Config]) -> AsyncIterator[Config]:
        """Changes wait for each other: `make` gets what runs when its turn has come, the body applies what it made.

        Kept when the body is through. NotKept before the body where the file would not take it, after it where it
        could not be written; that is written with the next change then.
        """
        async with self._turn:
            before = running()
            wanted = make(before)
            changes = deep_merged(self._unkept, _changes(before, wanted))
            try:
                await self.check(changes)
            except ConfigError as error:
                raise NotKept(f"nothing was changed: {error}") from error
            yield wanted
            self._unkept = changes
            try:
                await self.keep(changes)
            except ConfigError as error:
                raise NotKept(f"it runs, but would be lost at a restart: {error}") from error
            self._unkept = {}

    async def check(self, changes: Mapping[str, Any]) -> None:
        """ConfigError where the file, with `changes` laid over it, could not be started with."""
        await asyncio.to_thread(self._merged, changes)

    async def keep(self, changes: Mapping[str, Any]) -> None:
        """Lay `changes` over the file's document. ConfigError where it cannot be written; the old one stays then."""
        await asyncio.to_thread(self._keep, changes)

    def _keep(self, changes: Mapping[str, Any]) -> None:
        document = self._merged(changes)
        try:
            write_private(self._path, json.dumps(document, indent=2))
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}") from error

    def _merged(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        document = deep_merged(self.read(), changes)
        parse_config(document)
        return document


def _changes(before: Config, wanted: Config) -> dict[str, Any]:
    """What is to be written; of the accounts, which are written whole, only what was set."""
    changes = difference(before.model_dump(mode="json"), wanted.model_dump(mode="json"))
    if "accounts" in changes:
        changes["accounts"] = wanted.model_dump(mode="json", exclude_unset=True)["accounts"]
    return changes
