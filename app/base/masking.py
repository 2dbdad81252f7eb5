"""The secrets in use, and texts without them: whoever takes a key up says so here, and no text shows it any more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from urllib.parse import quote, quote_plus

from app.base.secret import Secret

SHORTEST = 7
"""No exchange gives or takes shorter ones, and words as short as that stand in every text."""
_known: dict[str, tuple[str, ...]] = {}
_pattern: re.Pattern[str] | None = None


def keep_out(texts: Iterable[str], place: str | None = None) -> None:
    """From now on `masked` knows these secrets; those of a named `place` come instead of what it had before."""
    global _pattern  # noqa: PLW0603 - one process has one log, and what must not stand in it
    fresh = tuple(text for text in texts if len(text) >= SHORTEST)
    _known.update({place: fresh} if place is not None else {text: (text,) for text in fresh})
    spelled = {spelling for text in chain(*_known.values()) for spelling in (text, quote(text, ""), quote_plus(text))}
    longest_first = sorted(spelled, key=len, reverse=True)
    _pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if spelled else None


def masked(text: str) -> str:
    """`text` with every known secret as it may be shown, wherever and in whatever letters it stands."""
    return text if _pattern is None else _pattern.sub(lambda found: repr(Secret(found.group())), text)
