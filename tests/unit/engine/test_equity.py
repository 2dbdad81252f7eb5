"""Equity: dollars are one currency, paper and live are two worlds (risk.md, grid.md)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.group import Group
from app.domain.market import Quote
from app.domain.values import Side
from app.engine import figures
from app.engine.binding import put_balance
from app.engine.indexing import index_group
from app.engine.money import equity_of, money_view
from app.engine.state import AccountState, Balance, EngineState, Market
from app.engine.turn import Turn
from tests.support.examples import NOON
from tests.support.strategies import filled_group, rules_of
from tests.unit.engine.test_reconciling import CAN, Ids

D = Decimal


def state_of(**balances: str) -> EngineState:
    """One paper account with these balances."""
    state = EngineState(parse_config({"accounts": [{"id": "paper", "environment": "paper"}]}), recovered=True)
    add_account(state, "paper")
    for asset, total in balances.items():
        put_balance(state, "paper", asset, Balance(D(total), D(total), NOON))
    return state


def add_account(state: EngineState, account: str) -> None:
    state.accounts[account] = AccountState(account, CAN, connected=True, reconciled=True)


def hold(state: EngineState, price: str | None, **fields: Any) -> Group:
    """A long of 2 bought at 100."""
    group = replace(filled_group(Side.LONG, ("100", "2")), **fields)
    index_group(state, group, NOON)
    if price is not None:
        rules = rules_of("0.1", "0.001", symbol=group.symbol, base=group.base, quote=group.quote)
        state.markets[group.market_key] = Market(rules, Quote.flat(D(price), NOON), NOON)
    return group


def equity(state: EngineState, quote: str = "USDT") -> Decimal | None:
    return equity_of(state, state.groups.values(), "paper", quote)


@pytest.mark.parametrize("dust", [{}, {"USDT": "0.5"}, {"FDUSD": "0.5"}])
def test_dust_of_another_dollar_does_not_decide(dust: dict[str, str]) -> None:
    state = state_of(USDC="10000", **dust)
    wanted = D(10000) + sum(map(D, dust.values()))
    money = money_view(state, NOON)
    assert equity(state) == equity(state, "USDC") == money.equity == money.free == wanted
    assert money.currency == "USDC"


def test_other_currencies_count_alone() -> None:
    state = state_of(USDT="1000", EUR="300", BTC="1")
    hold(state, "110", id="g0000002", symbol="SOL/EUR", base="SOL", quote="EUR")
    hold(state, "110")
    assert [equity(state, quote) for quote in ("USDT", "EUR", "BTC", "GBP")] == [1020, 520, 1, None]


def test_a_dollar_that_was_bought_counts_once() -> None:
    state = state_of(USDT="800", USDC="200")
    hold(state, "1", symbol="USDC/USDT", base="USDC")
    assert equity(state) == 1000


def test_a_price_that_paper_lacks_does_not_hide_what_live_is_worth() -> None:
    accounts = [{"id": "paper", "environment": "paper"}, {"id": "real", "environment": "live", "venue": "binance"}]
    state = state_of(USDT="1000")
    state.config = parse_config({"accounts": accounts})
    add_account(state, "real")
    put_balance(state, "real", "USDT", Balance(D(5000), D(5000), NOON))
    hold(state, None)
    hold(state, "90", id="g0000002", account="real")
    turn = Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))
    assert (figures.equity_total(turn, "paper"), figures.equity_total(turn, "live")) == (None, D(4980))
