"""Cursors: the sort key of a page's last row, opaque to whoever carries it."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from app.ports.queries import BadCursor

Key = tuple[int | str, ...]


def encode_cursor(list_name: str, key: Sequence[int | str]) -> str:
    """URL-safe text without padding that names its list, so that one list's cursor is refused by another."""
    text = json.dumps([list_name, *key], separators=(",", ":"))
    return urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def decode_cursor(cursor: str, list_name: str, kinds: Sequence[type]) -> Key:
    """The key that `encode_cursor` was given; BadCursor unless it is of that list and its values of these kinds."""
    try:
        raw = cursor.encode("ascii")
        found = json.loads(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadCursor("this is not a cursor of this list") from error
    if not isinstance(found, list) or [type(part) for part in found] != [str, *kinds] or found[0] != list_name:
        raise BadCursor("this is not a cursor of this list")
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in found):
        raise BadCursor("this is not a cursor of this list")
    return tuple(found[1:])
