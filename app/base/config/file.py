"""The configuration file: read at start, changed whole or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.base.config.tree import ConfigError, deep_merged, parse_config
from app.base.private_file import write_private


class ConfigFile:
    """One JSON object. `must_exist` where a person named the file."""

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self._path = path
        self._must_exist = must_exist

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
        if not isinstance(document, dict):
            raise ConfigError(f"{self._path}: a configuration is a JSON object")
        return document

    async def keep(self, changes: Mapping[str, Any]) -> None:
        """Lay `changes` over the file's document. ConfigError where it cannot be written; the old one stays then."""
        await asyncio.to_thread(self._keep, changes)

    def _keep(self, changes: Mapping[str, Any]) -> None:
        document = deep_merged(self.read(), changes)
        parse_config(document)
        try:
            write_private(self._path, json.dumps(document, indent=2))
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}") from error
