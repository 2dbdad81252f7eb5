"""What a failed request means for the engine: a table of the venues' codes, then of ccxt's exception classes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app.base.clock import EPOCH
from app.base.errors import AppError, LimitsUsedUp, OperatorActionNeeded, Retryable
from app.base.masking import masked
from app.exchange.ccxt.verdicts import (
    CLOCK,
    KEYS,
    LIMITED,
    NO_CHANGE,
    OPERATOR,
    UNKNOWN,
    UNREACHED,
    Codes,
    Kind,
    Verdict,
    refused,
)
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused

DEFAULT_PAUSE_SEC = 1.0
LONGEST_DETAIL = 300
BANNED = 418
TOO_MANY = 429
SERVER_TROUBLE = 500
TOO_FREQUENT = "access too frequent"
"""With status 403, by which Bybit shuts out an address for ten minutes."""
SHUT_OUT_SEC = 600.0
LONGEST_RESET_SEC = 5.0
"""Bybit's limits are of a second each: a later reset is a matter of clocks."""
_UNTIL = re.compile(r"until (\d{13})")
_QUERY = re.compile(r"(?<=[\w/])\?(?=[\w.%-]+=)[^\s'\">)]*")
_SIGNED = re.compile(r"(?i)\b(?:signature|sign|api_?key|timestamp|recv_?window|listen_?key)=[^\s&'\">)]+&?")
_HOST = re.compile(r"\b(?:\w+ )?(GET|POST|PUT|DELETE|PATCH) \w+://[^/\s]+")
_STREAM_KEY = re.compile(r"(?<=/)[A-Za-z0-9_-]{40,}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP; headers are asked for by names in lower case."""

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


_CLASSES: tuple[tuple[str, Verdict], ...] = (
    ("RateLimitExceeded", LIMITED),
    ("DDoSProtection", LIMITED),
    ("InvalidNonce", CLOCK),
    ("NoChange", NO_CHANGE),
    ("PermissionDenied", OPERATOR),
    ("AuthenticationError", KEYS),
    ("InsufficientFunds", refused(RefusalCode.INSUFFICIENT_BALANCE)),
    ("OrderNotFound", refused(RefusalCode.NOT_FOUND)),
    ("DuplicateOrderId", refused(RefusalCode.DUPLICATE_ID)),
    ("OrderImmediatelyFillable", refused(RefusalCode.WOULD_TRIGGER)),
    ("ContractUnavailable", refused(RefusalCode.HALTED)),
    ("MarketClosed", refused(RefusalCode.HALTED)),
    ("BadSymbol", refused(RefusalCode.HALTED)),
    ("RestrictedLocation", OPERATOR),
    ("ExchangeError", refused(RefusalCode.INVALID_ORDER)),
)
"""ccxt's classes by name, the narrower first; whatever is none of these has an unknown outcome."""

_CONCLUSIONS = frozenset({"OrderNotFound", "OrderImmediatelyFillable"})
"""What is concluded from answers that are well: a list without the order, a trigger on the wrong side."""
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


def verdict(failure: Failure, codes: Codes) -> Verdict:
    """What became of the request.

    The venue's own code decides before ccxt's class does. A request that may have reached the venue, and was not
    definitely answered, has an unknown outcome.
    """
    if failure.is_after_success:
        return _by_class(failure.error) if _names(failure.error) & _CONCLUSIONS else UNKNOWN
    if failure.answer is None:
        return _without_answer(failure)
    return _with_answer(failure, failure.answer, codes)


def _without_answer(failure: Failure) -> Verdict:
    if not failure.has_left:
        local = _by_class(failure.error)
        return local if local.kind is Kind.REFUSED else UNREACHED
    chain = [failure.error, *_causes(failure.error)]
    return UNREACHED if any(_names(each) & _NEVER_LEFT for each in chain) else UNKNOWN


def _with_answer(failure: Failure, answer: Answer, codes: Codes) -> Verdict:
    code = codes.code_in(answer.text)
    if code is not None and (known := codes.meaning(code, answer.text)) is not None:
        return known
    if answer.status in {BANNED, TOO_MANY} or TOO_FREQUENT in answer.text:
        return LIMITED
    if answer.status >= SERVER_TROUBLE or code is None:
        return UNKNOWN
    return _by_class(failure.error)


def _by_class(error: BaseException) -> Verdict:
    names = _names(error)
    return next((meaning for name, meaning in _CLASSES if name in names), UNKNOWN)


def retry_after(answer: Answer | None, now: datetime) -> float | None:
    """Seconds until the venue will listen again, by its headers or its words; None where it does not say.

    `now` is the venue's.
    """
    if answer is None:
        return None
    if (told := _number(answer.headers.get("retry-after"))) is not None:
        return told
    if (rest_ms := _number(answer.headers.get("gw-ratelimit-reset"))) is not None:
        return rest_ms / 1000
    if TOO_FREQUENT in answer.text:
        return SHUT_OUT_SEC
    now_sec = (now - EPOCH).total_seconds()
    if (reset := _number(answer.headers.get("x-bapi-limit-reset-timestamp"))) is not None:
        return min(max(reset / 1000 - now_sec, 0.0), LONGEST_RESET_SEC)
    found = _UNTIL.search(answer.text)
    return None if found is None else max(float(found.group(1)) / 1000 - now_sec, 0.0)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def said(error: BaseException) -> str:
    """What an exception says, as `unsigned`, short enough to show and of a venue's JSON no more than code and text."""
    words = _HOST.sub(r"\1 ", str(error))
    _, brace, rest = words.partition("{")
    if brace and _sentence(brace + rest) != brace + rest:
        words = _sentence(brace + rest)
    return _shortened(unsigned(words) or type(error).__name__)


def unsigned(text: str) -> str:
    """A text without what proves who we are: ccxt puts the whole address of a request into its exceptions."""
    return masked(_STREAM_KEY.sub("…", _SIGNED.sub("", _QUERY.sub("", text))))


def detail_of(failure: Failure) -> str:
    """The venue's own code and text, or what broke, as `said` shows it."""
    if failure.answer is None or not failure.answer.text:
        return said(failure.error)
    return _shortened(unsigned(_sentence(failure.answer.text)))


_OURS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.UNKNOWN: "the exchange did not answer as it should",
        Kind.LIMITED: "the exchange has asked us to wait",
        Kind.BUSY: "the exchange is busy",
        Kind.CLOCK: "the exchange finds the time of the request wrong",
        Kind.UNREACHED: "the exchange could not be reached",
        Kind.KEYS: "the exchange refuses the keys",
        Kind.OPERATOR: "the exchange refuses this key or account",
        Kind.MODE: "the order was made for another position mode than the exchange has here; it is read again",
    }
)


