"""Text from outside as it may be shown."""

from __future__ import annotations

import re

LONGEST_SHOWN = 64
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and cursor movements
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_BREAK = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def plain_text(text: str) -> str:
    """`text` as it may be shown: one line, without terminal escapes, control, direction and invisible characters."""
    if text.isprintable():
        return text.strip()
    return _UNSHOWABLE.sub("", _LINE_BREAK.sub(" ", _ESCAPE_SEQUENCE.sub("", text))).strip()


def shown(text: str) -> str:
    """`plain_text`, cut where it is long."""
    return plain_text(text[:LONGEST_SHOWN]) + ("…" if len(text) > LONGEST_SHOWN else "")


def is_plain(text: str) -> bool:
    """Whether nothing in `text` would be left out."""
    return text.isprintable() or not (_UNSHOWABLE.search(text) or _LINE_BREAK.search(text))
