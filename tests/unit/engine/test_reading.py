"""On which account a signal is acted, and what it must bring along."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.alert import validate
from app.domain.alert_body import FieldError
from app.domain.client_order_id import Namespace
from app.domain.market import Quote
from app.domain.signal import Signal
from app.engine.reading import Reading, read
from app.engine.state import EngineState, Market
from app.engine.turn import Turn
from app.messages.commands import KeyGrant
from tests.support.examples import NOON, message
from tests.support.strategies import rules_of
from tests.unit.engine.test_reconciling import Ids

PAPER = {"id": "paper"}
BINANCE = {"id": "bin", "venue": "binance", "environment": "live"}
BYBIT = {"id": "byb", "venue": "bybit", "environment": "testnet"}
GATE = {"id": "gate", "venue": "gate", "market_type": "spot", "environment": "live"}
SECOND = {"id": "bin2", "venue": "binance", "environment": "testnet"}


def alert(exchange: str = "BINANCE", **tv: Any) -> Signal:
    told = message()
    fields = {**told["tv"], "exchange": exchange, **tv}
    return validate({**told, "tv": {key: value for key, value in fields.items() if value is not None}})


def reading(signal: Signal, *accounts: dict[str, Any], **config: Any) -> Reading | list[FieldError]:
    state = EngineState(parse_config({"accounts": list(accounts), **config}))
    return read(Turn(state, NOON, Ids(), lambda: 0.5, Namespace("00000", 0)), signal, None)


def reading_with_key(signal: Signal, price: str) -> Reading | list[FieldError]:
    """With a key that may spend 100, the market at `price`."""
    state = EngineState(parse_config({"accounts": [PAPER]}))
    rules = rules_of("0.01", "0.001", symbol=signal.symbol)
    state.markets["paper", signal.symbol] = Market(rules, Quote.flat(Decimal(price), NOON), NOON)
    turn = Turn(state, NOON, Ids(), lambda: 0.5, Namespace("00000", 0))
    return read(turn, signal, KeyGrant("small", max_quote=Decimal(100)))


@pytest.mark.parametrize(
    ("accounts", "exchange", "goes_to"),
    [
        ([PAPER], "BYBIT", "paper"),
        ([PAPER, BINANCE], "BINANCE", "bin"),
        ([PAPER, BINANCE], "BYBIT", "paper"),
        ([PAPER, BINANCE, BYBIT], "BYBIT", "byb"),
        ([BINANCE, BYBIT], "BINANCE", "bin"),
        ([BINANCE, GATE], "BINANCE", "bin"),
    ],
)
def test_an_alert_goes_to_its_exchange_and_else_to_paper(
    accounts: list[dict[str, Any]], exchange: str, goes_to: str
) -> None:
    found = reading(alert(exchange), *accounts)
    assert isinstance(found, Reading)
    assert found.identity.account == goes_to


def test_charts_spell_some_exchanges_otherwise() -> None:
    found = reading(alert("GATEIO", symbol="BTCUSDT"), {"id": "paper", "market_type": "spot"}, GATE)
    assert isinstance(found, Reading)
    assert found.identity.account == "gate"


@pytest.mark.parametrize(
    ("accounts", "exchange", "says"),
    [
        ([BINANCE], "BYBIT", "no account for BYBIT linear"),
        ([BINANCE, SECOND], "BINANCE", "more than one account for BINANCE linear"),
        ([PAPER, {"id": "other"}], "BYBIT", "more than one account for BYBIT linear"),
        ([PAPER, BINANCE, SECOND], "BINANCE", "more than one account"),
    ],
)
def test_an_alert_without_its_one_account_is_refused(accounts: list[dict[str, Any]], exchange: str, says: str) -> None:
    found = reading(alert(exchange), *accounts)
    assert isinstance(found, list)
    assert (found[0].field, says in found[0].reason) == ("account", True)


def test_who_places_by_hand_names_no_exchange() -> None:
    found = reading(replace(alert(), exchange=""), BINANCE)
    assert isinstance(found, Reading)
    assert isinstance(reading(replace(alert(), exchange=""), BINANCE, BYBIT), list)


def test_an_entry_brings_a_size_where_the_grid_takes_it_from_the_signal() -> None:
    sizeless = alert(order_size=None)
    assert reading(sizeless, PAPER) == [
        FieldError("tv.order_size", "is missing: the grid takes its size from the signal")
    ]
    own = {"grid": {"default": {"size_from": "quote", "size_value": "100"}}}
    assert isinstance(reading(sizeless, PAPER, **own), Reading)
    leaving = replace(sizeless, intent_type="exit")
    assert isinstance(reading(leaving, PAPER), Reading)


def test_what_a_key_may_spend_is_counted_at_the_market_where_a_short_is_told_below_it() -> None:
    told = alert(action="sell", symbol="SOLUSDT.P", close_price="4", entry_price=None, order_size="20")
    assert isinstance(reading_with_key(told, "4"), Reading)
    found = reading_with_key(told, "200")
    assert isinstance(found, list)
    assert found[0].reason == "this key may not spend 3960.59, at most 100"
