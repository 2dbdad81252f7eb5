"""Ids: drawn at random when live, counted in a replay."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Protocol

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_GROUP_LENGTH = 8
_SIGNAL_LENGTH = 13
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % 36]) for byte in range(256))
"""Eight bytes fall on each of the first four letters, seven on each of the others: even enough for ids."""


@lru_cache(4096)
def base36(value: int, width: int) -> str:
    """`value` in base 36, padded to `width`; a value that does not fit is a ValueError."""
    digits: list[str] = []
    rest = value
    for _ in range(width):
        rest, digit = divmod(rest, 36)
        digits.append(_ALPHABET[digit])
    if rest or value < 0:
        raise ValueError(f"{value} does not fit {width} base-36 digits")
    return "".join(reversed(digits))


class IdFactory(Protocol):
    """Makes ids of `[0-9a-z]` only, so that a group's id can stand in a client order id."""

    def group_id(self) -> str:
        """Eight characters, the first a letter `g`."""
        ...

    def signal_id(self) -> str:
        """Fourteen characters, the first a letter `s`."""
        ...

    def action_id(self) -> str:
        """Fourteen characters, the first a letter `a`."""
        ...

    def instance_tag(self) -> str:
        """Five characters that tell this data directory's orders from another's."""
        ...


class RandomIds:
    """Ids from the system's random source."""

    def group_id(self) -> str:
        return "g" + self._draw(_GROUP_LENGTH - 1)

    def signal_id(self) -> str:
        return "s" + self._draw(_SIGNAL_LENGTH)

    def action_id(self) -> str:
        return "a" + self._draw(_SIGNAL_LENGTH)

    def instance_tag(self) -> str:
        return self._draw(5)

    @staticmethod
    def _draw(width: int) -> str:
        return os.urandom(width).translate(_LETTER_OF_BYTE).decode("ascii")


class CountedIds:
    """Ids 1, 2, 3 … of each kind, for replays and tests."""

    def __init__(self) -> None:
        self._groups = 0
        self._signals = 0
        self._actions = 0

    def group_id(self) -> str:
        self._groups += 1
        return "g" + base36(self._groups, _GROUP_LENGTH - 1)

    def signal_id(self) -> str:
        self._signals += 1
        return "s" + base36(self._signals, _SIGNAL_LENGTH)

    def action_id(self) -> str:
        self._actions += 1
        return "a" + base36(self._actions, _SIGNAL_LENGTH)

    def instance_tag(self) -> str:
        return "00000"
