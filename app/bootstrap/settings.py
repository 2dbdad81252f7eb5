"""What one process runs with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.base.config import Config, parse_config
from app.base.config.file import ConfigFile
from app.base.config.tree import deep_merged

CONFIG_FILE = "config.json"
FEED_VARIABLE = "ZIGGURAT_PAPER_FEED"


@dataclass(frozen=True, slots=True)
class Settings:
    """What one process runs with. `config` is `document`, with the command line's changes.

    `fault` says why the document is not that of `file`, but its last good version. `again` reads them anew: until the
    data directory is locked, another process may change what they are read from.
    """

    data_dir: Path
    config: Config
    file: ConfigFile
    log_level: str
    paper_feed: str
    environ: Mapping[str, str]
    document: Mapping[str, Any]
    fault: str
    again: Callable[[], Settings]


def read_settings(
    *,
    data_dir: Path,
    config_file: Path | None = None,
    log_level: str | None = None,
    api_port: int | None = None,
    webhook_port: int | None = None,
    environ: Mapping[str, str] | None = None,
    or_last_good: bool = False,
) -> Settings:
    """The configuration file, what the command line changes, and the environment. ConfigError names what is wrong.

    With `or_last_good` a file that is wrong or gone is told in `fault`, where there is a version of it that was good.
    """
    given = os.environ if environ is None else environ
    file = ConfigFile(config_file or data_dir / CONFIG_FILE, must_exist=config_file is not None)
    document, fault = file.usable() if or_last_good else (file.read(), "")
    changes: dict[str, Any] = {}
    if api_port is not None:
        changes["api"] = {"port": api_port}
    if webhook_port is not None:
        changes["webhook"] = {"port": webhook_port}
    config = parse_config(deep_merged(document, changes))
    feed = given.get(FEED_VARIABLE) or config.paper.feed
    again = partial(
        read_settings,
        data_dir=data_dir,
        config_file=config_file,
        log_level=log_level,
        api_port=api_port,
        webhook_port=webhook_port,
        environ=environ,
        or_last_good=or_last_good,
    )
    return Settings(data_dir, config, file, log_level or config.logging.level, feed, given, document, fault, again)
