"""What is put together and read by ourselves on Binance USD-M says what ccxt's way would."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.exchange.ccxt import mapping, market_mapping
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import FillKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOL = "BTC/USDT:USDT"
MARKET: dict[str, Any] = {
    "id": "BTCUSDT",
    "symbol": SYMBOL,
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
    "type": "swap",
}
MARKET |= {
    "swap": True,
    "contract": True,
    "linear": True,
    "inverse": False,
    "spot": False,
    "limits": {},
    "precision": {},
}

PUSHED: dict[str, Any] = {
    "s": "BTCUSDT", "c": "zg1", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "0.010", "p": "50000", "ap": "0", "sp": "0",
    "x": "NEW", "X": "NEW", "i": 8886774, "l": "0", "z": "0", "L": "0", "T": 1568879465651, "t": 0, "m": False,
    "R": False, "ot": "LIMIT", "ps": "BOTH", "cp": False, "rp": "0",
}  # fmt: skip
TRADED: dict[str, Any] = {
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.004",
    "z": "0.004",
    "L": "50001",
    "ap": "50001",
    "t": 458,
    "m": True,
}
TRADED |= {"n": "0.08", "N": "USDT"}
ANSWERED: dict[str, Any] = {
    "orderId": 22542179, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "zg1", "price": "50000",
    "avgPrice": "0.00", "origQty": "0.010", "executedQty": "0", "cumQuote": "0", "timeInForce": "GTC",
    "type": "LIMIT", "reduceOnly": False, "side": "SELL", "positionSide": "BOTH", "stopPrice": "0",
    "origType": "LIMIT", "updateTime": 1566818724722,
}  # fmt: skip


class Told:
    """Hooks that keep what they are told."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.trades: list[Any] = []
        self.tickers: list[Any] = []
        self.hooks = StreamHooks(
            lambda: None, lambda _: None, self.orders.append, self.trades.append, self.tickers.append
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def exchange(told: Told) -> Any:
    made = make_exchange(BINANCE_USDM, Access(), told.hooks)
    made.set_markets([MARKET])
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {},
        TRADED,
        {**TRADED, "X": "FILLED", "z": "0.010", "l": "0.010"},
        {"x": "CANCELED", "X": "CANCELED", "z": "0.004", "ap": "50001"},
        {"x": "EXPIRED", "X": "EXPIRED", "R": True},
        {"ps": "LONG"},
        {"o": "MARKET", "ot": "STOP_MARKET", "sp": "49000", "p": "0", "X": "FILLED", "z": "0.010", "ap": "48990"},
        {"c": "autoclose-1", "o": "LIQUIDATION", "ot": "LIQUIDATION", **TRADED},
    ],
)
def test_a_pushed_order_is_read_as_ccxt_reads_it(exchange: Any, told: Told, changes: dict[str, Any]) -> None:
    message = {"e": "ORDER_TRADE_UPDATE", "T": 1568879465650, "o": {**PUSHED, **changes}}
    exchange.handle_order_update(None, message)
    ours = mapping.order_report(told.orders[0], "perp", NOW)
    assert ours == mapping.order_report(exchange.parse_ws_order(message["o"]), "perp", NOW)


def test_a_pushed_trade_is_read_as_ccxt_reads_it(exchange: Any, told: Told) -> None:
    trade = {**PUSHED, **TRADED}
    exchange.handle_order_update(None, {"e": "ORDER_TRADE_UPDATE", "o": trade})
    ours = mapping.fill_report(told.trades[0], "perp", NOW)
    assert ours == mapping.fill_report(exchange.parse_ws_trade(trade), "perp", NOW)
    assert str(told.trades[0]["order"]) == exchange.parse_ws_trade(trade)["order"]


def test_an_order_without_a_trade_tells_of_none(exchange: Any, told: Told) -> None:
    exchange.handle_order_update(None, {"e": "ORDER_TRADE_UPDATE", "o": PUSHED})
    assert (len(told.orders), told.trades) == (1, [])


@pytest.mark.parametrize("kind", ["PERPETUAL", "TRADIFI_PERPETUAL"])
def test_h41_a_perpetual_that_is_to_be_delisted_keeps_its_name(exchange: Any, kind: str) -> None:
    names = {"symbol": "XAUUSDT", "baseAsset": "XAU", "quoteAsset": "USDT", "marginAsset": "USDT"}
    market = exchange.parse_market({**names, "contractType": kind, "deliveryDate": 1767225600000, "status": "TRADING"})
    assert (market["symbol"], market["swap"]) == ("XAU/USDT:USDT", True)


@pytest.mark.parametrize("lacking", sorted(PUSHED.keys() - {"s"}))
def test_a_row_that_lacks_something_reaches_who_reads_it(exchange: Any, told: Told, lacking: str) -> None:
    row = {name: value for name, value in PUSHED.items() if name != lacking}
    exchange.handle_order_update(None, {"e": "ORDER_TRADE_UPDATE", "o": row})
    assert len(told.orders) == 1


def test_a_liquidation_tells_its_fill(exchange: Any, told: Told) -> None:
    row = {**PUSHED, **TRADED, "x": "CALCULATED", "c": "autoclose-1", "o": "LIQUIDATION"}
    exchange.handle_order_update(None, {"e": "ORDER_TRADE_UPDATE", "o": row})
    fill = mapping.fill_report(told.trades[0], "perp", NOW)
    assert (fill.kind, fill.quantity) == (FillKind.LIQUIDATION, Decimal("0.004"))


