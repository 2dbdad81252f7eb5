"""The private API's routes, a file a family (docs/api.md)."""

from app.api.routes import (
    alerts,
    configuration,
    engine,
    history,
    metrics,
    orders,
    paper,
    performance,
    positions,
    queue,
    risk,
    service_events,
    signals,
)

ROUTERS = (
    engine.router,
    orders.router,
    service_events.router,
    positions.router,
    history.router,
    signals.router,
    queue.router,
    risk.router,
    alerts.router,
    performance.router,
    metrics.router,
    configuration.router,
    paper.router,
)

__all__ = ["ROUTERS"]
