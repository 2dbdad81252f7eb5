"""Figures of the running process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from app.api.access import VIEWER
from app.api.models.reports import ErrorRates, Latency, Metrics, Profit, Slippage
from app.api.routes.common import new_router
from app.ports.meter import Stage
from app.ports.metrics import Figures

router = new_router("metrics")
TEXT = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", dependencies=[VIEWER], response_class=Response, responses=PROMETHEUS)
async def prometheus(request: Request) -> Response:
    state = request.app.state
    snapshot = state.engine.snapshot()
    used = {account.id: state.accounts.wire(account.id).limits_used for account in snapshot.accounts}
    return Response(state.metrics.prometheus(snapshot, state.loop_lag_ms(), used), media_type=TEXT)


@router.get("/api/execution/metrics", dependencies=[VIEWER])
async def metrics(request: Request) -> Metrics:
    state = request.app.state
    snapshot, figures = state.engine.snapshot(), state.metrics.figures()
    latencies = {name: Latency.model_validate(item) for name, item in figures.latencies.items()}
    return Metrics(
        events=dict(figures.events),
        orders=dict(figures.orders),
        rejections=dict(figures.rejections),
        latencies=latencies,
        queue_wait=latencies[Stage.QUEUE_WAIT],
        entry_slippage=Slippage.model_validate(figures.entry_slippage),
        exit_slippage=Slippage.model_validate(figures.exit_slippage),
        errors=_error_rates(figures),
        open_groups=snapshot.open_groups,
        queued=snapshot.queued,
        loop_lag_ms=state.loop_lag_ms(),
        profit=Profit.model_validate(snapshot.money),
    )


def _error_rates(figures: Figures) -> ErrorRates:
    """An order counts when something became of it: it was placed, or never was."""
    orders = figures.orders
    sent = sum(orders.get(status, 0) for status in ("placed", "rejected", "failed", "lost"))
    return ErrorRates(
        signals_rejected=_share(figures.events, "signal.rejected", figures.events.get("signal.received", 0)),
        orders_rejected=_share(orders, "rejected", sent),
        orders_failed=_share(orders, "failed", sent),
        orders_unknown=_share(orders, "unknown", sent),
    )


def _share(counts: Mapping[str, int], name: str, of: int) -> float | None:
    return min(counts.get(name, 0) / of, 1.0) if of else None
