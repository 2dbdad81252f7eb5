"""What Bybit's codes mean to the engine, each by itself."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from app.base.clock import EPOCH
from app.exchange.ccxt.dialects import bybit
from app.exchange.ccxt.dialects.bybit import BYBIT_CODES
from app.exchange.ccxt.errors import Answer, Failure, batch_refusal, outcome, retry_after, verdict
from app.exchange.ccxt.verdicts import Kind
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused

C = RefusalCode
ccxt: Any = import_module("ccxt")

REFUSED = [
    (10001, "params error: symbol invalid", C.INVALID_ORDER),
    (10001, "Qty invalid", C.PRECISION),
    (10001, "The number of contracts exceeds minimum limit allowed", C.MIN_NOTIONAL),
    (10001, "position idx not match position mode", C.INVALID_ORDER),
    (110001, "order not exists or too late to cancel", C.NOT_FOUND),
    (110003, "Order price exceeds the allowable range", C.INVALID_ORDER),
    (110004, "Wallet balance is insufficient", C.INSUFFICIENT_BALANCE),
    (110007, "ab not enough for new order", C.INSUFFICIENT_BALANCE),
    (110008, "The order has been completed or cancelled", C.NOT_FOUND),
    (110010, "The order has been cancelled", C.NOT_FOUND),
    (110012, "Insufficient available balance", C.INSUFFICIENT_BALANCE),
    (110013, "cannot set leverage due to risk limit", C.LEVERAGE),
    (110017, "current position is zero, cannot fix reduce-only order qty", C.REDUCE_ONLY),
    (110020, "You can only have 500 active orders", C.INVALID_ORDER),
    (110030, "Duplicate orderId", C.DUPLICATE_ID),
    (110034, "There is no net position", C.REDUCE_ONLY),
    (110044, "Available margin is insufficient", C.INSUFFICIENT_BALANCE),
    (110045, "Wallet balance is insufficient", C.INSUFFICIENT_BALANCE),
    (110063, "Settlement in progress! SOLUSDT not available for trades", C.HALTED),
    (110066, "Trading is currently not allowed", C.HALTED),
    (110072, "OrderLinkedID is duplicate", C.DUPLICATE_ID),
    (110074, "This contract is not live", C.HALTED),
    (110092, "expect Rising, but trigger_price[1] <= current[2]??LastPrice", C.WOULD_TRIGGER),
    (110093, "expect Falling, but trigger_price[2] >= current[1]??LastPrice", C.WOULD_TRIGGER),
    (110094, "Order does not meet minimum order value 5USDT", C.MIN_NOTIONAL),
    (170033, "margin Insufficient account balance", C.INSUFFICIENT_BALANCE),
    (170121, "Invalid symbol.", C.HALTED),
    (170124, "Order amount too large.", C.INVALID_ORDER),
    (170131, "Insufficient balance.", C.INSUFFICIENT_BALANCE),
    (170134, "Order price has too many decimals.", C.PRECISION),
    (170136, "Order quantity exceeded lower limit.", C.MIN_NOTIONAL),
    (170137, "Order quantity has too many decimals.", C.PRECISION),
    (170139, "Order has been filled.", C.NOT_FOUND),
    (170140, "Order value exceeded lower limit.", C.MIN_NOTIONAL),
    (170141, "Duplicate clientOrderId.", C.DUPLICATE_ID),
    (170142, "Order has been canceled.", C.NOT_FOUND),
    (170143, "Cannot be found on order book", C.NOT_FOUND),
    (170151, "This trading pair is not available yet.", C.HALTED),
    (170157, "The trading pair is not available for api trading", C.HALTED),
    (170190, "Cancel order has been finished", C.NOT_FOUND),
    (170193, "Buy order price cannot be higher than 100.", C.INVALID_ORDER),
    (170210, "New order rejected.", C.INVALID_ORDER),
    (170213, "Order does not exist.", C.NOT_FOUND),
]
OTHERS = [
    (-1, "request expired: o@0, now[] diff[]", Kind.CLOCK),
    (429, "The trading service is experiencing a high server load.", Kind.BUSY),
    (-2015, "Your api key has expired.", Kind.KEYS),
    (10000, "Server Timeout", Kind.UNKNOWN),
    (10001, "The order remains unchanged as the parameters entered match the existing ones.", Kind.NO_CHANGE),
    (10002, "invalid request, please check your server timestamp or recv_window param.", Kind.CLOCK),
    (10003, "API key is invalid.", Kind.KEYS),
    (10004, "error sign!", Kind.KEYS),
    (10005, "Permission denied, please check your API key permissions.", Kind.OPERATOR),
    (10006, "Too many visits!", Kind.LIMITED),
    (10008, "User had been banned", Kind.KEYS),
    (10010, "Unmatched IP, please check your API key's bound IP addresses.", Kind.KEYS),
    (10016, "Server error.", Kind.UNKNOWN),
    (10018, "Exceeded the IP Rate Limit.", Kind.LIMITED),
    (10024, "Compliance rules triggered", Kind.OPERATOR),
    (10429, "System level frequency protection", Kind.LIMITED),
    (33004, "Your api key has expired.", Kind.KEYS),
    (34040, "not modified", Kind.NO_CHANGE),
    (110025, "Position mode is not modified", Kind.NO_CHANGE),
    (110026, "Cross/isolated margin mode is not modified", Kind.NO_CHANGE),
    (110043, "leverage not modified", Kind.NO_CHANGE),
    (110079, "The order is processing and can not be operated, please try again later", Kind.BUSY),
    (170005, "Too many new orders; current limit is 20 orders per 1s.", Kind.LIMITED),
    (170007, "Timeout waiting for response from backend server.", Kind.UNKNOWN),
    (170035, "Submitted to the system for processing!", Kind.UNKNOWN),
    (170146, "Order creation timeout", Kind.UNKNOWN),
    (170191, "Can not cancel order, please try again later", Kind.BUSY),
    (170222, "Too many requests in this time frame.", Kind.LIMITED),
]


def failure(code: int, words: str, status: int = 200) -> Failure:
    body = json.dumps({"retCode": code, "retMsg": words, "result": {}, "retExtInfo": {}, "time": 1})
    return Failure(ccxt.ExchangeError(body), Answer(status, body, {}))


@pytest.mark.parametrize(("code", "words", "refusal"), REFUSED)
def test_a_refusal_has_its_reason(code: int, words: str, refusal: RefusalCode) -> None:
    told = outcome(failure(code, words), BYBIT_CODES, EPOCH)
    assert isinstance(told, Refused)
    assert told.code is refusal


@pytest.mark.parametrize(("code", "words", "kind"), OTHERS)
def test_what_is_no_refusal_has_its_kind(code: int, words: str, kind: Kind) -> None:
    assert verdict(failure(code, words), BYBIT_CODES).kind is kind


def test_no_code_has_two_meanings() -> None:
    rows = [code for codes in (*bybit._REFUSALS.values(), *bybit._OTHERS.values()) for code in codes.split()]
    assert len(rows) == len(set(rows))


def test_ccxts_own_classes_contradict_nothing_of_the_table() -> None:
    """Where ccxt is sure that an order was not found or money is missing, so are we."""
    sure = {"OrderNotFound": C.NOT_FOUND, "InsufficientFunds": C.INSUFFICIENT_BALANCE}
    known = ccxt.bybit().exceptions["exact"]
    for code, cls in known.items():
        meaning = BYBIT_CODES.table.get(code)
        if meaning is not None and meaning.kind is Kind.REFUSED and cls.__name__ in sure:
            assert meaning.refusal is sure[cls.__name__], code


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (0, "OK", None),
        (110072, "OrderLinkedID is duplicate", Refused),
        (10006, "Too many visits!", NotSent),
        (10016, "Server error.", OutcomeUnknown),
    ],
)
def test_one_order_of_a_batch_is_judged_by_its_own_code(code: int, words: str, expected: type | None) -> None:
    told = batch_refusal({"code": code, "msg": words}, BYBIT_CODES)
    assert told is None if expected is None else isinstance(told, expected)


def test_an_address_that_is_shut_out_waits_ten_minutes_and_another_403_is_no_limit() -> None:
    shut_out, elsewhere = (
        Answer(403, "403, access too frequent", {}),
        Answer(403, "<html>blocked by country</html>", {}),
    )
    assert verdict(Failure(ccxt.RateLimitExceeded("403"), shut_out), BYBIT_CODES).kind is Kind.LIMITED
    assert retry_after(shut_out, EPOCH) == 600
    assert verdict(Failure(ccxt.RateLimitExceeded("403"), elsewhere), BYBIT_CODES).kind is Kind.UNKNOWN


def test_a_list_without_the_order_says_that_there_is_none_and_other_unreadable_answers_say_nothing() -> None:
    none = Failure(ccxt.OrderNotFound("no order"), Answer(200, "{}", {}), is_after_success=True)
    odd = Failure(ccxt.ExchangeError("?"), Answer(200, "{}", {}), is_after_success=True)
    assert verdict(none, BYBIT_CODES).refusal is C.NOT_FOUND
    assert verdict(odd, BYBIT_CODES).kind is Kind.UNKNOWN
