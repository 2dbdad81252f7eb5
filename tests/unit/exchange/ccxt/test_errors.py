"""What failures mean: by the venue's code, by ccxt's class, and by how far the request came."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from app.base.errors import OperatorActionNeeded, Retryable
from app.exchange.ccxt.dialects.aster import ASTER_CODES
from app.exchange.ccxt.dialects.binance import BINANCE_CODES
from app.exchange.ccxt.dialects.bybit import BYBIT_CODES
from app.exchange.ccxt.dialects.gate import GATE_CODES
from app.exchange.ccxt.dialects.kucoin import KUCOIN_CODES
from app.exchange.ccxt.dialects.mexc import MEXC_CODES
from app.exchange.ccxt.dialects.okx import OKX_CODES
from app.exchange.ccxt.errors import (
    Answer,
    Failure,
    batch_refusal,
    detail_of,
    outcome,
    read_error,
    retry_after,
    said,
    setting_error,
    unsigned,
    verdict,
)
from app.exchange.ccxt.verdicts import Codes, Kind
from app.exchange.ccxt.wire import Access
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused

ccxt = import_module("ccxt")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
R = RefusalCode
UNKNOWN = "unknown"
NOT_SENT = "not_sent"


def binance(code: int, words: str = "words", status: int = 400, headers: dict[str, str] | None = None) -> Failure:
    text = json.dumps({"code": code, "msg": words})
    return Failure(ccxt.ExchangeError(f"binanceusdm {text}"), Answer(status, text, headers or {}))


def bybit(code: int, words: str = "words", headers: dict[str, str] | None = None) -> Failure:
    text = json.dumps({"retCode": code, "retMsg": words})
    return Failure(ccxt.ExchangeError(f"bybit {text}"), Answer(200, text, headers or {}))


def after(error: Exception, cause: BaseException) -> Failure:
    """A ccxt error as its fetch raises it, with what caused it."""
    error.__cause__ = cause
    return Failure(error)


def told(failure: Failure, codes: Codes = BINANCE_CODES) -> Any:
    """The refusal's code, or which of the other outcomes it is."""
    answer = outcome(failure, codes, NOW)
    match answer:
        case Refused(code=code):
            return code
        case OutcomeUnknown():
            return UNKNOWN
        case NotSent():
            return NOT_SENT


