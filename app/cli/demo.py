"""The demo's account, prices and example signals: a newcomer sees the main job live, with nothing real behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import structlog

from app.base.errors import AppError
from app.bootstrap.application import Application
from app.cli.send import post

log = structlog.get_logger("demo")
EVERY_SEC = 4.0
DEMO_ENVIRONMENT = {
    "ZIGGURAT_VAULT": "file",
    "ZIGGURAT_VAULT_PASSPHRASE": "the demo guards nothing",
    "ZIGGURAT_PAPER_FEED": "random_walk",
}
DEMO_CONFIG: dict[str, Any] = {
    "app": {"hold_off_sleep": False},
    "accounts": [{"id": "paper-perp", "balances": {"USDT": "12000"}}],
    "pool": {"max_open_groups": 8},
    "risk": {"cooldown_sec": 20, "max_slippage_percent": "1"},
    "paper": {"interval_sec": 0.4, "volatility_percent": "0.06"},
    "grid": {
        "default": {
            "levels": [
                {"gap_percent": "0", "weight_percent": "40", "tp_percent": "0.8"},
                {"gap_percent": "-0.6", "weight_percent": "30", "tp_percent": "0.9"},
                {"gap_percent": "-1.2", "weight_percent": "30", "tp_percent": "1.1"},
            ],
            "max_pyramids": 3,
            "stop_loss": {"mode": "percent", "percent": "4"},
        },
        "overrides": [
            {"symbol": "SOL/USDT:USDT", "settings": {"tp_mode": "aggregate", "tp_aggregate_percent": "0.7"}},
            {"symbol": "ETH/USDT:USDT", "settings": {"tp_mode": "hybrid", "tp_aggregate_percent": "0.9"}},
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Example:
    """One alert: `price` is used until the market has one of its own."""

    symbol: str
    price: str
    timeframe: str
    action: str = "buy"
    intent: str = "signal"
    size: str = "800"


EXAMPLES = (
    Example("BTCUSDT.P", "96420.5", "60"),
    Example("ETHUSDT.P", "3099.48", "60"),
    Example("SOLUSDT.P", "140.75", "15"),
    Example("LINKUSDT.P", "18.470", "60", action="sell"),
    Example("AVAXUSDT.P", "50.000", "240"),
    Example("DOGEUSDT.P", "0.18942", "15"),
    Example("TRXUSDT.P", "0.24110", "60", action="sell", intent="exit"),
    Example("LTCUSDT.P", "99.00", "60"),
    Example("XRPUSDT.P", "0.5229", "240"),
    Example("AVAXUSDT.P", "49.200", "240"),
    Example("ADAUSDT.P", "0.7120", "60"),
    Example("SUIUSDT.P", "3.6120", "60"),
    Example("SOLUSDT.P", "140.75", "15"),
    Example("BTCUSDT.P", "96420.5", "60", action="sell", intent="exit"),
    Example("ARBUSDT.P", "0.8210", "15", action="sell"),
)


class DemoSignals:
    """Posts one example after the other to the application's own webhook."""

    def __init__(self) -> None:
        self._examples: Iterator[Example] = cycle(EXAMPLES)

    async def run(self, application: Application, secret: str) -> None:
        ports = await application.administration.ports()
        address = f"http://{application.config.api.host}:{ports['api']}/webhook/tradingview"
        while True:
            body = self._message(application, next(self._examples), secret)
            try:
                await asyncio.to_thread(post, address, body, {})
            except AppError as error:
                log.info("an example could not be sent", error=str(error))
            await application.clock.sleep(EVERY_SEC)

    def _message(self, application: Application, example: Example, secret: str) -> dict[str, Any]:
        intent = {"type": example.intent}
        if example.intent == "signal":
            intent["position_size_type"] = "quote"
        return {
            "secret": secret,
            "source": "tradingview",
            "timestamp": application.clock.now().isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": example.symbol,
                "timeframe": example.timeframe,
                "action": example.action,
                "close_price": application.price_of(example.symbol) or example.price,
                "order_size": example.size,
            },
            "strategy_info": {"strategy_id": "demo"},
            "execution_intent": intent,
        }
