"""What Aster's codes mean. Document "Error Codes", and what others have seen beside it."""

from __future__ import annotations

import json

import pytest

from app.exchange.ccxt.dialects.aster import ASTER_CODES
from app.exchange.ccxt.verdicts import (
    BUSY,
    CLOCK,
    KEYS,
    LIMITED,
    LIMITED_ACCOUNT,
    MODE,
    NO_CHANGE,
    OPERATOR,
    UNKNOWN,
    Verdict,
    refused,
)
from app.messages.reports import RefusalCode as R

MEANINGS: list[tuple[int, str, Verdict]] = [
    (-1000, "An unknown error occured while processing the request.", UNKNOWN),
    (-1000, "Signature check failed", KEYS),
    (-1000, "No agent found", KEYS),
    (-1001, "Internal error; unable to process your request. Please try again.", UNKNOWN),
    (-1002, "You are not authorized to execute this request.", KEYS),
    (-1003, "Too many requests queued.", LIMITED),
    (-1004, "This IP is already on the white list", OPERATOR),
    (-1006, "Execution status unknown.", UNKNOWN),
    (-1007, "Send status unknown; execution status unknown.", UNKNOWN),
    (-1011, "This IP cannot access this route.", KEYS),
    (-1015, "Too many new orders.", LIMITED_ACCOUNT),
    (-1016, "This service is no longer available.", BUSY),
    (-1021, "Timestamp for this request was 1000ms ahead of the server's time.", CLOCK),
    (-1022, "Signature for this request is not valid.", KEYS),
    (-1111, "Precision is over the maximum defined for this asset.", refused(R.PRECISION)),
    (-1121, "Invalid symbol.", refused(R.HALTED)),
    (-2010, "NEW_ORDER_REJECTED", refused(R.INVALID_ORDER)),
    (-2010, "Duplicate order sent.", refused(R.DUPLICATE_ID)),
    (-2011, "CANCEL_REJECTED", refused(R.NOT_FOUND)),
    (-2013, "Order does not exist.", refused(R.NOT_FOUND)),
    (-2015, "Invalid API-key, IP, or permissions for action.", KEYS),
    (-2018, "Balance is insufficient.", refused(R.INSUFFICIENT_BALANCE)),
    (-2019, "Margin is insufficient.", refused(R.INSUFFICIENT_BALANCE)),
    (-2021, "Order would immediately trigger.", refused(R.WOULD_TRIGGER)),
    (-2022, "ReduceOnly Order is rejected.", refused(R.REDUCE_ONLY)),
    (-2023, "User in liquidation mode now.", refused(R.HALTED)),
    (-2024, "Position is not sufficient.", refused(R.INSUFFICIENT_BALANCE)),
    (-2025, "Reach max open order limit.", refused(R.INVALID_ORDER)),
    (-2027, "Exceeded the maximum allowable position at current leverage.", refused(R.LEVERAGE)),
    (-4004, "Quantity less than min quantity.", refused(R.MIN_NOTIONAL)),
    (-4005, "Quantity greater than max quantity.", refused(R.INVALID_ORDER)),
    (-4014, "Price not increased by tick size.", refused(R.PRECISION)),
    (-4022, "market status sent is not valid.", refused(R.HALTED)),
    (-4023, "Qty not increased by step size.", refused(R.PRECISION)),
    (-4045, "Reach max stop order limit.", refused(R.INVALID_ORDER)),
    (-4046, "No need to change margin type.", NO_CHANGE),
    (-4047, "Margin type cannot be changed if there exists open orders.", refused(R.LEVERAGE)),
    (-4048, "Margin type cannot be changed if there exists position.", refused(R.LEVERAGE)),
    (-4050, "Cross balance insufficient.", refused(R.INSUFFICIENT_BALANCE)),
    (-4059, "No need to change position side.", NO_CHANGE),
    (-4061, "Order's position side does not match user's setting.", MODE),
    (-4062, "Invalid or improper reduceOnly value.", refused(R.REDUCE_ONLY)),
    (-4082, "Invalid number of batch place orders.", refused(R.INVALID_ORDER)),
    (-4087, "User can only place reduce only order", refused(R.PERMISSION)),
    (-4088, "User can not place order currently", refused(R.PERMISSION)),
    (-4118, "ReduceOnly Order Failed.", refused(R.REDUCE_ONLY)),
    (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit", refused(R.INVALID_ORDER)),
    (-4140, "Invalid symbol status for opening position", refused(R.HALTED)),
    (-4142, "REJECT: take profit or stop order will be triggered immediately", refused(R.WOULD_TRIGGER)),
    (-4161, "Leverage reduction is not supported in Isolated Margin Mode", refused(R.LEVERAGE)),
    (-4164, "Order's notional must be no smaller than 5.0", refused(R.MIN_NOTIONAL)),
    (-4183, "Price is higher than stop price multiplier cap.", refused(R.INVALID_ORDER)),
    (-4225, "Nonce Expired", CLOCK),
    (-5060, "The limit order price does not meet the PERCENT_PRICE filter limit.", refused(R.INVALID_ORDER)),
    (-5076, "Total order value should be more than 5 USDT", refused(R.MIN_NOTIONAL)),
]


@pytest.mark.parametrize(("code", "words", "meaning"), MEANINGS, ids=lambda value: str(value)[:40])
def test_each_code_has_its_meaning(code: int, words: str, meaning: Verdict) -> None:
    text = json.dumps({"code": code, "msg": words})
    assert ASTER_CODES.meaning(ASTER_CODES.code_in(text) or "", text) == meaning