KEY = SimpleNamespace(host="localhost", port=1, ssl=None)
REFUSED_CONNECTION = aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "refused"))  # type: ignore[arg-type]  # stands in


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (-1000, UNKNOWN),
        (-1001, UNKNOWN),
        (-1003, NOT_SENT),
        (-1006, UNKNOWN),
        (-1007, UNKNOWN),
        (-1008, NOT_SENT),
        (-1013, R.INVALID_ORDER),
        (-1015, NOT_SENT),
        (-1016, NOT_SENT),
        (-1021, NOT_SENT),
        (-1022, R.PERMISSION),
        (-1111, R.PRECISION),
        (-1121, R.HALTED),
        (-2010, R.INVALID_ORDER),
        (-2011, R.NOT_FOUND),
        (-2013, R.NOT_FOUND),
        (-2014, R.PERMISSION),
        (-2015, R.PERMISSION),
        (-2018, R.INSUFFICIENT_BALANCE),
        (-2019, R.INSUFFICIENT_BALANCE),
        (-2021, R.WOULD_TRIGGER),
        (-2022, R.REDUCE_ONLY),
        (-2027, R.LEVERAGE),
        (-2028, R.LEVERAGE),
        (-4003, R.PRECISION),
        (-4005, R.INVALID_ORDER),
        (-4014, R.PRECISION),
        (-4016, R.INVALID_ORDER),
        (-4023, R.PRECISION),
        (-4024, R.INVALID_ORDER),
        (-4028, R.LEVERAGE),
        (-4045, R.INVALID_ORDER),
        (-4061, R.INVALID_ORDER),
        (-4116, R.DUPLICATE_ID),
        (-4118, R.REDUCE_ONLY),
        (-4120, R.UNSUPPORTED),
        (-4131, R.INVALID_ORDER),
        (-4140, R.HALTED),
        (-4141, R.HALTED),
        (-4161, R.LEVERAGE),
        (-4164, R.MIN_NOTIONAL),
        (-4192, R.PERMISSION),
        (-4400, R.PERMISSION),
        (-4411, R.PERMISSION),
    ],
)
def test_each_code_of_binance_means_one_thing(code: int, meaning: object) -> None:
    assert str(code) in BINANCE_CODES.table
    assert told(binance(code)) == meaning
    assert told(binance(code), BINANCE_CODES) == meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (10000, UNKNOWN),
        (10001, R.INVALID_ORDER),
        (10002, NOT_SENT),
        (10003, R.PERMISSION),
        (10004, R.PERMISSION),
        (10005, R.PERMISSION),
        (10006, NOT_SENT),
        (10010, R.PERMISSION),
        (10016, UNKNOWN),
        (10018, NOT_SENT),
        (10429, NOT_SENT),
        (33004, R.PERMISSION),
        (110001, R.NOT_FOUND),
        (110003, R.INVALID_ORDER),
        (110004, R.INSUFFICIENT_BALANCE),
        (110006, R.INSUFFICIENT_BALANCE),
        (110007, R.INSUFFICIENT_BALANCE),
        (110008, R.NOT_FOUND),
        (110010, R.NOT_FOUND),
        (110012, R.INSUFFICIENT_BALANCE),
        (110013, R.LEVERAGE),
        (110017, R.REDUCE_ONLY),
        (110045, R.INSUFFICIENT_BALANCE),
        (110072, R.DUPLICATE_ID),
        (110074, R.HALTED),
        (110079, NOT_SENT),
        (110092, R.WOULD_TRIGGER),
        (110093, R.WOULD_TRIGGER),
        (110094, R.MIN_NOTIONAL),
        (170121, R.HALTED),
        (170131, R.INSUFFICIENT_BALANCE),
        (170134, R.PRECISION),
        (170136, R.MIN_NOTIONAL),
        (170137, R.PRECISION),
        (170140, R.MIN_NOTIONAL),
        (170141, R.DUPLICATE_ID),
        (170146, UNKNOWN),
        (170147, UNKNOWN),
        (170151, R.HALTED),
        (170157, R.HALTED),
        (170213, R.NOT_FOUND),
    ],
)
def test_each_code_of_bybit_means_one_thing(code: int, meaning: object) -> None:
    assert str(code) in BYBIT_CODES.table
    assert told(bybit(code), BYBIT_CODES) == meaning


@pytest.mark.parametrize(
    ("code", "words", "meaning"),
    [
        (-2010, "Account has insufficient balance for requested action.", R.INSUFFICIENT_BALANCE),
        (-2010, "Duplicate order sent.", R.DUPLICATE_ID),
        (-2010, "Order would trigger immediately.", R.WOULD_TRIGGER),
        (-2010, "Market is closed.", R.HALTED),
        (-2010, "This symbol is not permitted for this account.", R.PERMISSION),
        (-1013, "Filter failure: LOT_SIZE", R.PRECISION),
        (-1013, "Filter failure: PRICE_FILTER", R.PRECISION),
        (-1013, "Filter failure: NOTIONAL", R.MIN_NOTIONAL),
        (-1013, "Filter failure: MIN_NOTIONAL", R.MIN_NOTIONAL),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", R.INVALID_ORDER),
    ],
)
def test_the_words_decide_where_the_code_only_says_rejected(code: int, words: str, meaning: object) -> None:
    assert told(binance(code, words)) == meaning


@pytest.mark.parametrize("code", ["-4046", "-4059", "-5027"])
def test_h31_no_need_to_change_is_success_on_binance(code: str) -> None:
    assert BINANCE_CODES.table[code].kind is Kind.NO_CHANGE
    assert setting_error(binance(int(code)), BINANCE_CODES) is None


@pytest.mark.parametrize("code", ["110025", "110026", "110043", "34040"])
def test_h31_no_need_to_change_is_success_on_bybit(code: str) -> None:
    assert setting_error(bybit(int(code)), BYBIT_CODES) is None


def test_a_setting_that_is_refused_needs_a_person() -> None:
    assert isinstance(setting_error(binance(-4028), BINANCE_CODES), OperatorActionNeeded)


