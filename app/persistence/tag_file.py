"""The instance's tag beside the database, so that its orders are recognised when the database is lost or put back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import structlog

from app.base.private_file import write_private
from app.domain.client_order_id import Namespace
from app.ports.tag import Kept

log = structlog.get_logger("system")
FILE_NAME: Final = "instance.json"
_TAG = re.compile(r"[0-9a-z]{5}")


class TagFile:
    """Implements `app.ports.tag.TagKeeper` in the data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def read(self) -> Kept | None:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            tag, epoch, sequence = str(document["tag"]), int(document["epoch"]), int(document.get("sequence", 0))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the file with the instance's tag cannot be read", path=str(self._path), error=str(error))
            return None
        return Kept(Namespace(tag, epoch), sequence) if _TAG.fullmatch(tag) and epoch >= 0 else None

    def write(self, kept: Kept) -> None:
        document = {"tag": kept.namespace.tag, "epoch": kept.namespace.epoch, "sequence": kept.sequence}
        try:
            write_private(self._path, json.dumps(document))
        except OSError as error:
            log.warning("the instance's tag could not be written", path=str(self._path), error=str(error))
