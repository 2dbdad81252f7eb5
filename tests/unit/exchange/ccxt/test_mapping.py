"""ccxt's dictionaries become our reports, from text to Decimal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from app.base.clock import EPOCH
from app.domain.market import USUAL_TIERS, MaintenanceTier, MarketRules, PriceBand, Quote
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, MarketType, OrderSide, OrderType, Side, TimeInForce
from app.exchange.ccxt import listing, mapping, market_mapping
from app.exchange.ccxt.mapping import Unreadable
from app.messages.reports import BalanceReport, Candle, FillKind
from app.ports.venue import OrderRef, OrderRequest

NOW = datetime(2026, 1, 5, tzinfo=UTC)
AT = datetime(2026, 1, 5, 0, 0, 1, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)
SOL = "SOL/USDT:USDT"
ON_SPOT: dict[str, Any] = {"spot": True, "swap": False, "linear": None, "symbol": "SOL/USDT", "contractSize": None}
D = Decimal
S = OrderStatus


def market(**others: Any) -> dict[str, Any]:
    return {
        "symbol": SOL,
        "base": "SOL",
        "quote": "USDT",
        "spot": False,
        "swap": True,
        "linear": True,
        "contractSize": "1",
        "precision": {"price": "0.0100", "amount": "0.1"},
        "limits": {
            "amount": {"min": "0.1", "max": "100000"},
            "market": {"min": "0.1", "max": "5000"},
            "cost": {"min": "5", "max": None},
        },
        **others,
    }


def order(**others: Any) -> dict[str, Any]:
    return {
        "id": "77",
        "clientOrderId": "zg1",
        "symbol": SOL,
        "type": "limit",
        "side": "buy",
        "price": "150.10",
        "amount": "2.0",
        "filled": "0.0",
        "average": None,
        "cost": "0",
        "status": "open",
        "reduceOnly": False,
        "triggerPrice": None,
        "timestamp": AT_MS,
        "info": {},
        **others,
    }


def request() -> OrderRequest:
    return OrderRequest(
        client_order_id="zg1",
        symbol=SOL,
        side=OrderSide.SELL,
        position_side=Side.LONG,
        type=OrderType.STOP_MARKET,
        quantity=D("2"),
        price=None,
        trigger_price=D("140"),
        reduce_only=True,
        time_in_force=TimeInForce.GTC,
    )


def report(**others: Any) -> Any:
    return mapping.order_report(order(**others), "main", NOW)


# ------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "meaning"),
    [("0.10", D("0.10")), ("1e-8", D("1e-8")), (5, D(5)), (None, None), ("", None), ("NaN", None), (True, None)],
)
def test_a_number_is_read_from_its_text(value: Any, meaning: Decimal | None) -> None:
    assert mapping.number(value) == meaning


def test_h23_no_digit_is_lost() -> None:
    assert str(mapping.number("0.1234567890123456789")) == "0.1234567890123456789"


def test_a_moment_comes_from_milliseconds_and_back() -> None:
    assert mapping.moment(str(AT_MS), NOW) == AT
    assert mapping.milliseconds(AT) == AT_MS
    assert mapping.moment(None, NOW) == NOW
    assert mapping.moment(0, NOW) == NOW


# ------------------------------------------------------------------------------------------------------------- markets


def test_a_perpetual_market_has_its_rules() -> None:
    rules = market_mapping.market_rules(market())
    assert rules is not None
    assert rules.market_type is MarketType.LINEAR
    assert (rules.tick_size, rules.step_size, rules.min_qty, rules.min_notional) == (
        D("0.01"),
        D("0.1"),
        D("0.1"),
        D(5),
    )
    assert rules.maintenance == USUAL_TIERS


@pytest.mark.parametrize("name", ["deliveryDate", "deliveryTime", "expTime"])
def test_h41_a_market_tells_when_it_is_delisted(name: str) -> None:
    for told, is_closed in ((AT_MS, True), (str(AT_MS), True), ("0", False), ("", False), (4133404800000, False)):
        rules = market_mapping.market_rules(market(info={name: told}))
        assert rules is not None
        assert rules.delisted_at == (AT if is_closed else None)
        assert (rules.closed is not None) is is_closed


def test_h41_a_market_that_is_not_active_is_not_traded_and_asked_for_again_soon() -> None:
    for active, is_trading in ((True, True), (None, True), (False, False)):
        rules = market_mapping.market_rules(market(active=active))
        assert rules is not None
        assert rules.is_trading is is_trading
        assert (listing.kept_sec(market(active=active)) == listing.MARKETS_KEPT_SEC) is is_trading


def test_the_largest_quantity_is_what_a_market_order_may_have_too() -> None:
    rules = market_mapping.market_rules(market())
    assert rules is not None
    assert rules.max_qty == 5000


def test_limits_that_are_zero_or_missing_are_none() -> None:
    rules = market_mapping.market_rules(market(limits={"amount": {"min": "0", "max": "0"}}, contractSize=None))
    assert rules is not None
    assert (rules.max_qty, rules.min_qty, rules.min_notional, rules.contract_size) == (None, D("0.1"), D(0), D(1))


def test_a_spot_market_is_one() -> None:
    rules = market_mapping.market_rules(market(**ON_SPOT))
    assert rules is not None
    assert rules.market_type is MarketType.SPOT


BY_SIDE = {
    "filterType": "PERCENT_PRICE_BY_SIDE",
    "bidMultiplierUp": "5",
    "bidMultiplierDown": "0.2",
    "askMultiplierUp": "4",
    "askMultiplierDown": "0.3",
}
PLAIN = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"}


def filtered(*filters: dict[str, str], **other: Any) -> MarketRules:
    rules = market_mapping.market_rules(market(info={"filters": list(filters)}, **other))
    assert rules is not None
    return rules


def test_h24_spot_bounds_how_far_a_limit_may_rest_by_side() -> None:
    assert filtered(BY_SIDE, **ON_SPOT).band == PriceBand(D("0.2"), D(4))
    assert filtered(PLAIN, **ON_SPOT).band == PriceBand(D("0.95"), D("1.05"))
    assert filtered(**ON_SPOT).band is None


def test_h24_perpetuals_bound_no_limit_that_rests() -> None:
    assert filtered(PLAIN).band is None


@pytest.mark.parametrize(
    ("told", "most"),
    [({"maxNumAlgoOrders": 5}, 5), ({"limit": 200}, 200), ({"limit": "0"}, None)],
    ids=["spot", "perpetuals", "none"],
)
def test_h25_a_market_tells_how_many_conditional_orders_it_takes(told: dict[str, Any], most: int | None) -> None:
    assert filtered({"filterType": "MAX_NUM_ALGO_ORDERS", **told}).max_conditional_orders == most


def test_h25_where_a_market_does_not_tell_the_venues_number_of_conditional_orders_holds() -> None:
    rules = market_mapping.market_rules(market(), most_conditional=10)
    assert rules is not None
    assert rules.max_conditional_orders == 10


@pytest.mark.parametrize("other", [{"linear": False}, {"swap": False}])
def test_inverse_and_dated_markets_are_not_ours(other: dict[str, Any]) -> None:
    assert market_mapping.market_rules(market(**other)) is None


def test_a_market_without_a_tick_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="price tick"):
        market_mapping.market_rules(market(precision={"amount": "1"}))


def test_maintenance_tiers_join_without_a_step() -> None:
    tiers = [
        {"minNotional": "0", "maintenanceMarginRate": "0.004"},
        {"minNotional": "50000", "maintenanceMarginRate": "0.005"},
        {"minNotional": "250000", "maintenanceMarginRate": "0.01"},
    ]
    assert market_mapping.maintenance(tiers) == (
        MaintenanceTier(D(0), D("0.004"), D(0)),
        MaintenanceTier(D(50000), D("0.005"), D(50)),
        MaintenanceTier(D(250000), D("0.01"), D(1300)),
    )
    assert market_mapping.maintenance([{"minNotional": "0"}]) == USUAL_TIERS


def test_a_ticker_is_a_quote_and_what_it_lacks_stays() -> None:
    first = market_mapping.quote_of({"last": "150", "bid": "149.9", "ask": "150.1", "timestamp": AT_MS}, None, NOW)
    assert first == Quote(D("149.9"), D("150.1"), D(150), D(150), AT)
    assert market_mapping.quote_of({"markPrice": "150.2"}, first, NOW) == Quote(
        D("149.9"), D("150.1"), D(150), D("150.2"), NOW
    )
    assert market_mapping.quote_of({"last": None, "bid": "0"}, None, NOW) is None


def test_a_trade_at_another_price_takes_older_bids_and_asks_with_it() -> None:
    first = market_mapping.quote_of({"last": "150", "bid": "149.9", "ask": "150.1", "timestamp": AT_MS}, None, NOW)
    fallen = market_mapping.quote_of({"last": "140"}, first, NOW)
    assert fallen is not None
    assert (fallen.bid, fallen.ask) == (Decimal(140), Decimal("150.1"))
    unmoved = market_mapping.quote_of({"last": "150"}, first, NOW)
    assert unmoved is not None
    assert (unmoved.bid, unmoved.ask) == (Decimal("149.9"), Decimal("150.1"))


def test_candles_are_read_row_by_row() -> None:
    assert market_mapping.candles([[AT_MS, "1", "3", "0.5", "2", "10"]]) == [
        Candle(AT, D(1), D(3), D("0.5"), D(2), D(10))
    ]
    with pytest.raises(Unreadable):
        market_mapping.candles([[AT_MS, None, "3", "0.5", "2", "10"]])


# -------------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize(
    ("raw", "unified", "filled", "meaning"),
    [
        ("NEW", "open", "0", S.OPEN),
        ("NEW", "open", "1", S.PARTIALLY_FILLED),
        ("PARTIALLY_FILLED", "open", "1", S.PARTIALLY_FILLED),
        ("FILLED", "closed", "2", S.FILLED),
        ("CANCELED", "canceled", "1", S.CANCELLED),
        ("PENDING_CANCEL", "canceling", "0", S.PENDING_CANCEL),
        ("EXPIRED", "expired", "0", S.EXPIRED),
        ("EXPIRED_IN_MATCH", "expired", "0", S.EXPIRED),
        ("REJECTED", "rejected", "0", S.REJECTED),
        ("TRIGGERED", "closed", "0", S.OPEN),
        ("FINISHED", "closed", "0", S.OPEN),
        ("FINISHED", "closed", "2", S.FILLED),
        ("Untriggered", "open", "0", S.OPEN),
        ("Deactivated", "canceled", "0", S.CANCELLED),
        ("PartiallyFilledCanceled", "closed", "1", S.CANCELLED),
        ("PartiallyFilled", "open", "1", S.PARTIALLY_FILLED),
        ("Cancelled", "canceled", "0", S.CANCELLED),
        ("", "closed", "2", S.FILLED),
        ("", "closed", "1", S.CANCELLED),
        ("", None, "0", S.OPEN),
        ("", None, "2", S.FILLED),
    ],
)
def test_each_word_for_a_status_means_one(raw: str, unified: str | None, filled: str, meaning: OrderStatus) -> None:
    assert report(status=unified, filled=filled, info={"status": raw}).status is meaning


def test_a_triggered_stop_is_not_filled_until_its_child_is() -> None:
    told = order(status="closed", info={"algoStatus": "TRIGGERED", "actualOrderId": "900"})
    assert mapping.order_report(told, "main", NOW).status is S.OPEN
    assert mapping.child_order_id(told) == "900"
    assert mapping.child_order_id(order(info={"actualOrderId": ""})) is None


@pytest.mark.parametrize(
    ("info", "fields", "meaning"),
    [
        ({"type": "LIMIT"}, {}, OrderType.LIMIT),
        ({"type": "MARKET", "origType": "STOP_MARKET"}, {"type": "market"}, OrderType.STOP_MARKET),
        ({"orderType": "STOP"}, {}, OrderType.STOP_LIMIT),
        ({"orderType": "TAKE_PROFIT_MARKET"}, {"type": "market"}, OrderType.TAKE_PROFIT_MARKET),
        ({"o": "STOP_LOSS_LIMIT"}, {}, OrderType.STOP_LIMIT),
        ({"orderType": "Market"}, {"type": "market", "triggerPrice": "1"}, OrderType.STOP_MARKET),
        (
            {"orderType": "Market"},
            {"type": "market", "triggerPrice": "1", "takeProfitPrice": "1"},
            OrderType.TAKE_PROFIT_MARKET,
        ),
        ({"orderType": "Limit"}, {"triggerPrice": "1"}, OrderType.STOP_LIMIT),
        ({}, {"type": "market"}, OrderType.MARKET),
    ],
)
def test_an_orders_type_is_the_one_it_was_made_with(
    info: dict[str, Any], fields: dict[str, Any], meaning: OrderType
) -> None:
    assert report(info=info, **fields).type is meaning


def test_an_orders_numbers_keep_their_text() -> None:
    told = report(filled="0.5", average="150.05", lastUpdateTimestamp=AT_MS)
    assert (told.quantity, told.filled, told.average, told.price) == (D("2.0"), D("0.5"), D("150.05"), D("150.10"))
    assert told.at == AT


def test_the_average_is_worked_out_where_it_is_missing() -> None:
    assert report(filled="2", average="0", cost="300").average == 150
    assert report(filled="0", average="150").average is None


def test_prices_of_zero_are_none() -> None:
    told = report(price="0", triggerPrice="0")
    assert (told.price, told.trigger_price) == (None, None)


def test_an_answer_with_an_id_only_is_completed_by_what_was_asked() -> None:
    told = mapping.order_report({"id": "5", "info": {"orderId": "5"}}, "main", NOW, asked=request())
    assert (told.client_order_id, told.venue_order_id, told.status) == ("zg1", "5", S.OPEN)
    assert (told.side, told.type, told.trigger_price, told.reduce_only) == (
        OrderSide.SELL,
        OrderType.STOP_MARKET,
        D(140),
        True,
    )


def test_a_named_order_keeps_its_id_and_type() -> None:
    ref = OrderRef("zg9", None, SOL, OrderType.STOP_MARKET)
    told = mapping.order_report(order(clientOrderId="other", type="market"), "main", NOW, ref=ref)
    assert (told.client_order_id, told.type) == ("zg9", OrderType.STOP_MARKET)


@pytest.mark.parametrize("missing", ["id", "side", "symbol", "amount"])
def test_an_order_without_what_it_needs_cannot_be_read(missing: str) -> None:
    with pytest.raises(Unreadable):
        report(**{missing: None})


@pytest.mark.parametrize(
    ("info", "side", "reduces"),
    [
        ({"positionSide": "LONG"}, "sell", True),
        ({"positionSide": "LONG"}, "buy", False),
        ({"positionSide": "SHORT"}, "buy", True),
        ({"positionIdx": 2}, "buy", True),
        ({"positionSide": "BOTH"}, "sell", False),
        ({"ps": "LONG"}, "sell", True),
    ],
)
def test_h30_in_hedge_mode_the_position_side_tells_what_reduces(info: dict[str, Any], side: str, reduces: bool) -> None:
    assert report(info=info, side=side).reduce_only is reduces


def test_why_an_order_ended_is_told_where_the_venue_says() -> None:
    assert report(info={"rejectReason": "EC_NoEnoughQtyToFill"}).reason == "EC_NoEnoughQtyToFill"
    assert report(info={"rejectReason": "EC_NoError"}).reason is None


# --------------------------------------------------------------------------------------------------------------- fills


def trade(**others: Any) -> dict[str, Any]:
    return {
        "id": "t1",
        "order": "77",
        "symbol": SOL,
        "side": "sell",
        "price": "151.2",
        "amount": "0.5",
        "takerOrMaker": "maker",
        "fee": {"cost": "0.0151", "currency": "BNB"},
        "timestamp": AT_MS,
        "info": {},
        **others,
    }


def test_a_trade_is_a_fill() -> None:
    told = mapping.fill_report(trade(info={"positionSide": "LONG"}), "main", NOW, "zg1")
    assert (told.trade_id, told.client_order_id, told.side) == ("t1", "zg1", OrderSide.SELL)
    assert (told.price, told.quantity, told.fee, told.fee_asset) == (D("151.2"), D("0.5"), D("0.0151"), "BNB")
    assert (told.liquidity, told.at, told.position_side, told.kind) == (Liquidity.MAKER, AT, Side.LONG, FillKind.TRADE)


def test_a_trade_without_a_fee_costs_nothing_in_quote() -> None:
    told = mapping.fill_report(trade(fee=None, takerOrMaker=None), "main", NOW)
    assert (told.fee, told.fee_asset, told.liquidity) == (D(0), "USDT", Liquidity.UNKNOWN)


def test_a_rebate_is_a_negative_fee() -> None:
    assert mapping.fill_report(trade(fee={"cost": "-0.01", "currency": "USDT"}), "main", NOW).fee == D("-0.01")


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"execType": "BustTrade"}, FillKind.LIQUIDATION),
        ({"execType": "AdlTrade"}, FillKind.ADL),
        ({"c": "autoclose-1700000000000"}, FillKind.LIQUIDATION),
        ({"c": "adl_autoclose"}, FillKind.ADL),
        ({"execType": "Trade"}, FillKind.TRADE),
    ],
)
def test_h38_forced_trades_are_told_apart_and_belong_to_nobody(info: dict[str, Any], kind: FillKind) -> None:
    told = mapping.fill_report(trade(info=info), "main", NOW)
    assert told.kind is kind
    assert told.client_order_id is None


def test_bybits_own_id_is_read_from_its_execution() -> None:
    assert mapping.fill_report(trade(info={"orderLinkId": "zg4"}), "main", NOW).client_order_id == "zg4"


def test_funding_among_the_executions_is_no_trade() -> None:
    assert not mapping.is_trade(trade(info={"execType": "Funding"}))
    assert mapping.is_trade(trade())


# ---------------------------------------------------------------------------------------- positions, balances, funding


def position(**others: Any) -> dict[str, Any]:
    return {
        "symbol": SOL,
        "side": "short",
        "contracts": "3.0",
        "entryPrice": "150",
        "leverage": "10",
        "liquidationPrice": "163.5",
        "timestamp": AT_MS,
        "info": {},
        **others,
    }


def test_a_position_is_read() -> None:
    told = mapping.position_report(position(), "main", NOW)
    assert (told.side, told.quantity, told.entry_price) == (Side.SHORT, D("3.0"), D(150))
    assert (told.leverage, told.liquidation_price, told.at) == (D(10), D("163.5"), AT)


def test_h32_the_empty_side_of_a_hedged_pair_hides_nothing() -> None:
    rows = [position(side="long", contracts="0"), position(side="short")]
    told = mapping.positions(rows, "main", NOW)
    assert [(each.side, each.quantity) for each in told] == [(Side.SHORT, D("3.0"))]


def test_leverage_is_worked_out_from_the_margin_or_not_told() -> None:
    by_margin = position(leverage=None, notional="-450", initialMargin="45")
    assert mapping.position_report(by_margin, "main", NOW).leverage == 10
    assert mapping.position_report(position(leverage=None), "main", NOW).leverage is None


def test_a_position_without_a_side_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        mapping.position_report(position(side=None), "main", NOW)


def test_balances_list_what_there_is() -> None:
    told = mapping.balances(
        {
            "USDT": {"free": "90.5", "used": "9.5", "total": "100"},
            "BTC": {"free": "0", "used": "0", "total": "0"},
            "SOL": {"free": "1", "used": None, "total": None},
            "total": {"USDT": "100", "BTC": "0", "SOL": None},
            "timestamp": None,
            "info": {},
        },
        "main",
        NOW,
    )
    assert told == [
        BalanceReport("main", "USDT", D(100), D("90.5"), NOW),
        BalanceReport("main", "SOL", D(1), D(1), NOW),
    ]


def test_h04_an_answer_without_balances_is_not_an_empty_account() -> None:
    with pytest.raises(Unreadable):
        mapping.balances({"info": {}}, "main", NOW)


def test_funding_we_paid_is_negative_on_every_venue() -> None:
    paid = {"id": "f1", "symbol": SOL, "amount": "-0.12", "timestamp": AT_MS, "info": {}}
    assert mapping.funding_report(paid, "main", NOW).amount == D("-0.12")
    bybit = {**paid, "amount": "0.12", "info": {"execType": "Funding", "feeRate": "0.0001"}}
    told = mapping.funding_report(bybit, "main", NOW)
    assert (told.amount, told.rate, told.at) == (D("-0.12"), D("0.0001"), AT)


# ----------------------------------------------------------------------------------------------- with ccxt's own parser


@pytest.fixture(scope="module")
def binance() -> Any:
    exchange = import_module("ccxt").binanceusdm()
    exchange.number = str
    return exchange


def test_a_stop_of_binance_comes_through_ccxts_parser(binance: Any) -> None:
    raw = {
        "algoId": 3358,
        "clientAlgoId": "zg7",
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": "SOLUSDT",
        "side": "SELL",
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": "0.20",
        "algoStatus": "NEW",
        "triggerPrice": "100.50",
        "price": "0.00",
        "reduceOnly": True,
        "createTime": AT_MS,
        "updateTime": AT_MS,
    }
    found = {"symbol": SOL, "type": "swap", "contract": True, "inverse": False, "contractSize": "1"}
    told = mapping.order_report(binance.parse_order(raw, found), "main", NOW)
    assert (told.client_order_id, told.venue_order_id, told.type) == ("zg7", "3358", OrderType.STOP_MARKET)
    assert (told.status, told.quantity, told.trigger_price, told.price) == (S.OPEN, D("0.20"), D("100.50"), None)
    assert told.reduce_only


def test_a_market_order_has_no_price_of_its_own() -> None:
    assert report(type="market", filled="2", average="150", price="150").price is None


@pytest.mark.parametrize("told", [1795261776131000000, "1e40", 9e15])
def test_a_moment_that_cannot_be_is_as_none(told: Any) -> None:
    assert mapping.moment(told, EPOCH) == EPOCH


@pytest.mark.parametrize(("said", "side"), [("Buy", Side.LONG), ("Sell", Side.SHORT)])
def test_bybits_funding_names_the_position_in_hedge_mode_only(said: str, side: Side) -> None:
    info = {"execType": "Funding", "feeRate": "0.0001", "side": said}
    paid = {"id": "f1", "symbol": SOL, "amount": "0.12", "timestamp": AT_MS, "info": info}
    assert mapping.funding_report(paid, "main", NOW, is_hedged=True).position_side is side
    assert mapping.funding_report(paid, "main", NOW).position_side is None


def test_of_several_fees_the_one_that_was_taken_counts() -> None:
    told = [{"cost": "0", "currency": "SOL"}, {"cost": "0.035", "currency": "GT"}, {"cost": "0", "currency": "POINT"}]
    assert mapping._fee({"fee": None, "fees": told}, SOL) == (D("0.035"), "GT")
    assert mapping._fee({"fee": None, "fees": told[:1]}, SOL) == (D(0), "SOL")