def test_a_setting_that_got_no_answer_may_be_tried_again() -> None:
    assert isinstance(setting_error(Failure(ccxt.RequestTimeout("x")), BINANCE_CODES), Retryable)


def test_h01_a_time_out_leaves_the_outcome_unknown() -> None:
    assert told(after(ccxt.RequestTimeout("x"), TimeoutError())) == UNKNOWN


def test_h01_a_503_leaves_the_outcome_unknown() -> None:
    answer = Answer(503, '{"msg": "Unknown error, please check your request or try again later."}', {})
    assert told(Failure(ccxt.ExchangeNotAvailable("x"), answer)) == UNKNOWN


def test_h42_a_page_of_html_leaves_the_outcome_unknown() -> None:
    failure = Failure(ccxt.ExchangeError("x"), Answer(500, "<html>oops</html>", {}))
    assert told(failure) == UNKNOWN
    assert isinstance(read_error(failure, BINANCE_CODES), Retryable)


def test_h01_a_connection_cut_after_sending_leaves_the_outcome_unknown() -> None:
    assert told(after(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError())) == UNKNOWN
    assert told(after(ccxt.ExchangeNotAvailable("x"), aiohttp.ClientOSError(errno.ECONNRESET, "reset"))) == UNKNOWN
    assert told(after(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError())) == UNKNOWN


def test_a_refused_connection_sent_nothing() -> None:
    assert told(after(ccxt.ExchangeNotAvailable("x"), REFUSED_CONNECTION)) == NOT_SENT


def test_a_time_out_while_connecting_sent_nothing() -> None:
    assert told(after(ccxt.RequestTimeout("x"), aiohttp.ConnectionTimeoutError())) == NOT_SENT


def test_giving_up_while_waiting_for_the_limits_sent_nothing() -> None:
    assert told(Failure(TimeoutError(), has_left=False)) == NOT_SENT


def test_what_ccxt_refuses_itself_is_refused() -> None:
    assert told(Failure(ccxt.InvalidOrder("amount too small"), has_left=False)) == R.INVALID_ORDER
    assert told(Failure(ccxt.BadSymbol("no such market"), has_left=False)) == R.HALTED


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown() -> None:
    assert told(Failure(KeyError("id"), Answer(200, "{}", {}), is_after_success=True)) == UNKNOWN
    assert told(Failure(ccxt.ExchangeError("x"), None, is_after_success=True)) == UNKNOWN


def test_a_code_that_nobody_knows_is_judged_by_ccxts_class() -> None:
    text = json.dumps({"code": -9999, "msg": "?"})
    assert told(Failure(ccxt.InsufficientFunds("x"), Answer(400, text, {}))) == R.INSUFFICIENT_BALANCE
    assert told(Failure(ccxt.ExchangeError("x"), Answer(400, text, {}))) == R.INVALID_ORDER
    assert told(Failure(ccxt.RequestTimeout("x"), Answer(400, text, {}))) == UNKNOWN
    assert told(Failure(ccxt.ExchangeError("x"), Answer(502, text, {}))) == UNKNOWN


def test_h28_a_429_waits_as_long_as_the_venue_says() -> None:
    answer = outcome(binance(-1003, status=429, headers={"retry-after": "7"}), BINANCE_CODES, NOW)
    assert answer == NotSent("the exchange has asked us to wait: -1003: words", 7.0)


def test_h28_a_ban_waits_until_the_time_it_names() -> None:
    until = int(NOW.timestamp() * 1000) + 90_000
    failure = binance(-1003, f"Way too many requests; IP banned until {until}.", status=418)
    assert retry_after(failure.answer, NOW) == 90.0


def test_h28_a_418_without_a_code_was_not_sent() -> None:
    answer = outcome(Failure(ccxt.DDoSProtection("x"), Answer(418, "", {"retry-after": "120"})), BINANCE_CODES, NOW)
    assert isinstance(answer, NotSent)
    assert answer.retry_after == 120.0


def test_bybit_names_the_moment_its_limit_is_reset() -> None:
    headers = {"x-bapi-limit-reset-timestamp": str(int(NOW.timestamp() * 1000) + 2500)}
    assert retry_after(bybit(10006, headers=headers).answer, NOW) == 2.5


