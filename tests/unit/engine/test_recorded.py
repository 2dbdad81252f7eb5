"""Signals that are acted on later than they came: during the start, or from the queue. Their key binds them still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.api.webhook import grant_of
from app.domain.alert import validate
from app.domain.alert_body import parse_body
from app.domain.alert_keys import content_key, stored_payload
from app.messages.commands import AcceptSignal, SignalAnswer
from app.messages.records import SignalOutcome
from app.ports.secrets import WebhookKey
from tests.support.examples import key_of
from tests.unit.engine.worlds import Stage, scenario

MARKET_ORDERS = {
    "entry_order_type": "market",
    "tp_mode": "aggregate",
    "tp_aggregate_percent": 4,
    "levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 4}],
}
GRID = {"default": {**MARKET_ORDERS, "size_from": "quote", "size_value": "20"}}
LTC_ONLY = key_of("provider", "not asked for", symbols=("LTC/USDT:USDT",), max_quote=Decimal(50))
OTHER_ORDER = {
    **dict.fromkeys(("account", "stop_loss", "take_profit", "confidence", "leverage")),
    **dict.fromkeys(("source", "strategy_id", "label"), ""),
    "symbol": "DOT/USDT:USDT",
    "timeframe": "1h",
    "side": "long",
    "size": "900",
    "size_type": "base",
    "price": "150",
    "at": "2026-01-05T00:00:00+00:00",
    "is_single": True,
}


def one_slot(**config: Any) -> dict[str, Any]:
    usual = {"pool": {"max_open_groups": 1}, "risk": {"cooldown_sec": 0}, "grid": GRID}
    return scenario("SOL", "LTC", "DOT", "ADA", **{**usual, **config})


def command(stage: Stage, key: WebhookKey, extra: dict[str, Any], **short: Any) -> AcceptSignal:
    """What the webhook asks of the engine when a message with `extra` top-level fields comes by a key."""
    stage.world.keys[key.name] = key
    body = stage.world.body_of({"timeframe": "60", "price": 100, "size": 1, **short}) | extra
    payload = stored_payload(parse_body(stored_payload(body).encode()))
    return AcceptSignal(
        received_at=stage.world.clock.now(),
        source="webhook",
        payload=payload,
        content_key=content_key(payload),
        signal=validate(parse_body(payload.encode())),
        grant=grant_of(key),
    )


def post(stage: Stage, key: WebhookKey, extra: dict[str, Any] | None = None, **short: Any) -> SignalAnswer | None:
    return stage.run(stage.world.engine.ask(command(stage, key, extra or {}, **short)))


def post_while_starting(
    stage: Stage, key: WebhookKey, extra: dict[str, Any] | None = None, *, is_gone: bool = False, **short: Any
) -> SignalAnswer | None:
    """`is_gone` takes the key away before its signal is acted on."""
    return ask_while_starting(stage, lambda: command(stage, key, extra or {}, **short), key if is_gone else None)


def ask_while_starting(
    stage: Stage, asked: Callable[[], AcceptSignal], gone: WebhookKey | None = None
) -> SignalAnswer | None:
    async def posted() -> SignalAnswer:
        stage.world.crash()
        while not stage.world.engine._is_open:  # noqa: ASYNC110 - the engine tells its opening by nothing else
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
        answer: SignalAnswer = await stage.world.engine.ask(asked())
        if gone is not None:
            del stage.world.keys[gone.name]
        return answer

    return stage.run(posted())


def free_the_slot(stage: Stage) -> None:
    stage.price("SOL/USDT:USDT", Decimal(105))
    stage.wait(15)


def opened(stage: Stage) -> list[tuple[str, Decimal]]:
    return [(group.symbol, group.invested) for group in stage.groups()]


def test_an_alert_that_claims_to_be_an_order_by_hand_stays_an_alert_when_it_is_promoted() -> None:
    with Stage(one_slot()) as stage:
        stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1)
        post(stage, LTC_ONLY, {"placed": OTHER_ORDER}, action="buy", symbol="LTCUSDT.P")
        free_the_slot(stage)
        assert opened(stage) == [("LTC/USDT:USDT", Decimal(20))]


def test_an_alert_that_claims_to_be_an_order_by_hand_stays_an_alert_when_it_came_during_the_start() -> None:
    with Stage(one_slot()) as stage:
        post_while_starting(stage, LTC_ONLY, {"placed": OTHER_ORDER}, action="buy", symbol="LTCUSDT.P")
        stage.wait(20)
        assert opened(stage) == [("LTC/USDT:USDT", Decimal(20))]


@pytest.mark.parametrize("placed", [True, "2026-01-05", {}])
def test_an_exit_that_came_during_the_start_is_acted_on_whatever_else_it_holds(placed: object) -> None:
    with Stage(one_slot()) as stage:
        stage.signal(action="buy", symbol="LTCUSDT.P", timeframe="60", price=100, size=1)
        post_while_starting(stage, LTC_ONLY, {"placed": placed}, action="sell", intent="exit", symbol="LTCUSDT.P")
        stage.wait(20)
        assert opened(stage) == []


def test_a_waiting_signal_that_cannot_be_read_any_more_is_refused_and_lets_the_others_pass() -> None:
    with Stage(one_slot()) as stage:
        stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1)
        answer = post(stage, LTC_ONLY, action="buy", symbol="LTCUSDT.P")
        stage.signal(action="buy", symbol="ADAUSDT.P", timeframe="60", price=100, size=1)
        assert answer is not None
        record = stage.world.engine.state.queued_signals[answer.signal_id]
        object.__setattr__(record, "source", "manual")  # as if it had been kept as what it is not
        free_the_slot(stage)
        assert opened(stage) == [("ADA/USDT:USDT", Decimal(20))]
        refused = stage.world.signals[answer.signal_id]
        assert (refused.outcome, refused.reason) == (SignalOutcome.REJECTED, "invalid")
        assert refused.detail == "placed is not an order or a decision as it is kept"


def test_a_replay_that_is_asked_for_during_the_start_is_as_old_as_the_wish_for_it() -> None:
    with Stage(one_slot()) as stage:
        first = command(stage, LTC_ONLY, {}, action="buy", symbol="LTCUSDT.P")
        stage.wait(600)

        def again() -> AcceptSignal:
            return replace(first, received_at=stage.world.clock.now(), grant=None, replay_of="s0000000000009")

        ask_while_starting(stage, again)
        stage.wait(20)
        assert opened(stage) == [("LTC/USDT:USDT", Decimal(20))]


# ---------------------------------------------------------------------------------------------- how much it may spend


def refusals(stage: Stage) -> list[str | None]:
    return [record.reason for record in stage.world.signals.values() if record.outcome is SignalOutcome.REJECTED]


BY_EQUITY = {"default": {**MARKET_ORDERS, "size_from": "equity_percent", "size_value": "1"}}
BY_SIGNAL = {"default": {**MARKET_ORDERS, "entry_order_type": "limit"}}


@pytest.mark.parametrize(
    ("grid", "signal"),
    [
        (BY_EQUITY, {"action": "buy"}),  # one percent of a million
        (BY_SIGNAL, {"action": "sell", "price": 10, "size": 4}),  # 40 at the price it tells, 400 at the market's
    ],
)
def test_a_key_is_bound_though_nothing_is_known_yet_when_its_signal_comes(
    grid: dict[str, Any], signal: dict[str, Any]
) -> None:
    with Stage(one_slot(grid=grid)) as stage:
        answer = post_while_starting(stage, LTC_ONLY, symbol="LTCUSDT.P", **signal)
        assert answer is not None
        assert answer.status == "accepted"
        stage.wait(20)
        assert (opened(stage), refusals(stage)) == ([], ["key_not_allowed"])


def test_a_key_is_bound_by_what_its_entry_is_worth_when_it_leaves_the_queue() -> None:
    with Stage(
        one_slot(grid={"default": MARKET_ORDERS}, risk={"cooldown_sec": 0, "max_slippage_percent": 90})
    ) as stage:
        stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1)
        post(stage, LTC_ONLY, action="buy", symbol="LTCUSDT.P", size="0.4")
        stage.price("LTC/USDT:USDT", Decimal(150))
        free_the_slot(stage)
        assert (opened(stage), refusals(stage)) == ([], ["key_not_allowed"])


def test_what_still_waits_spends_nothing_once_its_key_is_gone() -> None:
    with Stage(one_slot()) as stage:
        stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1)
        post(stage, LTC_ONLY, action="buy", symbol="LTCUSDT.P")
        del stage.world.keys[LTC_ONLY.name]
        free_the_slot(stage)
        assert (opened(stage), refusals(stage)) == ([], ["key_not_allowed"])


def test_an_exit_that_came_by_a_key_is_acted_on_though_the_key_is_gone() -> None:
    with Stage(one_slot()) as stage:
        stage.signal(action="buy", symbol="LTCUSDT.P", timeframe="60", price=100, size=1)
        post_while_starting(stage, LTC_ONLY, action="sell", intent="exit", symbol="LTCUSDT.P", is_gone=True)
        stage.wait(20)
        assert opened(stage) == []
