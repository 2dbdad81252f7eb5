"""Messages, keys and rows as the listeners meet them, spelled out once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.secret import Secret
from app.domain.fill import Fill
from app.domain.values import Liquidity, OrderSide
from app.messages.commands import SignalPreview
from app.messages.records import CheckResult, EventRecord, SignalOutcome, SignalRecord
from app.messages.snapshots import (
    AccountSnapshot,
    EmergencySnapshot,
    EngineSnapshot,
    GroupSnapshot,
    MoneySnapshot,
    OrderSnapshot,
    QueueSnapshot,
    RiskSnapshot,
)
from app.ports.queries import TradeRow
from app.ports.secrets import WebhookKey

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "k3y-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PATH_TOKEN = "p4th-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"


def key_of(name: str, secret: str, **limits: Any) -> WebhookKey:
    facts: dict[str, Any] = {"accounts": (), "symbols": (), "intents": (), "max_quote": None, "allows_live": True}
    return WebhookKey(name, Secret(secret), created_at=NOON, expires_at=None, revoked=False, **{**facts, **limits})


def message(**changes: Any) -> dict[str, Any]:
    """A webhook message that validates; a change of None takes the field out."""
    whole: dict[str, Any] = {
        "secret": SECRET,
        "source": "tradingview",
        "timestamp": "2026-01-05T12:00:00Z",
        "tv": {
            "exchange": "BINANCE",
            "symbol": "BTCUSDT.P",
            "timeframe": "60",
            "action": "buy",
            "close_price": "50000",
            "order_size": "0.1",
        },
        "execution_intent": {"type": "signal"},
    }
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


def event_of(sequence: int, type_: str = "signal.received", **data: Any) -> EventRecord:
    return EventRecord(sequence, NOON, type_, "paper", "BTC/USDT:USDT", None, None, None, data)


def events_of(numbers: Iterable[int]) -> list[EventRecord]:
    return [event_of(number) for number in numbers]


def engine_snapshot(**changes: Any) -> EngineSnapshot:
    facts: dict[str, Any] = {
        "revision": 7,
        "state": "running",
        "paused_reason": None,
        "halted_reason": None,
        "open_groups": 1,
        "max_open_groups": 10,
        "queued": 0,
        "last_signal_at": NOON,
        "last_reconciled_at": None,
        "unknown_orders": 0,
        "last_sequence": 0,
        "emergency": emergency_snapshot(),
        "slots_used": 1,
        "promotions_wait_until": None,
        "offset_mode": "suggest",
        "last_action": None,
        "accounts": (account_snapshot(),),
        "money": money_snapshot(),
    }
    return EngineSnapshot(**{**facts, **changes})


def money_snapshot(**changes: Any) -> MoneySnapshot:
    facts: dict[str, Any] = {
        "environment": "paper",
        "currency": "USDT",
        "equity": Decimal("1E+4"),
        "started_with": Decimal(10_000),
        "realized_today": Decimal("-2.50"),
        "realized_total": Decimal("-2.50"),
        "trades_today": 0,
        "unrealized": Decimal(0),
        "invested": Decimal(5000),
        "deployed": Decimal(5000),
        "reserved": Decimal(0),
        "free": Decimal("4997.50"),
    }
    return MoneySnapshot(**{**facts, **changes})


def account_snapshot(**changes: Any) -> AccountSnapshot:
    facts: dict[str, Any] = {
        "id": "paper",
        "venue": "paper",
        "market_type": "linear",
        "environment": "paper",
        "connected": True,
        "stale": False,
        "stale_since": None,
        "reason": None,
        "last_reconciled_at": NOON,
        "balances": {"USDT": Decimal("1E+4")},
        "external": {"BTC/USDT:USDT": Decimal("-0.5")},
        "taker_fee": Decimal("0.0005"),
        "free": Decimal("4997.50"),
    }
    return AccountSnapshot(**{**facts, **changes})


def order_snapshot(number: int = 1) -> OrderSnapshot:
    return OrderSnapshot(
        client_order_id=f"zg-{number}",
        group="g0000001",
        account="paper",
        symbol="BTC/USDT:USDT",
        pyramid=0,
        leg=0,
        role="entry",
        side="buy",
        type="market",
        price=None,
        trigger_price=None,
        quantity=Decimal("0.100"),
        filled=Decimal("1E-7"),
        average=Decimal("5E+4"),
        status="partially_filled",
        reduce_only=False,
        attempts=1,
        reason=None,
        created_at=NOON,
        updated_at=NOON,
    )


def group_snapshot(number: int = 1) -> GroupSnapshot:
    return GroupSnapshot(
        id=f"g{number:07d}",
        account="paper",
        symbol="BTC/USDT:USDT",
        timeframe="1h",
        side="long",
        strategy_id="",
        status="active",
        close_reason=None,
        pyramids=1,
        max_pyramids=5,
        legs_total=0,
        legs_filled=0,
        open_quantity=Decimal("0.100"),
        average_entry=Decimal("5E+4"),
        invested=Decimal(5000),
        realized_pnl=Decimal("-2.50"),
        unrealized_pnl=None,
        unrealized_percent=None,
        reserved=Decimal(0),
        fees=Decimal("2.50"),
        funding=Decimal(0),
        dust=Decimal(0),
        mark=None,
        mark_at=None,
        tick_size=Decimal("0.1"),
        step_size=Decimal("0.001"),
        quote_currency="USDT",
        leverage=Decimal(1),
        tp_mode="per_leg",
        tp_aggregate_percent=Decimal(1),
        stop_price=None,
        pnl_at_stop=None,
        next_tp=None,
        next_tp_distance_percent=None,
        protected=None,
        unprotected_since=None,
        estimated=False,
        forced=False,
        blocked=False,
        opened_at=NOON + timedelta(seconds=number),
        closed_at=None,
        legs=(),
        entries=(),
        orders=(order_snapshot(),),
    )


def queue_snapshot(rank: int, **changes: Any) -> QueueSnapshot:
    facts: dict[str, Any] = {
        "signal_id": f"s{rank:013d}",
        "account": "paper",
        "symbol": "BTC/USDT:USDT",
        "side": "long",
        "timeframe": "1h",
        "strategy_id": "",
        "entry_price": Decimal(100),
        "replacement_count": 0,
        "rank": rank,
        "reason": "pool_full",
        "first_queued_at": NOON,
        "last_replaced_at": NOON,
        "expires_at": NOON + timedelta(hours=3),
        "price": Decimal(99),
        "loss_percent": Decimal(-1),
        "expected_profit": Decimal(5),
        "is_continuation": False,
        "is_reserved": False,
        "decided_by": "deepest_loss_percent",
        "decisive": "-1.00 %",
    }
    return QueueSnapshot(**{**facts, **changes})


def emergency_snapshot(**changes: Any) -> EmergencySnapshot:
    facts: dict[str, Any] = {"level": "normal", "code": None, "reason": None, "since": None, "warnings": ()}
    return EmergencySnapshot(**{**facts, **changes})


def risk_snapshot(**changes: Any) -> RiskSnapshot:
    facts: dict[str, Any] = {
        "emergency": emergency_snapshot(),
        "limits": (),
        "mode": "suggest",
        "held_by": None,
        "groups": (),
        "blocked": frozenset(),
        "skipped": frozenset(),
        "plan": None,
        "actions": (),
        "actions_today": 0,
        "max_actions_per_day": 3,
        "close_all": None,
    }
    return RiskSnapshot(**{**facts, **changes})


def trade_row(number: int) -> TradeRow:
    return TradeRow(
        id=f"g{number:07d}",
        account="paper",
        symbol="BTC/USDT:USDT",
        timeframe="1h",
        side="long",
        strategy_id="=1+1",
        status="closed",
        close_reason="take_profit",
        quantity=Decimal("0.100"),
        average_entry=Decimal(50000),
        average_exit=Decimal("50500.5"),
        invested=Decimal(5000),
        realized_pnl=Decimal("1E+2"),
        realized_percent=Decimal("-0E-8"),
        fees=Decimal("1E-9"),
        funding=Decimal(0),
        quote_currency="USDT",
        pyramids=1,
        estimated=False,
        opened_at=NOON,
        closed_at=NOON,
    )


def fill_row(number: int) -> Fill:
    return Fill(
        "paper", "BTC/USDT:USDT", f"t{number}", "zg-1", "g0000001", OrderSide.BUY, Decimal(50000), Decimal("0.1"),
        Decimal("2.5"), "USDT", Decimal("2.5"), Liquidity.TAKER, NOON,
    )  # fmt: skip


def signal_record(number: int) -> SignalRecord:
    return SignalRecord(
        id=f"s{number:013d}",
        received_at=NOON,
        source="tradingview",
        key_name="default",
        payload='{"tv":{"close_price":50000.10}}',
        content_key="c" * 64,
        bar_key=None,
        http_status=202,
        outcome=SignalOutcome.EXECUTED,
        account="paper",
        symbol="BTC/USDT:USDT",
        timeframe="1h",
        side="long",
        intent="entry",
        price=Decimal(50000),
        size=Decimal("0.1"),
        signal_at=NOON,
        group_id="g0000001",
        decided_at=NOON,
        checks=(CheckResult("cooldown", "passed", "no pause is running"),),
    )


def preview_of() -> SignalPreview:
    return SignalPreview("executed", None, None, "paper", "BTC/USDT:USDT", "1h", "long", "entry", Decimal("5E+3"))