def test_bybits_limit_is_reset_within_seconds_whatever_the_clocks_say() -> None:
    headers = {"x-bapi-limit-reset-timestamp": str(int(NOW.timestamp() * 1000) + 3_600_000)}
    assert retry_after(bybit(10006, headers=headers).answer, NOW) == 5.0


def test_a_reset_in_the_past_waits_for_nothing_and_nonsense_is_no_time() -> None:
    assert retry_after(Answer(429, "", {"x-bapi-limit-reset-timestamp": "1"}), NOW) == 0.0
    assert retry_after(Answer(429, "", {"retry-after": "soon"}), NOW) is None
    assert retry_after(None, NOW) is None


def test_h29_a_time_stamp_error_is_a_clock_to_put_right() -> None:
    assert verdict(binance(-1021), BINANCE_CODES).kind is Kind.CLOCK
    assert verdict(bybit(10002), BYBIT_CODES).kind is Kind.CLOCK


def test_a_read_with_a_bad_key_needs_a_person() -> None:
    assert isinstance(read_error(binance(-2015), BINANCE_CODES), OperatorActionNeeded)
    assert isinstance(read_error(bybit(10003), BYBIT_CODES), OperatorActionNeeded)


def test_h04_a_read_without_an_answer_may_be_tried_again() -> None:
    assert isinstance(read_error(after(ccxt.ExchangeNotAvailable("x"), REFUSED_CONNECTION), BINANCE_CODES), Retryable)


def test_the_detail_is_the_venues_own_code_and_text() -> None:
    assert outcome(binance(-2019, "Margin is insufficient."), BINANCE_CODES, NOW) == Refused(
        R.INSUFFICIENT_BALANCE, "-2019: Margin is insufficient."
    )


def test_a_long_answer_is_shortened() -> None:
    answer = outcome(Failure(ccxt.ExchangeError("x"), Answer(500, "x" * 1000, {})), BINANCE_CODES, NOW)
    assert len(answer.detail) == 300


@pytest.mark.parametrize(
    ("info", "meaning"),
    [
        (
            {"code": -2019, "msg": "Margin is insufficient."},
            Refused(R.INSUFFICIENT_BALANCE, "-2019: Margin is insufficient."),
        ),
        ({"code": "-1007", "msg": "?"}, OutcomeUnknown("the exchange did not answer as it should: -1007: ?")),
        ({"code": "-1021", "msg": "?"}, NotSent("the exchange finds the time of the request wrong: -1021: ?", 1.0)),
        ({"code": -9999, "msg": "?"}, Refused(R.INVALID_ORDER, "-9999: ?")),
        ({"code": 0}, None),
        ({"orderId": "1"}, None),
    ],
)
def test_one_order_of_a_batch_is_judged_by_its_own_part_of_the_answer(info: dict[str, Any], meaning: object) -> None:
    assert batch_refusal(info, BINANCE_CODES) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "binance GET https://api.binance.com/api/v3/account?timestamp=17&recvWindow=5000&signature=5ecre7",
        "binance POST https://api.binance.com/api/v3/order symbol=SOLUSDT&timestamp=17&signature=5ecre7",
        "400, message='Invalid response status', url='wss://x.example/private/ws?listenKey=5ecre7'",
        f"400, url='wss://fstream.binance.com/ws/5ecre7{'a' * 57}'",
        "aster DELETE https://x.example/fapi/v3/order?signature=5ecre7 apiKey=5ecre7",
    ],
)
def test_what_signs_a_request_is_not_told(text: str) -> None:
    told = detail_of(Failure(ccxt.RequestTimeout(text)))
    assert "5ecre7" not in told
    assert told
    assert "api.binance.com" not in told
    assert "5ecre7" not in detail_of(Failure(ccxt.ExchangeError(text), Answer(502, text, {})))


@pytest.mark.parametrize(
    "text", ["-1013: is it less than 5?", "Timestamp for this request is outside of the recvWindow."]
)
def test_ordinary_words_stay(text: str) -> None:
    assert unsigned(text) == text


