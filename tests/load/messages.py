"""What the senders send: valid signals, repeated, stale, malformed and badly signed ones, by a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from app.base.clock import Clock

BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "DOT")
TIMEFRAMES = ("1", "5", "15", "60", "240")
STALE_SEC = 3600


class Kind(StrEnum):
    VALID = "valid"
    DUPLICATE = "duplicate"
    STALE = "stale"
    INCOMPLETE = "incomplete"
    MALFORMED = "malformed"
    WRONG_SECRET = "wrong secret"
    WRONG_SIGNATURE = "wrong signature"


WANTED = {
    Kind.VALID: 202,
    Kind.DUPLICATE: 200,
    Kind.STALE: 422,
    Kind.INCOMPLETE: 422,
    Kind.MALFORMED: 400,
    Kind.WRONG_SECRET: 401,
    Kind.WRONG_SIGNATURE: 401,
}
RECORDED = {Kind.VALID: "", Kind.STALE: "stale", Kind.INCOMPLETE: "invalid"}
"""What leaves a record, and the reason it has; a valid one has any."""
_WEIGHTS = {
    Kind.VALID: 10,
    Kind.DUPLICATE: 3,
    Kind.STALE: 2,
    Kind.INCOMPLETE: 1,
    Kind.MALFORMED: 2,
    Kind.WRONG_SECRET: 1,
    Kind.WRONG_SIGNATURE: 1,
}
_NEWEST = 500


@dataclass(frozen=True, slots=True)
class Message:
    """`mark` stands in its trade id and tells its record apart."""

    kind: Kind
    mark: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Mill:
    """Makes messages; duplicates are of the newest valid ones that were answered (`note_answered`)."""

    seed: int
    secret: str
    clock: Clock
    _answered: list[Message] = field(default_factory=list)
    _made: int = 0
    _chance: random.Random = field(init=False)  # noqa: TID251 - seeded, so that a run can be repeated

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: TID251 - as above

    def next(self) -> Message:
        (kind,) = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        if kind is Kind.DUPLICATE and self._answered:
            again = self._chance.choice(self._answered)
            return Message(kind, again.mark, again.body)
        return self._new(Kind.VALID if kind is Kind.DUPLICATE else kind)

    def note_answered(self, message: Message) -> None:
        self._answered.append(message)
        del self._answered[:-_NEWEST]

    def _new(self, kind: Kind) -> Message:
        self._made += 1
        mark = f"load-{self.seed}-{self._made}"
        document = self._document(mark)
        headers: tuple[tuple[str, str], ...] = ()
        match kind:
            case Kind.STALE:
                document["timestamp"] = self._moment(STALE_SEC)
            case Kind.INCOMPLETE:
                del document["tv"]["close_price"]
            case Kind.WRONG_SECRET:
                document["secret"] = "not-" + self.secret[:-4]
        body = json.dumps(document).encode()
        if kind is Kind.MALFORMED:
            body = body[: self._chance.randrange(1, len(body))]
        if kind is Kind.WRONG_SIGNATURE:
            headers = self._wrong_signature()
        return Message(kind, mark, body, headers)

    def _document(self, mark: str) -> dict[str, Any]:
        return {
            "secret": self.secret,
            "timestamp": self._moment(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": f"{self._chance.choice(BASES)}USDT.P",
                "timeframe": self._chance.choice(TIMEFRAMES),
                "action": self._chance.choice(("buy", "sell")),
                "close_price": "100",
                "order_size": "200",
            },
            "strategy_info": {"trade_id": mark},
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
        }

    def _wrong_signature(self) -> tuple[tuple[str, str], ...]:
        digest = self._chance.randbytes(32).hex()
        return (
            ("X-Webhook-Key", "default"),
            ("X-Timestamp", self._moment()),
            ("X-Signature", f"sha256={digest}"),
        )

    def _moment(self, age_sec: int = 0) -> str:
        return (self.clock.now() - timedelta(seconds=age_sec)).isoformat()
