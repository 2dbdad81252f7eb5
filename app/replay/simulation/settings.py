"""Draws a configuration."""

from __future__ import annotations

from decimal import Decimal

from app.replay.simulation.chance import Chance, Document, text
from app.replay.simulation.markets import DrawnMarket

MODES = ("per_leg", "aggregate", "pyramid_aggregate", "hybrid")


def draw_config(chance: Chance, markets: list[DrawnMarket], *, stops: bool, offset: bool) -> Document:
    config: Document = {
        "grid": {"default": _grid(chance, stops)},
        "risk": _risk(chance),
        "pool": {"max_open_groups": chance.choice([1, 1, 2, 3, 10])},
    }
    if chance.happens(15):
        config["pool"]["count_pyramids"] = True
    if chance.happens(60):
        config["queue"] = _queue(chance)
    if offset:
        config["offset"] = _offset(chance)
    if chance.happens(15):
        config["protection"] = {"on_failure": "alert_only"}
    if chance.happens(10):
        config["webhook"] = {"on_addon_without_group": "open"}
    if chance.happens(10):
        config.setdefault("webhook", {})["drift_action"] = "close"
    if chance.happens(15):
        settings = {"levels": _levels(chance), "tp_mode": chance.choice(["per_leg", "aggregate", "hybrid"])}
        config["grid"]["overrides"] = [{"symbol": chance.choice(markets).symbol, "settings": settings}]
    return config


def _levels(chance: Chance) -> list[Document]:
    """One to seven, each deeper than the one before; their weights make 100 percent."""
    shares = [chance.randint(1, 10) for _ in range(chance.choice([1, 1, 2, 2, 3, 3, 4, 5, 7]))]
    weights = [100 * share // sum(shares) for share in shares]
    weights[-1] += 100 - sum(weights)
    gap = Decimal(chance.choice(["0", "0", "0", "0.3"]))
    levels = []
    for weight in weights:
        levels.append(
            {
                "gap_percent": text(-gap if chance.happens(80) else gap),
                "weight_percent": str(weight),
                "tp_percent": chance.choice(["0.3", "0.5", "1", "1.5", "2", "3.3"]),
            }
        )
        gap += Decimal(chance.choice(["0.2", "0.5", "1", "1.7"]))
    return levels


def _grid(chance: Chance, stops: bool) -> Document:
    grid: Document = {
        "levels": _levels(chance),
        "entry_order_type": chance.choice(["market", "market", "limit"]),
        "tp_mode": chance.choice(["per_leg", *MODES]),
        "tp_aggregate_percent": chance.choice(["0.5", "1", "2"]),
        "max_pyramids": chance.choice([1, 2, 3, 5]),
        "on_leg_below_minimum": chance.choice(["refuse", "merge", "merge"]),
    }
    seldom: list[tuple[int, Document]] = [
        (20, {"pyramid_levels": {"1": _levels(chance)}}),
        (20, {"pyramid_tp_percents": {"1": "0.7"}}),
        (20, {"max_resting_legs": chance.choice([1, 2])}),
        (15, {"cancel_entries_when_flat": False}),
        (12, {"cancel_beyond_percent": chance.choice(["0.5", "2"])}),
        (10, {"max_holding_minutes": chance.choice([1, 3])}),
        (15, {"tp_order": "trigger"}),
        (10, {"entry_reference": "market"}),
        (30, {"leverage": chance.choice(["2", "5", "10"])}),
        (15, {"margin_mode": "cross"}),
        (10, {"size_from": "quote", "size_value": "300"}),
        (10, {"size_from": "equity_percent", "size_value": "5"}),
    ]
    for percent, settings in seldom:
        if chance.happens(percent):
            grid |= settings
    return grid | _stops(chance) if stops else grid


def _stops(chance: Chance) -> Document:
    stop: Document = {"mode": "signal"}
    if chance.happens(75):
        stop = {"mode": "percent", "percent": chance.choice(["1", "3", "6", "10"])}
    if chance.happens(25):
        stop["breakeven_after_tp"] = chance.choice([1, 2])
    if chance.happens(25):
        activation, callback = chance.choice(["0.5", "1"]), chance.choice(["0.3", "1"])
        stop["trailing"] = {"activation_percent": activation, "callback_percent": callback}
    settings: Document = {"stop_loss": stop}
    if chance.happens(30):
        settings["stop_sizing"] = "planned"
    if stop["mode"] == "percent" and chance.happens(10):
        settings |= {"size_from": "risk_percent", "size_value": "1"}
    return settings


def _risk(chance: Chance) -> Document:
    risk: Document = {
        "cooldown_sec": chance.choice([0, 0, 0, 20]),
        "max_slippage_percent": chance.choice(["1", "5", "100"]),
    }
    seldom: list[tuple[int, Document]] = [
        (10, {"max_open_groups_per_symbol": chance.choice([1, 2])}),
        (10, {"max_open_groups_per_account": chance.choice([1, 2])}),
        (8, {"max_exposure_quote": "3000"}),
        (8, {"daily_loss_limit_quote": chance.choice(["20", "200"])}),
        (6, {"max_drawdown_percent": "5"}),
        (6, {"stop_guard_count": 2}),
        (6, {"max_order_quote": "500"}),
        (20, {"max_protection_failures": None}),
    ]
    for percent, settings in seldom:
        if chance.happens(percent):
            risk |= settings
    return risk


def _queue(chance: Chance) -> Document:
    settings: list[tuple[int, Document]] = [
        (30, {"max_size": chance.choice([1, 2, 3])}),
        (20, {"replace_same_identity": False}),
        (20, {"reprice": "original"}),
        (70, {"pause_after_stop_sec": chance.choice([0, 10])}),
        (10, {"max_drift_percent": "2"}),
    ]
    queue: Document = {}
    for percent, setting in settings:
        if chance.happens(percent):
            queue |= setting
    return queue


def _offset(chance: Chance) -> Document:
    offset: Document = {
        "mode": chance.choice(["auto", "auto", "suggest"]),
        "loss_threshold_percent": chance.choice(["-0.5", "-2"]),
        "wait_minutes": chance.choice([0, 1]),
        "min_interval_minutes": 0,
        "require_full_pyramids": chance.happens(30),
        "timer_start": chance.choice(["after_all_pyramids", "after_all_dca_submitted", "after_all_dca_filled"]),
        "required_pyramids": 1,
        "min_close_notional": chance.choice(["20", "0", "100"]),
        "cover": chance.choice(["full", "partial"]),
        "partial_close_enabled": chance.happens(80),
        "max_actions_per_day": 20,
    }
    if chance.happens(30):
        offset["scope"] = "quote"
    return offset