ECHOED = "Hs7Kd2Qp9Zx4Vb6Nm1Wc8Rt3"
WRONG_SIGNATURES = [
    (BINANCE_CODES, '{"code":-1022,"msg":"Signature for KEY is not valid."}'),
    (ASTER_CODES, '{"code":-1000,"msg":"Signature check failed KEY"}'),
    (BYBIT_CODES, '{"retCode":10004,"retMsg":"error sign! origin_string[1763740000000KEY5000category=linear]"}'),
    (OKX_CODES, '{"code":"50113","msg":"Invalid Sign of KEY","data":[]}'),
    (KUCOIN_CODES, '{"code":"400005","msg":"Invalid KC-API-SIGN KEY"}'),
    (GATE_CODES, '{"label":"INVALID_SIGNATURE","message":"Signature mismatch KEY"}'),
    (MEXC_CODES, '{"code":700002,"msg":"Signature for KEY is not valid."}'),
]


@pytest.mark.parametrize(("codes", "text"), WRONG_SIGNATURES)
def test_every_venues_answer_to_a_wrong_signature_is_a_refusal_of_the_keys_and_told_without_them(
    codes: Codes, text: str
) -> None:
    Access(api_key=ECHOED)
    echoing = text.replace("KEY", ECHOED)
    failure = Failure(ccxt.AuthenticationError(f"venue {echoing}"), Answer(401, echoing, {}))
    assert verdict(failure, codes).kind is Kind.KEYS
    answer = outcome(failure, codes, NOW)
    assert isinstance(answer, Refused)
    texts = [answer.detail, str(read_error(failure, codes)), str(setting_error(failure, codes)), said(failure.error)]
    assert all("••••8Rt3" in each for each in texts)
    assert not any(ECHOED in each for each in texts)
    assert answer.detail.startswith("the exchange refuses the keys: ")


def test_of_a_failed_request_our_sentence_comes_first_and_its_host_and_query_not_at_all() -> None:
    failure = Failure(ccxt.RequestTimeout("bybit GET http://127.0.0.1:9520/v5/order/realtime?category=linear"))
    assert str(read_error(failure, BYBIT_CODES)) == "the exchange did not answer: GET /v5/order/realtime"


def test_of_raw_json_only_code_and_text_are_said() -> None:
    text = 'bybit {"retCode":10003,"retMsg":"API key is invalid.","result":{}}'
    assert said(ccxt.AuthenticationError(text)) == "10003: API key is invalid."


FUTURES = import_module("ccxt.pro").binanceusdm().exceptions["linear"]["exact"]
"""ccxt's own table for the real host; at any other host it takes another."""
REFUSES_KEYS = {"-1002", "-1022", "-1099", "-2014", "-2015", "-2017"}


def at_the_real_host(code: str) -> Failure:
    return Failure(FUTURES[code]("words"), Answer(400, json.dumps({"code": int(code), "msg": "words"}), {}))


def test_at_the_real_host_only_what_refuses_the_keys_takes_the_account_out() -> None:
    kinds = {code: verdict(at_the_real_host(code), BINANCE_CODES).kind for code in FUTURES}
    assert {code for code, kind in kinds.items() if kind is Kind.KEYS} == REFUSES_KEYS & set(FUTURES)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("-2020", R.INVALID_ORDER),
        ("-2023", R.INVALID_ORDER),
        ("-4087", R.PERMISSION),
        ("-4088", R.PERMISSION),
        ("-4202", R.LEVERAGE),
        ("-4403", R.LEVERAGE),
        ("-4401", R.PERMISSION),
        ("-4402", R.PERMISSION),
    ],
)
def test_at_the_real_host_a_definite_no_is_a_refusal(code: str, meaning: RefusalCode) -> None:
    answer = outcome(at_the_real_host(code), BINANCE_CODES, NOW)
    assert isinstance(answer, Refused)
    assert answer.code is meaning


def test_what_a_key_may_not_do_is_refused_and_its_account_stays() -> None:
    failure = Failure(ccxt.PermissionDenied("words"), Answer(400, '{"code": -9999, "msg": "words"}', {}))
    assert verdict(failure, BINANCE_CODES).kind is Kind.OPERATOR
