"""What a failed request means for the engine: a table of the venues' codes, then of ccxt's exception classes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.base.clock import EPOCH
from app.base.errors import AppError, OperatorActionNeeded, Retryable
from app.exchange.ccxt.dialects import Family
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused

DEFAULT_PAUSE_SEC = 1.0
LONGEST_DETAIL = 300
BANNED = 418
TOO_MANY = 429
SERVER_TROUBLE = 500
_CODE = re.compile(r'"(?:code|retCode)"\s*:\s*"?(-?\d+)')
_UNTIL = re.compile(r"until (\d{13})")


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
    OPERATOR = "operator"
    """Not processed: the key, its permissions or the account must be put right."""
    UNREACHED = "unreached"
    """It never left."""


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    refusal: RefusalCode = RefusalCode.INVALID_ORDER


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP, with lower-case header names."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that raised.

    `answer` is the venue's, None where none came. `is_after_success` says that the venue had answered well and only
    reading its answer failed. `has_left` is False only where the request provably was never handed to the network;
    `retry_after` then tells in how many seconds it may be.
    """

    error: BaseException
    answer: Answer | None = None
    is_after_success: bool = False
    has_left: bool = True
    retry_after: float | None = None


def _refused(refusal: RefusalCode) -> Verdict:
    return Verdict(Kind.REFUSED, refusal)


_R = RefusalCode
_UNKNOWN = Verdict(Kind.UNKNOWN)
_LIMITED = Verdict(Kind.LIMITED)
_BUSY = Verdict(Kind.BUSY)
_CLOCK = Verdict(Kind.CLOCK)
_NO_CHANGE = Verdict(Kind.NO_CHANGE)
_OPERATOR = Verdict(Kind.OPERATOR, _R.PERMISSION)
_UNREACHED = Verdict(Kind.UNREACHED)

BINANCE_CODES: Mapping[str, Verdict] = MappingProxyType(
    {
        "-1000": _UNKNOWN,
        "-1001": _UNKNOWN,
        "-1002": _OPERATOR,
        "-1003": _LIMITED,
        "-1006": _UNKNOWN,
        "-1007": _UNKNOWN,
        "-1008": _BUSY,
        "-1010": _refused(_R.INVALID_ORDER),
        "-1013": _refused(_R.INVALID_ORDER),
        "-1015": _LIMITED,
        "-1016": _BUSY,
        "-1021": _CLOCK,
        "-1022": _OPERATOR,
        "-1111": _refused(_R.PRECISION),
        "-1121": _refused(_R.HALTED),
        "-2010": _refused(_R.INVALID_ORDER),
        "-2011": _refused(_R.NOT_FOUND),
        "-2013": _refused(_R.NOT_FOUND),
        "-2014": _OPERATOR,
        "-2015": _OPERATOR,
        "-2018": _refused(_R.INSUFFICIENT_BALANCE),
        "-2019": _refused(_R.INSUFFICIENT_BALANCE),
        "-2021": _refused(_R.WOULD_TRIGGER),
        "-2022": _refused(_R.REDUCE_ONLY),
        "-2027": _refused(_R.LEVERAGE),
        "-2028": _refused(_R.LEVERAGE),
        "-4003": _refused(_R.PRECISION),
        "-4005": _refused(_R.INVALID_ORDER),
        "-4014": _refused(_R.PRECISION),
        "-4023": _refused(_R.PRECISION),
        "-4028": _refused(_R.LEVERAGE),
        "-4045": _refused(_R.INVALID_ORDER),
        "-4046": _NO_CHANGE,
        "-4059": _NO_CHANGE,
        "-4061": _refused(_R.INVALID_ORDER),
        "-4116": _refused(_R.DUPLICATE_ID),
        "-4118": _refused(_R.REDUCE_ONLY),
        "-4120": _refused(_R.INVALID_ORDER),
        "-4131": _refused(_R.INVALID_ORDER),
        "-4140": _refused(_R.HALTED),
        "-4141": _refused(_R.HALTED),
        "-4161": _refused(_R.LEVERAGE),
        "-4164": _refused(_R.MIN_NOTIONAL),
        "-4192": _refused(_R.PERMISSION),
        "-4400": _refused(_R.PERMISSION),
        "-4411": _refused(_R.PERMISSION),
        "-5022": _refused(_R.INVALID_ORDER),
        "-5027": _NO_CHANGE,
    }
)

