"""What the trader should know."""

from __future__ import annotations

from fastapi import Request

from app.api.access import TRADER, VIEWER
from app.api.models.reports import Alert
from app.api.models.values import Page, Result
from app.api.routes.common import Cursor, Limit, Sequence, done, new_router
from app.messages.commands import AcknowledgeAlert
from app.ports.queries import AlertRow, PageRequest

router = new_router("alerts")


@router.get("/api/alerts", dependencies=[VIEWER])
async def alerts(
    request: Request, acknowledged: bool | None = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[Alert]:
    """Newest first."""
    page = await request.app.state.queries.alerts(PageRequest(limit, cursor), acknowledged=acknowledged)
    return Page(items=[_alert(row) for row in page.rows], next_cursor=page.next_cursor)


@router.post("/api/alerts/{sequence}/acknowledge", dependencies=[TRADER])
async def acknowledge(request: Request, sequence: Sequence) -> Result:
    return await done(request, AcknowledgeAlert(sequence))


def _alert(row: AlertRow) -> Alert:
    event = row.event
    return Alert(
        sequence=event.sequence,
        at=event.at,
        severity=str(event.data.get("severity", "warning")),
        detail=str(event.data.get("detail", "")),
        account=event.account,
        symbol=event.symbol,
        group_id=event.group_id,
        acknowledged=row.acknowledged_at is not None,
        acknowledged_at=row.acknowledged_at,
    )
