"""The configuration file: read at start, changed whole or not at all, by one change after another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from app.base.config.groups import AccountConfig
from app.base.config.tree import Config, ConfigError, deep_merged, difference, parse_config
from app.base.private_file import write_private

log = structlog.get_logger("system")
DEFAULT_ACCOUNTS = [account.model_dump(mode="json", exclude_unset=True) for account in Config().accounts]


class NotKept(ConfigError):
    """The file does not take a change; the text says whether it runs all the same."""


class ConfigFile:
    """One JSON object. `must_exist` where a person named the file. The last that could be used is kept beside it.

    Whoever changes the running configuration does it within `change`: the file owns the turn.
    """

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self._path = path
        self._good_path = path.with_suffix(f".last-good{path.suffix}")
        self._must_exist = must_exist
        self._turn = asyncio.Lock()
        self._unkept: tuple[Mapping[str, Any], ...] = ()
        self._was_kept = False

    def read(self) -> dict[str, Any]:
        """Its document; the last good one where it is gone, an empty one where it never was.

        ConfigError says what is wrong with it.
        """
        try:
            return _document_of(self._path)
        except FileNotFoundError:
            good = self._last_good()
            if self._must_exist and not good:
                raise ConfigError(f"there is no configuration file {self._path}") from None
            return good or {}

    def usable(self) -> tuple[dict[str, Any], str]:
        """What to start with: its document, or the last good one and what is wrong. ConfigError where there is none."""
        try:
            document = self.read()
            parse_config(document)
        except ConfigError as error:
            good = self._last_good()
            if good is None or not self._path.exists():
                raise
            return good, f"the configuration file is wrong, and its last good version runs: {error}"
        if document and not self._path.exists():
            return document, f"the configuration file {self._path} is gone, and its last good version runs"
        return document, ""

    def _last_good(self) -> dict[str, Any] | None:
        try:
            document = _document_of(self._good_path)
            parse_config(document)
        except (FileNotFoundError, ConfigError):
            return None
        return document

    async def remember(self, document: Mapping[str, Any]) -> None:
        """`document` is good: the program has started with it. What was kept since is newer and no worse."""
        async with self._turn:
            if not self._was_kept:
                await asyncio.to_thread(self._remember, document)

    def _remember(self, document: Mapping[str, Any]) -> None:
        try:
            write_private(self._good_path, json.dumps(document, indent=2))
        except OSError as error:
            log.warning("the last good configuration was not kept", path=str(self._good_path), error=str(error))

    @asynccontextmanager
    async def change(self, running: Callable[[], Config], make: Callable[[Config], Config]) -> AsyncIterator[Config]:
        """Changes wait for each other: `make` gets what runs when its turn has come, the body applies what it made.

        Kept as soon as it runs, also where the body fails after that. NotKept before the body where the file would not
        take it, after it where it could not be written; that is written with the next change then.
        """
        async with self._turn:
            before = running()
            wanted = make(before)
            changes = (*self._unkept, _changes(before, wanted))
            try:
                await self.check(*changes)
            except ConfigError as error:
                raise NotKept(f"nothing was changed: {error}") from error
            is_through = False
            try:
                yield wanted
                is_through = True
            finally:
                if is_through or running() == wanted:
                    await self._keep_running(changes)

    async def _keep_running(self, changes: tuple[Mapping[str, Any], ...]) -> None:
        self._unkept = changes
        try:
            await self.keep(*changes)
        except ConfigError as error:
            raise NotKept(f"it runs, but would be lost at a restart: {error}") from error
        self._unkept = ()

    async def check(self, *changes: Mapping[str, Any]) -> None:
        """ConfigError where the file, with `changes` laid over it, could not be started with."""
        await asyncio.to_thread(self._merged, changes)

    async def keep(self, *changes: Mapping[str, Any]) -> None:
        """Lay `changes` over the file's document. ConfigError where it cannot be written; the old one stays then."""
        await asyncio.to_thread(self._keep, changes)

    def _keep(self, changes: Iterable[Mapping[str, Any]]) -> None:
        document = self._merged(changes)
        try:
            write_private(self._path, json.dumps(document, indent=2))
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}") from error
        self._was_kept = True
        self._remember(document)

    def _merged(self, changes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        document = self.read()
        for change in changes:
            document = _laid_over(document, change)
        parse_config(document)
        return document


def _document_of(path: Path) -> dict[str, Any]:
    """FileNotFoundError, or ConfigError that says what is wrong with it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON in UTF-8") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a configuration is a JSON object")
    return document


def _changes(before: Config, wanted: Config) -> dict[str, Any]:
    """What is to be written. Of the accounts, by id: what changed of one, all that was set of a new one, None for one
    that is gone."""
    changes = difference(before.model_dump(mode="json"), wanted.model_dump(mode="json"))
    if changes.pop("accounts", None) is not None:
        told = {account.id: _change_of(before.account(account.id), account) for account in wanted.accounts}
        gone = {account.id: None for account in before.accounts if wanted.account(account.id) is None}
        changes["accounts"] = gone | {name: change for name, change in told.items() if change}
    return changes


def _change_of(before: AccountConfig | None, wanted: AccountConfig) -> dict[str, Any]:
    if before is None:
        return wanted.model_dump(mode="json", exclude_unset=True)
    old, new = before.model_dump(mode="json"), wanted.model_dump(mode="json")
    return {name: value for name, value in new.items() if value != old[name]}


def _laid_over(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with `changes` over it; the accounts that they do not name stay as they were written."""
    merged = deep_merged(document, {name: value for name, value in changes.items() if name != "accounts"})
    if "accounts" in changes:
        merged["accounts"] = _accounts(document, changes["accounts"])
    return merged


def _accounts(document: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any] | None]) -> list[Any]:
    written = document.get("accounts", DEFAULT_ACCOUNTS)
    parse_config({"accounts": written})
    accounts: dict[str, Any] = {account["id"]: account for account in written}
    for account_id, change in changes.items():
        if change is None:
            accounts.pop(account_id, None)
        elif "id" in change:
            accounts[account_id] = change
        elif account_id in accounts:
            accounts[account_id] = {**accounts[account_id], **change}
        else:
            raise ConfigError(f"accounts: {account_id} was taken out of the file by hand")
    return list(accounts.values())