BYBIT_CODES: Mapping[str, Verdict] = MappingProxyType(
    {
        "10000": _UNKNOWN,
        "10001": _refused(_R.INVALID_ORDER),
        "10002": _CLOCK,
        "10003": _OPERATOR,
        "10004": _OPERATOR,
        "10005": _OPERATOR,
        "10006": _LIMITED,
        "10010": _OPERATOR,
        "10016": _UNKNOWN,
        "10018": _LIMITED,
        "10429": _LIMITED,
        "33004": _OPERATOR,
        "34040": _NO_CHANGE,
        "110001": _refused(_R.NOT_FOUND),
        "110003": _refused(_R.INVALID_ORDER),
        "110004": _refused(_R.INSUFFICIENT_BALANCE),
        "110006": _refused(_R.INSUFFICIENT_BALANCE),
        "110007": _refused(_R.INSUFFICIENT_BALANCE),
        "110008": _refused(_R.NOT_FOUND),
        "110010": _refused(_R.NOT_FOUND),
        "110012": _refused(_R.INSUFFICIENT_BALANCE),
        "110013": _refused(_R.LEVERAGE),
        "110017": _refused(_R.REDUCE_ONLY),
        "110025": _NO_CHANGE,
        "110026": _NO_CHANGE,
        "110043": _NO_CHANGE,
        "110045": _refused(_R.INSUFFICIENT_BALANCE),
        "110072": _refused(_R.DUPLICATE_ID),
        "110074": _refused(_R.HALTED),
        "110079": _BUSY,
        "110092": _refused(_R.WOULD_TRIGGER),
        "110093": _refused(_R.WOULD_TRIGGER),
        "110094": _refused(_R.MIN_NOTIONAL),
        "170121": _refused(_R.HALTED),
        "170131": _refused(_R.INSUFFICIENT_BALANCE),
        "170134": _refused(_R.PRECISION),
        "170136": _refused(_R.MIN_NOTIONAL),
        "170137": _refused(_R.PRECISION),
        "170140": _refused(_R.MIN_NOTIONAL),
        "170141": _refused(_R.DUPLICATE_ID),
        "170146": _UNKNOWN,
        "170147": _UNKNOWN,
        "170151": _refused(_R.HALTED),
        "170157": _refused(_R.HALTED),
        "170213": _refused(_R.NOT_FOUND),
    }
)

CODES: Mapping[Family, Mapping[str, Verdict]] = MappingProxyType(
    {Family.BINANCE: BINANCE_CODES, Family.BYBIT: BYBIT_CODES, Family.ASTER: BINANCE_CODES}
)

_PHRASES: tuple[tuple[str, Verdict], ...] = (
    ("insufficient balance", _refused(_R.INSUFFICIENT_BALANCE)),
    ("duplicate order sent", _refused(_R.DUPLICATE_ID)),
    ("trigger immediately", _refused(_R.WOULD_TRIGGER)),
    ("market is closed", _refused(_R.HALTED)),
    ("not permitted for this account", _refused(_R.PERMISSION)),
    ("notional", _refused(_R.MIN_NOTIONAL)),
    ("percent_price", _refused(_R.INVALID_ORDER)),
    ("lot_size", _refused(_R.PRECISION)),
    ("price_filter", _refused(_R.PRECISION)),
)
"""For codes that say only "rejected"; the first phrase found in the text decides."""

VAGUE_CODES = frozenset({"-1013", "-2010"})

_CLASSES: tuple[tuple[str, Verdict], ...] = (
    ("RateLimitExceeded", _LIMITED),
    ("DDoSProtection", _LIMITED),
    ("InvalidNonce", _CLOCK),
    ("NoChange", _NO_CHANGE),
    ("AuthenticationError", _OPERATOR),
    ("InsufficientFunds", _refused(_R.INSUFFICIENT_BALANCE)),
    ("OrderNotFound", _refused(_R.NOT_FOUND)),
    ("DuplicateOrderId", _refused(_R.DUPLICATE_ID)),
    ("OrderImmediatelyFillable", _refused(_R.WOULD_TRIGGER)),
    ("ContractUnavailable", _refused(_R.HALTED)),
    ("MarketClosed", _refused(_R.HALTED)),
    ("BadSymbol", _refused(_R.HALTED)),
    ("RestrictedLocation", _OPERATOR),
    ("ExchangeError", _refused(_R.INVALID_ORDER)),
)
"""ccxt's classes by name, the narrower first; whatever is none of these has an unknown outcome."""

_NEVER_LEFT = frozenset({"ClientConnectorError", "ConnectionTimeoutError", "ConnectionRefusedError", "gaierror"})


def _names(error: BaseException) -> frozenset[str]:
    return frozenset(cls.__name__ for cls in type(error).__mro__)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause = error.__cause__
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__
    return found


def code_of(text: str) -> str | None:
    """The venue's error code in its answer, None where it has none."""
    found = _CODE.search(text)
    return found.group(1) if found else None


def verdict_of_code(code: str, text: str, family: Family) -> Verdict | None:
    """What a code means, None for one that the table does not have."""
    if code in VAGUE_CODES:
        lower = text.lower()
        for phrase, verdict in _PHRASES:
            if phrase in lower:
                return verdict
    return CODES[family].get(code)


