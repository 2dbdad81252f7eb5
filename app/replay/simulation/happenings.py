"""Draws what happens: each function gives one step without its time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from app.domain.values import OrderRole
from app.replay.simulation.chance import Chance, Document, on_grid, short, text
from app.replay.simulation.markets import DrawnMarket
from app.replay.simulation.settings import MODES

Happening = Callable[[Chance, list[DrawnMarket]], Document]

TIMEFRAMES = ("1", "5", "60", "60")
VOLATILITIES = ("0.002", "0.005", "0.01", "0.02")
JUMP = Decimal("0.12")


# ------------------------------------------------------------------ signals


def draw_signal(chance: Chance, markets: list[DrawnMarket]) -> Document:
    """Mostly a good one in short form, now and then a whole body that is refused."""
    market = chance.choice(markets)
    if chance.happens(4):
        return {"signal": {"webhook": _broken_body(chance, market)}}
    actions = ["buy", "buy", "buy", "buy", "sell"] if market.is_spot else ["buy", "buy", "sell"]
    action = chance.choice(actions)
    price = market.price if chance.happens(75) else on_grid(chance.moved(market.price, Decimal("0.005")), market.tick)
    signal: Document = {
        "action": action,
        "symbol": market.ticker,
        "timeframe": chance.choice(TIMEFRAMES),
        "price": text(price),
        "account": market.account,
        **_size(chance, price),
    }
    if chance.happens(45):
        signal |= _intent(chance, action)
    signal |= _risk(chance, price, market.tick, 1 if action == "buy" else -1)
    if chance.happens(5):
        signal["leverage"] = chance.choice(["1", "3", "20"])
    if chance.happens(6):
        signal["strategy_id"] = chance.choice(["x", "y"])
    return {"signal": signal}


def _broken_body(chance: Chance, market: DrawnMarket) -> Document:
    chart = {"exchange": "PAPER", "symbol": market.ticker, "timeframe": "60", "action": "buy", "order_size": "1"}
    whole: Document = {
        "source": "tradingview",
        "timestamp": "2026-01-05T00:00:00Z",
        "tv": {**chart, "close_price": text(market.price)},
        "execution_intent": {"type": "signal", "position_size_type": "base"},
    }
    broken: list[Document] = [
        {"timestamp": "2025-01-05T00:00:00Z"},
        {"tv": {**chart, "close_price": "{{close}}"}},
        {"tv": {**chart, "close_price": "NaN"}},
        {"tv": {**chart, "close_price": "1", "symbol": "NOSUCHCOINUSDT.P"}},
        {"account": "nobody"},
        {"execution_intent": {"type": "sideways"}},
    ]
    return whole | chance.choice(broken)


def _size(chance: Chance, price: Decimal) -> Document:
    if chance.happens(80):
        return {"size": chance.choice(["60", "150", "400", "1000", "2500"]), "size_type": "quote"}
    worth = Decimal(chance.choice([60, 300, 900]))
    return {"size": text(short(worth / price)), "size_type": chance.choice(["base", "contracts"])}


def _intent(chance: Chance, action: str) -> Document:
    match chance.choice(["exit", "exit", "reverse", "reduce", "position", "position"]):
        case "position":
            return _position(chance)
        case "reduce" if chance.happens(60):
            side = "long" if action == "sell" else "short"
            position = {"market_position": side, "market_position_size": "1"}
            before = {"prev_market_position": side, "prev_market_position_size": chance.choice(["2", "3", "4"])}
            return {"intent": "reduce", **position, **before}
        case typed:
            return {"intent": typed}


def _position(chance: Chance) -> Document:
    """What a strategy tells of its position after the order, and mostly before it."""
    after, before = chance.choice(["long", "short", "flat"]), chance.choice(["long", "short", "flat"])
    told = {
        "market_position": after,
        "market_position_size": "0" if after == "flat" else chance.choice(["1", "2", "3"]),
    }
    if chance.happens(80):
        told["prev_market_position"] = before
        told["prev_market_position_size"] = "0" if before == "flat" else chance.choice(["1", "2", "4"])
    return told


def _risk(chance: Chance, price: Decimal, tick: Decimal, sign: int) -> Document:
    """A stop, a target; now and then on the wrong side."""
    given: Document = {}
    if chance.happens(18):
        away = Decimal(chance.choice(["0.01", "0.04", "0.0005", "-0.01"]))
        given["stop_loss"] = text(on_grid(price * (1 - sign * away), tick))
    if chance.happens(8):
        away = Decimal(chance.choice(["0.01", "0.03", "0.0003"]))
        given["take_profit"] = text(on_grid(price * (1 + sign * away), tick))
    return given


# ------------------------------------------------------------------ prices


def draw_price(chance: Chance, markets: list[DrawnMarket]) -> Document:
    """A price of one or several markets, or a path."""
    if chance.happens(15):
        return {"prices": _path(chance, chance.choice(markets))}
    prices: Document = {}
    for market in chance.sample(markets, chance.randint(1, len(markets))):
        _move(chance, market, JUMP if chance.happens(6) else Decimal(chance.choice(VOLATILITIES)))
        prices[market.symbol] = text(market.price)
        if chance.happens(12):
            spread = {"bid": text(market.near("0.999")), "ask": text(market.near("1.001") + market.tick)}
            prices[market.symbol] = {"last": text(market.price), **spread}
    return {"price": prices}


def _path(chance: Chance, market: DrawnMarket) -> Document:
    if chance.happens(50):
        walk = {"steps": chance.randint(2, 6), "volatility": chance.choice(["0.2", "1"]), "every": 1}
        return {"market": market.symbol, "random_walk": walk}
    values = []
    for _ in range(chance.randint(2, 5)):
        _move(chance, market, Decimal("0.01"))
        values.append(text(market.price))
    return {"market": market.symbol, "values": values, "every": 1}


def _move(chance: Chance, market: DrawnMarket, volatility: Decimal) -> None:
    market.price = on_grid(chance.moved(market.price, volatility), market.tick)


def draw_book(chance: Chance, markets: list[DrawnMarket]) -> Document:
    market = chance.choice(markets)
    book = {"market": market.symbol}
    if chance.happens(80):
        book["fill_size"] = text(market.step * chance.choice([0, 1, 3, 10, 40]))
    return {"book": book}


# ------------------------------------------------------------------ people


def draw_command(chance: Chance, markets: list[DrawnMarket]) -> Document:
    ends = ["pause", "emergency_stop", "close_all"]
    whole = [*ends, *["resume", "emergency_reset"] * 3, "risk_run", "risk_run", "reconcile"]
    plain = ["close_group", "close_group", "close_group", "cancel_entries", "skip", "block", "unblock"]
    waiting = ["promote", "force", "force", "remove"]
    special = [*_SPECIAL, "reduce_group"]
    name = chance.choice(whole + plain + waiting + special)
    if name in _SPECIAL:
        return {"command": {name: _SPECIAL[name](chance, markets)}}
    if name in {"risk_run", "reconcile"}:
        return {"command": {name: {}}}
    if name in whole:
        return {"command": {name: {"reason": "drawn"}}}
    return {"command": {name: _selection(chance, markets)}}


def _selection(chance: Chance, markets: list[DrawnMarket]) -> Document:
    selected: Document = {}
    if chance.happens(80):
        selected["symbol"] = chance.choice(markets).symbol
    if chance.happens(30):
        selected["timeframe"] = chance.choice(TIMEFRAMES)
    if chance.happens(30):
        selected["side"] = chance.choice(["long", "short"])
    return selected


def _reduction(chance: Chance, markets: list[DrawnMarket]) -> Document:
    return {**_selection(chance, markets), "fraction": chance.choice(["0.1", "0.25", "0.5", "0.97"])}


def _new_stop(chance: Chance, markets: list[DrawnMarket]) -> Document:
    market = chance.choice(markets)
    price = market.near(chance.choice(["0.97", "0.995", "1.03"]))
    return {**_selection(chance, markets), "symbol": market.symbol, "price": text(price)}


def _funds(chance: Chance, markets: list[DrawnMarket]) -> Document:
    return {**_selection(chance, markets), "quote": chance.choice(["50", "400"])}


def _mode(chance: Chance, markets: list[DrawnMarket]) -> Document:
    wanted: Document = {**_selection(chance, markets), "mode": chance.choice(MODES)}
    if chance.happens(50):
        wanted["percent"] = "0.8"
    return wanted


def _placed(chance: Chance, markets: list[DrawnMarket]) -> Document:
    market = chance.choice(markets)
    side = chance.choice(["long", "long", "short"])
    away = 1 if side == "long" else -1
    worth = Decimal(chance.choice([30, 150, 600]))
    placed: Document = {
        "symbol": market.symbol,
        "side": side,
        "quantity": text(short(worth / market.price)),
        "account": market.account,
    }
    if chance.happens(40):
        placed["price"] = text(market.near(1 - away * Decimal(chance.choice(["0.005", "-0.002"]))))
    if chance.happens(40):
        placed["stop_loss"] = text(market.near(1 - away * Decimal("0.03")))
    if chance.happens(40):
        placed["take_profit"] = text(market.near(1 + away * Decimal("0.02")))
    return placed


def _decision(chance: Chance, markets: list[DrawnMarket]) -> Document:
    return {**_placed(chance, markets), "confidence": "0.7"}


def _new_settings(chance: Chance, _: list[DrawnMarket]) -> Document:
    changes: list[Document] = [
        {"pool": {"max_open_groups": chance.choice([1, 2, 5])}},
        {"grid": {"default": {"tp_mode": chance.choice(["per_leg", "aggregate", "hybrid"])}}},
        {"grid": {"default": {"stop_loss": {"mode": "percent", "percent": "4"}}}},
        {"risk": {"cooldown_sec": 0}},
        {"queue": {"pause_after_stop_sec": 0}},
        {"offset": {"mode": "auto", "min_interval_minutes": 0}},
    ]
    return chance.choice(changes)


_SPECIAL: dict[str, Happening] = {
    "reduce_group": _reduction,
    "move_stop": _new_stop,
    "add_funds": _funds,
    "tp_mode": _mode,
    "order": _placed,
    "decision": _decision,
    "config": _new_settings,
}


# ------------------------------------------------------------------ the venue


def draw_deed(chance: Chance, markets: list[DrawnMarket]) -> Document:
    """Something that happens at the venue without us."""
    market = chance.choice(markets)
    known = ["cancel_order", "cancel_order", "close_position", "close_position", "place_order"]
    perpetual = ["liquidate", "adl", "funding", "funding"]
    name = chance.choice(known if market.is_spot else known + perpetual)
    deed: Document = {"symbol": market.symbol}
    quantity = text(market.step * chance.choice([1, 7, 50]))
    match name:
        case "cancel_order" if chance.happens(80):
            deed["role"] = chance.choice(["entry", "take_profit", "stop_loss"])
        case "place_order":
            deed |= _by_hand(chance, market)
        case "funding":
            deed["rate"] = chance.choice(["0.0001", "-0.0003"])
        case "adl":
            deed["quantity"] = quantity
        case "close_position" if chance.happens(60):
            deed["quantity"] = quantity
    return {"venue": {name: deed}}


def _by_hand(chance: Chance, market: DrawnMarket) -> Document:
    order = {"side": chance.choice(["buy", "sell"]), "quantity": text(market.step * chance.choice([20, 200]))}
    if chance.happens(50):
        return {**order, "type": "market"}
    return {**order, "type": "limit", "price": text(market.near(chance.choice(["0.98", "1.02"])))}


# ------------------------------------------------------------------ faults and crashes

SENDING = ("create_order", "cancel_order", "amend_order")
ASKING = (
    "fetch_*", "fetch_open_orders", "fetch_positions", "fetch_fills", "fetch_balances", "look_up", "set_leverage",
    "connect",
)  # fmt: skip
REQUEST_FAULTS = ("timeout_before", "timeout_after_accept", "reject", "rate_limit", "unavailable", "slow", "disconnect")
REFUSALS = (
    "insufficient_balance", "invalid_order", "precision", "min_notional", "reduce_only", "would_trigger", "permission",
    "halted",
)  # fmt: skip
STREAM_FAULTS = ("duplicate_events", "reorder_events", "drop_events", "disconnect")


def draw_fault(chance: Chance, markets: list[DrawnMarket]) -> Document:
    op = chance.choice([*SENDING, *ASKING, "stream", *["create_order"] * 8, "cancel_order", "cancel_order"])
    kind = chance.choice(STREAM_FAULTS if op == "stream" else REQUEST_FAULTS)
    fault: Document = {"op": op, "kind": kind, "times": chance.choice([1, 1, 1, 2, 3, 6])}
    if kind == "reject":
        fault["code"] = chance.choice(REFUSALS)
    if kind == "slow":
        fault["seconds"] = chance.choice(["1", "7", "40"])
    if op in SENDING and chance.happens(50):
        fault["role"] = chance.choice(list(OrderRole)).value
    if op == "create_order" and chance.happens(20):
        fault["symbol"] = chance.choice(markets).symbol
    return {"fault": fault}


def draw_crash(chance: Chance, _: list[DrawnMarket]) -> Document:
    crashes: list[Document] = [
        {},
        {"at_commit": chance.randint(1, 6)},
        {"at_send": chance.randint(1, 5), "when": chance.choice(["before", "after"])},
    ]
    return {"crash": chance.choice(crashes)}
