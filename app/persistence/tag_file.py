"""The instance's tag beside the database, so that its orders are recognised when the database is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import structlog

from app.base.private_file import write_private
from app.domain.client_order_id import Namespace

log = structlog.get_logger("system")
FILE_NAME: Final = "instance.json"
_TAG = re.compile(r"[0-9a-z]{5}")


class TagFile:
    """Implements `app.ports.tag.TagKeeper` in the data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def read(self) -> Namespace | None:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            tag, epoch = str(document["tag"]), int(document["epoch"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the file with the instance's tag cannot be read", path=str(self._path), error=str(error))
            return None
        return Namespace(tag, epoch) if _TAG.fullmatch(tag) and epoch >= 0 else None

    def write(self, namespace: Namespace) -> None:
        try:
            write_private(self._path, json.dumps({"tag": namespace.tag, "epoch": namespace.epoch}))
        except OSError as error:
            log.warning("the instance's tag could not be written", path=str(self._path), error=str(error))
