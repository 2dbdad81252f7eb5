"""The venues' facts agree with the ccxt that is installed."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module

import pytest

from app.domain.values import MarketType, OrderType, PositionMode
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.dialects.base import NEW_ORDERS, Dialect, Operation, Pool
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.verdicts import LIMITED, LIMITED_ACCOUNT
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange

ALL = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)


@ALL
def test_ccxt_has_the_class_with_streams(dialect: Dialect) -> None:
    assert hasattr(import_module("ccxt.pro"), dialect.exchange)


@ALL
async def test_every_coin_has_the_name_that_the_venue_gives_it(dialect: Dialect) -> None:
    made = make_exchange(dialect, Access(), StreamHooks(lambda: None, lambda _: None))
    assert made.commonCurrencies
    assert {coin: made.safe_currency_code(coin) for coin in made.commonCurrencies} == {
        coin: coin for coin in made.commonCurrencies
    }
    await made.close()


@ALL
async def test_a_conditional_order_that_is_over_has_filled_what_the_venue_tells_and_no_more(dialect: Dialect) -> None:
    made = make_exchange(dialect, Access(), StreamHooks(lambda: None, lambda _: None))
    over = {"amount": "5", "status": "closed"}
    for trigger in ("triggerPrice", "stopLossPrice", "takeProfitPrice"):
        conditional = {**over, trigger: "190"}
        assert made.safe_order(conditional)["filled"] is None
        assert made.safe_order({**conditional, "remaining": "0"})["filled"] is None
        assert made.safe_order({**conditional, "filled": "2"})["filled"] == "2"
    assert made.safe_order(over)["filled"] == "5"
    await made.close()


@ALL
def test_a_market_whose_coins_the_venue_knows_by_other_names_is_told_apart(dialect: Dialect) -> None:
    market = {"id": "FLUX-USDT", "base": "FLUX", "baseId": "flux", "quote": "USDT", "quoteId": "USDT", "info": {}}
    assert not dialect.is_renamed(market)
    assert dialect.is_renamed({**market, "baseId": "FLUX1"})
    assert dialect.is_renamed({**market, "quoteId": "USD"})


def test_a_market_that_kucoin_shows_by_another_name_than_its_id_is_told_apart() -> None:
    market = {"id": "BCHSV-USDT", "base": "BCHSV", "baseId": "BCHSV", "quote": "USDT", "quoteId": "USDT"}
    assert KUCOIN_SPOT.is_renamed({**market, "info": {"name": "BSV-USDT"}})
    assert not KUCOIN_SPOT.is_renamed({**market, "info": {"name": "BCHSV-USDT"}})


@ALL
def test_every_venue_has_a_budget_of_weight_and_one_of_orders(dialect: Dialect) -> None:
    assert {budget.pool for budget in dialect.budgets} >= {Pool.WEIGHT, Pool.ORDERS}


@ALL
def test_every_new_order_is_counted_and_nothing_else_is_counted_as_one(dialect: Dialect) -> None:
    counting = [budget.counts for budget in dialect.budgets if budget.pool is Pool.ORDERS]
    assert frozenset().union(*counting) == NEW_ORDERS


@ALL
def test_a_weight_never_exceeds_the_smallest_budget_of_weight(dialect: Dialect) -> None:
    least = min(budget.amount for budget in dialect.budgets if budget.pool is Pool.WEIGHT)
    assert all(dialect.weight(operation) <= least for operation in Operation)


@ALL
def test_only_linear_markets_have_reduce_only(dialect: Dialect) -> None:
    can = dialect.capabilities(PositionMode.ONE_WAY)
    assert can.reduce_only == (dialect.market_type is MarketType.LINEAR)


def test_aster_never_pays_a_builder_fee() -> None:
    assert ASTER_LINEAR.options["builderFee"] is False


def test_h10_binance_futures_keep_stops_in_a_list_of_their_own() -> None:
    assert BINANCE_USDM.is_apart(OrderType.STOP_MARKET)
    assert not BINANCE_USDM.is_apart(OrderType.LIMIT)
    assert not BYBIT_LINEAR.is_apart(OrderType.STOP_MARKET)


def test_h09_binance_futures_take_no_stops_in_batches() -> None:
    assert BINANCE_USDM.may_batch(OrderType.LIMIT)
    assert not BINANCE_USDM.may_batch(OrderType.STOP_MARKET)


def test_stops_at_bybit_do_not_travel_with_what_may_have_to_wait() -> None:
    assert BYBIT_LINEAR.may_batch(OrderType.TAKE_PROFIT_MARKET)
    assert not BYBIT_LINEAR.may_batch(OrderType.STOP_MARKET)
    assert not BYBIT_LINEAR.may_batch(OrderType.STOP_LIMIT)


def test_binance_spot_sends_orders_one_by_one() -> None:
    assert not BINANCE_SPOT.may_batch(OrderType.LIMIT)
    assert not BINANCE_SPOT.capabilities(PositionMode.ONE_WAY).batch_orders


def test_an_accounts_own_fees_replace_the_published_ones() -> None:
    own = (Decimal(0), Decimal("0.0003"))
    assert BINANCE_USDM.capabilities(PositionMode.HEDGE, own).fees == own
    assert BINANCE_USDM.capabilities(PositionMode.HEDGE).fees == (Decimal("0.0002"), Decimal("0.0005"))


@pytest.mark.parametrize(
    ("dialect", "of_account", "of_address"),
    [
        (BINANCE_USDM, "-1015", "-1003"),
        (BINANCE_SPOT, "-1015", "-1003"),
        (BYBIT_LINEAR, "10006", "10018"),
        (BYBIT_SPOT, "170005", "10018"),
        (OKX_SPOT, "50061", "50011"),
    ],
)
def test_h28_a_limit_of_the_account_is_known_from_one_of_the_address(
    dialect: Dialect, of_account: str, of_address: str
) -> None:
    assert dialect.codes.table[of_account] == LIMITED_ACCOUNT
    assert dialect.codes.table[of_address] == LIMITED


@ALL
def test_a_batch_is_no_larger_than_an_account_may_order_at_once(dialect: Dialect) -> None:
    assert dialect.batch_size <= min(budget.amount for budget in dialect.budgets if budget.pool is Pool.ORDERS)