def verdict(failure: Failure, family: Family) -> Verdict:
    """What became of the request.

    The venue's own code decides before ccxt's class does. A request that may have reached the venue, and was not
    definitely answered, has an unknown outcome.
    """
    if failure.is_after_success:
        return _UNKNOWN
    if failure.answer is None:
        return _without_answer(failure)
    return _with_answer(failure, failure.answer, family)


def _without_answer(failure: Failure) -> Verdict:
    if not failure.has_left:
        local = _by_class(failure.error)
        return local if local.kind is Kind.REFUSED else _UNREACHED
    chain = [failure.error, *_causes(failure.error)]
    return _UNREACHED if any(_names(each) & _NEVER_LEFT for each in chain) else _UNKNOWN


def _with_answer(failure: Failure, answer: Answer, family: Family) -> Verdict:
    code = code_of(answer.text)
    if code is not None and (known := verdict_of_code(code, answer.text, family)) is not None:
        return known
    if answer.status in {BANNED, TOO_MANY}:
        return _LIMITED
    if answer.status >= SERVER_TROUBLE or code is None:
        return _UNKNOWN
    return _by_class(failure.error)


def _by_class(error: BaseException) -> Verdict:
    names = _names(error)
    return next((meaning for name, meaning in _CLASSES if name in names), _UNKNOWN)


def retry_after(answer: Answer | None, now: datetime) -> float | None:
    """Seconds until the venue will listen again, by its headers or its words; None where it does not say."""
    if answer is None:
        return None
    if (told := _number(answer.headers.get("retry-after"))) is not None:
        return told
    reset = _number(answer.headers.get("x-bapi-limit-reset-timestamp"))
    if reset is None and (found := _UNTIL.search(answer.text)):
        reset = float(found.group(1))
    return None if reset is None else max(reset / 1000 - (now - EPOCH).total_seconds(), 0.0)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def detail_of(failure: Failure) -> str:
    """The venue's own code and text, or what broke, short enough to show."""
    text = failure.answer.text if failure.answer is not None and failure.answer.text else str(failure.error)
    return _shortened(_sentence(text) or type(failure.error).__name__)


def _sentence(text: str) -> str:
    try:
        told: Any = json.loads(text)
    except ValueError:
        return text
    if not isinstance(told, dict):
        return text
    code = told.get("code", told.get("retCode"))
    words = told.get("msg", told.get("retMsg"))
    return text if code is None or words is None else f"{code}: {words}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"


def outcome(failure: Failure, family: Family, now: datetime) -> Refused | OutcomeUnknown | NotSent:
    """The answer to a request that would have changed something."""
    meaning = verdict(failure, family)
    detail = detail_of(failure)
    match meaning.kind:
        case Kind.REFUSED | Kind.OPERATOR | Kind.NO_CHANGE:
            return Refused(meaning.refusal, detail)
        case Kind.LIMITED | Kind.BUSY:
            return NotSent(detail, retry_after(failure.answer, now) or DEFAULT_PAUSE_SEC)
        case Kind.CLOCK | Kind.UNREACHED:
            return NotSent(detail, failure.retry_after)
        case _:
            return OutcomeUnknown(detail)


def read_error(failure: Failure, family: Family) -> AppError:
    """What to raise for a read that failed: a person must act, or it may well work later."""
    meaning = verdict(failure, family)
    detail = detail_of(failure)
    if meaning.kind is Kind.OPERATOR or (meaning.kind is Kind.REFUSED and meaning.refusal is RefusalCode.PERMISSION):
        return OperatorActionNeeded(f"the exchange refuses this key or account: {detail}")
    return Retryable(detail)


def setting_error(failure: Failure, family: Family) -> AppError | None:
    """What to raise for a setting that could not be made; None where it already is so."""
    meaning = verdict(failure, family)
    if meaning.kind is Kind.NO_CHANGE:
        return None
    if meaning.kind in {Kind.REFUSED, Kind.OPERATOR}:
        return OperatorActionNeeded(f"the exchange refused the setting: {detail_of(failure)}")
    return Retryable(detail_of(failure))


def batch_refusal(info: Mapping[str, Any], family: Family) -> Refused | OutcomeUnknown | NotSent | None:
    """The failure of one order in an answered batch, from its part of the answer; None where it was taken."""
    code = str(info.get("code", "0"))
    if code in {"0", "200", "None"}:
        return None
    words = str(info.get("msg") or "")
    meaning = verdict_of_code(code, words, family) or _refused(_R.INVALID_ORDER)
    detail = _shortened(f"{code}: {words}")
    if meaning.kind is Kind.UNKNOWN:
        return OutcomeUnknown(detail)
    if meaning.kind in {Kind.LIMITED, Kind.BUSY, Kind.CLOCK}:
        return NotSent(detail, DEFAULT_PAUSE_SEC)
    return Refused(meaning.refusal, detail)
