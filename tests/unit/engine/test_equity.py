"""Equity: dollars are one currency, paper and live are two worlds (risk.md, grid.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from app.engine.money import equity_of, money_view, realized_fact, started_fact
from app.engine.state import AccountState, Balance, EngineState, Market
from app.engine.turn import Turn
from app.engine.views import engine_view
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
    money = money_view(state, NOON, "paper", ["paper"])
    assert equity(state) == equity(state, "USDC") == money.equity == money.free == wanted
    assert money.currency == "USDC"


def test_money_on_paper_is_not_added_to_real_money() -> None:
    state = state_of(USDT="10000")
    add_account(state, "main")
    put_balance(state, "main", "USDC", Balance(D(700), D(650), NOON))
    hold(state, "110")
    state.facts |= {
        realized_fact("paper", NOON): "30",
        realized_fact("main", NOON): "-4",
        started_fact("paper"): "9000",
    }
    real, paper = (money_view(state, NOON, name, [account]) for name, account in (("live", "main"), ("paper", "paper")))
    assert (real.environment, real.currency, real.equity, real.free) == ("live", "USDC", D(700), D(650))
    assert (real.realized_today, real.realized_total, real.started_with, real.unrealized) == (D(-4), D(-4), None, D(0))
    assert (paper.equity, paper.realized_today, paper.started_with, paper.unrealized) == (
        D(10020),
        D(30),
        D(9000),
        D(20),
    )


def shown(*accounts: str, **facts: str) -> str:
    """The environment whose money is shown of a paper account, and of one that is live and not armed."""
    live = {"id": "main", "venue": "binance", "market_type": "linear", "environment": "live"}
    config = parse_config({"accounts": [{"id": "paper", "environment": "paper"}, live]})
    state = EngineState(config, facts=facts, recovered=True)
    for account in accounts:
        add_account(state, account)
    return engine_view(Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))).money.environment


def test_money_that_is_shown_is_that_of_an_account_that_is_there() -> None:
    assert shown() == shown("paper") == shown("paper", "main") == "paper"
    assert shown("main") == "live"


def test_real_money_of_which_some_was_lost_today_is_shown_though_it_is_at_rest() -> None:
    assert shown("paper", "main", **{realized_fact("main", NOON): "-40"}) == "live"
    assert shown("paper", "main", **{realized_fact("main", NOON - timedelta(days=1)): "-40"}) == "paper"


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
    assert (figures.equities(turn, "paper"), figures.equities(turn, "live")) == (None, {"real": D(4980)})


def two_accounts(first: str, second: str) -> EngineState:
    state = state_of(USDT=first)
    state.config = parse_config({"accounts": [{"id": "paper"}, {"id": "second"}], "risk": {"max_drawdown_percent": 20}})
    add_account(state, "second")
    put_balance(state, "second", "USDT", Balance(D(second), D(second), NOON))
    return state


def fallen(state: EngineState) -> Decimal | None:
    """By how many percent, once the peak is noted."""
    turn = Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))
    figures.note_peak(turn, "paper")
    percent = figures.drawdown_percent(turn, "paper")
    turn.apply()
    return percent


def has(state: EngineState, account: str, total: str) -> None:
    put_balance(state, account, "USDT", Balance(D(total), D(total), NOON))


def test_an_account_that_is_removed_is_no_drawdown_and_hides_none() -> None:
    state = two_accounts("1000", "1000")
    assert fallen(state) == 0
    has(state, "paper", "900")
    assert fallen(state) == 5
    state.config = parse_config({"accounts": [{"id": "paper"}]})
    del state.accounts["second"], state.balances["second"]
    assert fallen(state) == 10
    state.config = parse_config({"accounts": [{"id": "paper"}, {"id": "second"}]})
    add_account(state, "second")
    has(state, "second", "100")
    assert fallen(state) == D(100 * 100) / 1100


def test_an_account_that_joins_hides_no_drawdown() -> None:
    state = two_accounts("1000", "1000")
    del state.accounts["second"], state.balances["second"]
    assert fallen(state) == 0
    has(state, "paper", "700")
    add_account(state, "second")
    has(state, "second", "1000")
    assert fallen(state) == 15
    has(state, "second", "500")
    assert fallen(state) == 40


def unreachable(state: EngineState) -> None:
    """The second account, since the start."""
    state.balances.pop("second", None)
    state.accounts["second"].connected = state.accounts["second"].reconciled = False


def test_one_account_out_of_reach_does_not_switch_the_drawdown_off_for_the_others() -> None:
    state = two_accounts("1000", "1000")
    assert fallen(state) == 0
    unreachable(state)
    assert fallen(state) == 0
    has(state, "paper", "300")
    assert fallen(state) == 35
    hold(state, None, account="second")
    assert fallen(state) == 35


def test_the_drawdown_waits_for_the_balance_that_follows_a_fill() -> None:
    state = two_accounts("1000", "1000")
    assert fallen(state) == 0
    has(state, "paper", "300")
    state.accounts["second"].unsettled_since = NOON
    assert fallen(state) is None


def test_a_reset_while_one_account_is_out_of_reach_holds() -> None:
    state = two_accounts("1000", "1000")
    assert fallen(state) == 0
    unreachable(state)
    has(state, "paper", "300")
    turn = Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))
    figures.note_peak(turn, "paper", anew=True)
    assert figures.drawdown_percent(turn, "paper") == 0
    turn.apply()
    has(state, "second", "500")
    state.accounts["second"].connected = state.accounts["second"].reconciled = True
    assert fallen(state) == 0
    has(state, "second", "100")
    assert fallen(state) == 50


def test_a_peak_that_has_left_the_window_is_forgotten() -> None:
    state = two_accounts("1000", "1000")
    for ago in (29, 30, 400):
        state.facts[f"peak_equities/paper/{NOON - timedelta(days=ago):%Y-%m-%d}"] = '{"paper": "4000"}'
    assert fallen(state) == 60
    kept = [name for name, value in state.facts.items() if value]
    days = [f"{NOON - timedelta(days=ago):%Y-%m-%d}" for ago in (29, 0)]
    assert kept == [f"peak_equities/paper/{day}" for day in days]


def test_an_account_that_is_out_of_reach_for_a_while_comes_back_with_its_peak() -> None:
    state = two_accounts("1000", "1000")
    assert fallen(state) == 0
    del state.accounts["second"], state.balances["second"]
    assert fallen(state) == 0
    add_account(state, "second")
    has(state, "second", "600")
    assert fallen(state) == 20


@pytest.mark.parametrize(("ago", "lost"), [(timedelta(hours=1), 20), (timedelta(days=1), 0)])
def test_what_was_bought_today_before_the_day_was_begun_counts_whole(ago: timedelta, lost: int) -> None:
    state = state_of(USDT="1000")
    hold(state, "90", first_fill_at=NOON - ago)
    turn = Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))
    figures.begin_day(turn, "paper")
    assert figures.day_result(turn, "paper") == -lost