ALGO: dict[str, Any] = {
    "caid": "zg4", "aid": 2148719, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "SELL", "ps": "BOTH",
    "f": "GTC", "q": "5", "ai": "8886774", "ap": "189.9", "act": "MARKET", "tp": "190", "p": "0", "V": "EXPIRE_MAKER",
    "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False, "R": True, "tt": 1750515742303, "gtd": 0, "rm": "",
}  # fmt: skip
"""Event: Algo Order Update."""


@pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED"])
@pytest.mark.parametrize(
    ("filled", "meaning"),
    [
        ({}, OrderStatus.OPEN),
        ({"aq": ""}, OrderStatus.OPEN),
        ({"aq": "0.00000"}, OrderStatus.OPEN),
        ({"aq": "2"}, OrderStatus.PARTIALLY_FILLED),
        ({"aq": "5"}, OrderStatus.FILLED),
    ],
)
def test_h09_a_stop_that_triggered_has_filled_what_binance_tells_and_no_more(
    exchange: Any, status: str, filled: dict[str, str], meaning: OrderStatus
) -> None:
    client = SimpleNamespace(resolve=lambda *_: None, subscriptions={})
    event = {"e": "ALGO_UPDATE", "T": 1750515742297, "E": 1750515742303, "o": {**ALGO, "X": status, **filled}}
    exchange.handle_message(client, event)
    told = mapping.order_report(exchange.orders[-1], "perp", NOW)
    assert (told.client_order_id, told.quantity) == ("zg4", Decimal(5))
    assert (told.status, told.filled) == (meaning, Decimal(filled.get("aq") or 0))


BEST: dict[str, Any] = {
    "e": "bookTicker", "u": 400900217, "E": 1568014460893, "T": 1568014460891, "s": "BTCUSDT", "b": "50000.1",
    "B": "31.2", "a": "50000.2", "A": "40.6",
}  # fmt: skip
DAY: dict[str, Any] = {
    "e": "24hrTicker", "E": 1568014460999, "s": "BTCUSDT", "p": "12.5", "P": "0.025", "w": "50010", "c": "50000.2",
    "Q": "0.1", "o": "49987.7", "h": "51000", "l": "49000", "v": "10000", "q": "500100000", "O": 1567928060893,
    "C": 1568014460892, "F": 1, "L": 18150, "n": 18151,
}  # fmt: skip
MARKED: dict[str, Any] = {
    "e": "markPriceUpdate", "E": 1562305380000, "s": "BTCUSDT", "p": "50001.5", "ap": "50001.4", "i": "50001.2",
    "P": "50001.3", "r": "0.0001", "T": 1562306400000,
}  # fmt: skip


@pytest.mark.parametrize("message", [BEST, DAY, MARKED])
@pytest.mark.parametrize("before", [None, Quote.flat(Decimal(49_990), NOW)])
def test_a_pushed_price_is_read_as_ccxt_reads_it(
    exchange: Any, told: Told, message: dict[str, Any], before: Quote | None
) -> None:
    exchange.handle_message(SimpleNamespace(subscriptions={}, url="wss://x.example"), dict(message))
    ours = market_mapping.quote_of(told.tickers[0], before, NOW)
    assert ours == market_mapping.quote_of(exchange.parse_ws_ticker(message, "contract"), before, NOW)
    assert told.tickers[0]["symbol"] == SYMBOL


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "PARTIALLY_FILLED", "executedQty": "0.004", "avgPrice": "50001.5", "cumQuote": "200.006"},
        {"status": "FILLED", "executedQty": "0.010", "avgPrice": "50001", "cumQuote": "500.01"},
        {"status": "EXPIRED", "reduceOnly": True},
        {"positionSide": "SHORT"},
    ],
)
async def test_an_answer_is_read_as_ccxt_reads_it(exchange: Any, changes: dict[str, Any]) -> None:
    answer = {**ANSWERED, **changes}

    async def answering(_request: Any) -> Any:
        return [answer]

    exchange.fapiPrivatePostBatchOrders = answering
    told = await BINANCE_USDM.create_batch(exchange, [])
    ours = mapping.order_report({**told[0], "symbol": SYMBOL}, "perp", NOW)
    assert ours == mapping.order_report(exchange.parse_order(answer), "perp", NOW)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("order", {"symbol": "币安USDT", "quantity": "1.5", "newClientOrderId": "zg1", "reduceOnly": True}),
        ("batchOrders", {"batchOrders": [{"symbol": "币安USDT", "newClientOrderId": "zg1"}]}),
    ],
)
def test_an_order_is_signed_as_ccxt_signs_it(path: str, words: dict[str, Any]) -> None:
    ours = make_exchange(BINANCE_USDM, Access(api_key="key", secret="secret"), Told().hooks)
    ccxts = import_module("ccxt.pro").binanceusdm({"apiKey": "key", "secret": "secret", "options": ours.options})
    ours.nonce = ccxts.nonce = lambda: 1568879465651
    signed = [each.sign(path, ["fapiPrivate"], "POST", dict(words)) for each in (ours, ours, ccxts)]
    assert signed[0] == signed[1] == signed[2]


@given(st.dictionaries(st.text("abcXYZ_09"), st.text() | st.integers() | st.booleans() | st.none()))
def test_a_query_is_written_as_ccxt_writes_it(params: dict[str, Any]) -> None:
    kind = type(make_exchange(BINANCE_USDM, Access(), Told().hooks))
    assert kind.rawencode(params) == import_module("ccxt.pro").binanceusdm.rawencode(params)
