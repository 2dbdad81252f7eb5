"""What a session knows of its orders, whichever way round it is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.order import OrderStatus
from app.exchange.ccxt.known import MOST_REMEMBERED, Known
from app.messages.reports import OrderReport
from tests.support.clock import ManualClock
from tests.unit.exchange.ccxt.test_poller import FILLED, RESTING

PART = replace(RESTING, status=OrderStatus.PARTIALLY_FILLED, filled=Decimal(1))
MORE = replace(PART, filled=Decimal("1.5"))


@pytest.fixture
def known() -> Known:
    return Known(ManualClock())


@pytest.mark.parametrize(
    ("newer", "older"), [(FILLED, RESTING), (FILLED, PART), (replace(MORE, status=OrderStatus.CANCELLED), PART)]
)
def test_an_order_that_is_over_does_not_live_again(known: Known, newer: OrderReport, older: OrderReport) -> None:
    known.learn(newer, {})
    known.learn(older, {})
    assert known.live == {}


def test_an_order_is_not_filled_less_than_before(known: Known) -> None:
    known.learn(MORE, {})
    known.learn(PART, {})
    assert known.live == {"zg1": MORE}


def test_an_order_that_was_amended_is_known_as_it_is_now(known: Known) -> None:
    amended = replace(PART, quantity=Decimal(3))
    known.learn(PART, {})
    known.learn(amended, {})
    assert known.live == {"zg1": amended}


def test_only_the_latest_ends_are_remembered(known: Known) -> None:
    for number in range(MOST_REMEMBERED + 10):
        known.learn(replace(FILLED, client_order_id=f"zg{number}"), {})
    assert len(known._ended) == MOST_REMEMBERED


def test_an_order_that_seemed_to_be_nobodys_is_ours_when_it_is_told_as_ours(known: Known) -> None:
    known.note_owner(FILLED.symbol, "77", None)
    known.learn(FILLED, {})
    assert known.owner(FILLED.symbol, "77") == "zg1"


def test_an_order_stays_whose_it_was_first(known: Known) -> None:
    known.note_owner(FILLED.symbol, "77", "zg0")
    known.learn(FILLED, {})
    assert known.owner(FILLED.symbol, "77") == "zg0"


def test_another_markets_order_of_the_same_number_is_another_order(known: Known) -> None:
    elsewhere = replace(FILLED, symbol="LINK/USDT:USDT", client_order_id="zg2")
    known.learn(FILLED, {})
    known.learn(elsewhere, {})
    assert [known.owned(report).client_order_id for report in (FILLED, elsewhere)] == ["zg1", "zg2"]
    assert known.owner("LTC/USDT:USDT", FILLED.venue_order_id) is None
