"""Text that must not leak."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

_MASK = "••••"
_SHOWN = 4
_LONG_ENOUGH_TO_SHOW_AN_END = 12


@final
class Secret:
    """Text that shows itself masked, compares in constant time, and is let out by `reveal` alone.

    It cannot be changed, hashed, pickled, copied or written as JSON. Comparing tells no more than the length.
    """

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        return self._text

    def matches(self, other: str | bytes) -> bool:
        """Whether `other` is this text, or its UTF-8 bytes. Takes whatever a stranger sent, lone surrogates too."""
        return hmac.compare_digest(_utf8(self._text), other if isinstance(other, bytes) else _utf8(other))

    def __eq__(self, other: object) -> bool:
        return self.matches(other._text) if isinstance(other, Secret) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a hash table does not compare in constant time

    def __repr__(self) -> str:
        return _MASK + self._text[-_SHOWN:] if len(self._text) >= _LONG_ENOUGH_TO_SHOW_AN_END else _MASK

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