def told_of(failure: Failure, kind: Kind) -> str:
    """Our sentence for what happened, then the venue's own code and text or what broke."""
    detail = detail_of(failure)
    if not failure.has_left:
        return detail
    if kind is Kind.UNKNOWN and failure.answer is None:
        return _shortened(f"the exchange did not answer: {detail}")
    return _with_our_words(detail, kind)


def _with_our_words(detail: str, kind: Kind) -> str:
    return _shortened(f"{_OURS[kind]}: {detail}") if kind in _OURS else detail


def _sentence(text: str) -> str:
    try:
        told: Any = json.loads(text)
    except ValueError:
        return text
    if not isinstance(told, dict):
        return text
    told = _inner(told)
    code = next((told[name] for name in ("code", "retCode", "label", "sCode") if name in told), None)
    words = next((told[name] for name in ("msg", "retMsg", "message", "sMsg") if name in told), None)
    return text if code is None or words is None else f"{code}: {words}"


def _inner(told: dict[str, Any]) -> dict[str, Any]:
    """OKX wraps the failure of one order in an answer that says no more than that something failed."""
    rows = told.get("data")
    first = rows[0] if isinstance(rows, list) and rows else None
    return first if isinstance(first, dict) and first.get("sMsg") else told


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"


def outcome(failure: Failure, codes: Codes, now: datetime) -> Refused | OutcomeUnknown | NotSent:
    """The answer to a request that would have changed something, at the venue's `now`."""
    meaning = verdict(failure, codes)
    detail = told_of(failure, meaning.kind)
    match meaning.kind:
        case Kind.REFUSED | Kind.KEYS | Kind.OPERATOR | Kind.MODE | Kind.NO_CHANGE:
            return Refused(meaning.refusal, detail)
        case Kind.LIMITED | Kind.BUSY:
            return NotSent(detail, retry_after(failure.answer, now) or DEFAULT_PAUSE_SEC)
        case Kind.CLOCK | Kind.UNREACHED:
            return NotSent(detail, failure.retry_after, tried=not isinstance(failure.error, LimitsUsedUp))
        case _:
            return OutcomeUnknown(detail)


def read_error(failure: Failure, codes: Codes) -> AppError:
    """What to raise for a read that failed: a person must act, or it may well work later."""
    meaning = verdict(failure, codes)
    detail = told_of(failure, meaning.kind)
    if meaning.kind in {Kind.KEYS, Kind.OPERATOR}:
        return OperatorActionNeeded(detail)
    if meaning.kind is Kind.REFUSED and meaning.refusal is RefusalCode.PERMISSION:
        return OperatorActionNeeded(f"{_OURS[Kind.OPERATOR]}: {detail}")
    return Retryable(detail)


def setting_error(failure: Failure, codes: Codes) -> AppError | None:
    """What to raise for a setting that could not be made; None where it already is so."""
    meaning = verdict(failure, codes)
    if meaning.kind is Kind.NO_CHANGE:
        return None
    if meaning.kind in {Kind.REFUSED, Kind.KEYS, Kind.OPERATOR, Kind.MODE}:
        return OperatorActionNeeded(f"the exchange refused the setting: {detail_of(failure)}")
    if isinstance(failure.error, LimitsUsedUp):
        return failure.error
    return Retryable(told_of(failure, meaning.kind))


def row_verdict(info: Mapping[str, Any], codes: Codes) -> Verdict | None:
    """What became of one order in an answered batch, by its part of the answer; None where it was taken."""
    code, words = _row_words(info)
    return None if code in {"0", "200", "None"} else codes.meaning(code, words) or refused(RefusalCode.INVALID_ORDER)


def row_detail(info: Mapping[str, Any]) -> str:
    """The venue's code and text for one order in an answered batch."""
    return _shortened(unsigned(": ".join(_row_words(info))))


def _row_words(info: Mapping[str, Any]) -> tuple[str, str]:
    return str(info.get("code", "0")), str(info.get("msg") or "")


def batch_refusal(info: Mapping[str, Any], codes: Codes) -> Refused | OutcomeUnknown | NotSent | None:
    """The failure of one order in an answered batch; None where it was taken."""
    meaning = row_verdict(info, codes)
    if meaning is None:
        return None
    detail = _with_our_words(row_detail(info), meaning.kind)
    if meaning.kind is Kind.UNKNOWN:
        return OutcomeUnknown(detail)
    if meaning.kind in {Kind.LIMITED, Kind.BUSY, Kind.CLOCK}:
        return NotSent(detail, DEFAULT_PAUSE_SEC)
    return Refused(meaning.refusal, detail)
