"""The state now, read from the engine's snapshot when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from app.messages.snapshots import EngineSnapshot

LEVELS: Final = {"normal": 0, "warning": 1, "critical": 2}


class Gauges:
    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, sentence: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"ziggurat_{name}", sentence, labels, registry=registry)

        self._open_groups = gauge("open_groups", "Open position groups")
        self._slots_used = gauge("slots_used", "Slots of the pool in use")
        self._queued = gauge("queue_length", "Signals that wait for a slot")
        self._unknown_orders = gauge("unknown_orders", "Orders of unknown outcome")
        self._equity = gauge("equity_quote", "Worth of all accounts; NaN before the balances came")
        self._realized = gauge("realized_pnl_quote", "Realised since the beginning")
        self._realized_today = gauge("realized_today_quote", "Realised since 00:00 UTC")
        self._unrealized = gauge("unrealized_pnl_quote", "Unrealised of all open groups")
        self._stale = gauge("account_stale", "1 while an account's data is stale", ("account",))
        self._breaker = gauge("breaker_open", "1 while an account's requests fail at once", ("account",))
        self._limits = gauge("api_limit_used", "Part used of an exchange's limit, from 0 to 1", ("account", "limit"))
        self._running = gauge("engine_running", "1 while the engine runs and takes entries")
        self._emergency = gauge("emergency_level", "0 normal, 1 warning, 2 critical")
        self._loop_lag = gauge("loop_lag_seconds", "How late the event loop comes back")

    def read(
        self, snapshot: EngineSnapshot, loop_lag_ms: float, limits_used: Mapping[str, Mapping[str, float]]
    ) -> None:
        """`limits_used` by account and kind of limit, as the exchanges' adapters count it."""
        money = snapshot.money
        self._open_groups.set(snapshot.open_groups)
        self._slots_used.set(snapshot.slots_used)
        self._queued.set(snapshot.queued)
        self._unknown_orders.set(snapshot.unknown_orders)
        self._equity.set(_number(money.equity))
        self._realized.set(_number(money.realized_total))
        self._realized_today.set(_number(money.realized_today))
        self._unrealized.set(_number(money.unrealized))
        self._running.set(snapshot.state == "running")
        self._emergency.set(LEVELS.get(snapshot.emergency.level, LEVELS["critical"]))
        self._loop_lag.set(loop_lag_ms / 1000)
        for by_account in (self._stale, self._breaker, self._limits):
            by_account.clear()
        for account in snapshot.accounts:
            self._stale.labels(account.id).set(account.stale)
            self._breaker.labels(account.id).set(account.breaker_since is not None)
        for account_id, limits in limits_used.items():
            for limit, used in limits.items():
                self._limits.labels(account_id, limit).set(used)


def _number(amount: Decimal | None) -> float:
    return float("nan") if amount is None else float(amount)
