"""What a failed request can mean, and how each venue says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.messages.reports import RefusalCode


class Kind(StrEnum):
    """What became of a request that failed."""

    REFUSED = "refused"
    UNKNOWN = "unknown"
    LIMITED = "limited"
    """Not processed: too many requests."""
    BUSY = "busy"
    """Not processed: the venue cannot just now."""
    CLOCK = "clock"
    """Not processed: the time stamp was off."""
    NO_CHANGE = "no_change"
    """It already is as asked."""
    KEYS = "keys"
    """Not processed: the venue does not let these keys in, for whatever request."""
    OPERATOR = "operator"
    """Not processed: what the key or the account may do must be put right."""
    MODE = "mode"
    """Not processed: the position mode is not the one that the order was made for."""
    UNREACHED = "unreached"
    """It never left."""


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    refusal: RefusalCode = RefusalCode.INVALID_ORDER
    of_account: bool = False
    """Whether only this account is limited; else its whole address is."""


def refused(refusal: RefusalCode) -> Verdict:
    """Definitely not taken, for this reason."""
    return Verdict(Kind.REFUSED, refusal)


UNKNOWN = Verdict(Kind.UNKNOWN)
LIMITED = Verdict(Kind.LIMITED)
LIMITED_ACCOUNT = Verdict(Kind.LIMITED, of_account=True)
BUSY = Verdict(Kind.BUSY)
CLOCK = Verdict(Kind.CLOCK)
NO_CHANGE = Verdict(Kind.NO_CHANGE)
KEYS = Verdict(Kind.KEYS, RefusalCode.PERMISSION)
OPERATOR = Verdict(Kind.OPERATOR, RefusalCode.PERMISSION)
MODE = Verdict(Kind.MODE)
UNREACHED = Verdict(Kind.UNREACHED)


@dataclass(frozen=True, slots=True)
class Codes:
    """One venue's words for what went wrong.

    `pattern` finds the code in an answer's text; `table` tells what each means. A code in `vague` says no more than
    "rejected": the first of `phrases` (lower case) in the text decides then.
    """

    table: Mapping[str, Verdict]
    phrases: tuple[tuple[str, Verdict], ...] = ()
    vague: frozenset[str] = frozenset()
    pattern: re.Pattern[str] = re.compile(r'"(?:code|retCode)"\s*:\s*"?(-?\d+)')

    def code_in(self, text: str) -> str | None:
        """The venue's error code in its answer, None where it has none."""
        found = self.pattern.search(text)
        return found.group(1) if found else None

    def meaning(self, code: str, text: str) -> Verdict | None:
        """What a code means, None for one that the table does not have."""
        if code in self.vague:
            lower = text.lower()
            for phrase, verdict in self.phrases:
                if phrase in lower:
                    return verdict
        return self.table.get(code)
