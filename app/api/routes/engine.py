"""Health, state and control of the engine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from fastapi import Request

from app.api.access import TRADER, VIEWER, verified
from app.api.models.bodies import Pausing, Reason, Reconciling
from app.api.models.engine import AccountDetail, Health, KeyTest, Reconciliation, Status
from app.api.models.risk import ClosingAll, Risk
from app.api.models.values import Result
from app.api.routes.common import done, new_router
from app.messages.commands import CloseAll, EmergencyReset, EmergencyStop, Pause, Resume
from app.messages.snapshots import AccountSnapshot
from app.ports.accounts import Wire

router = new_router("engine")


@router.get("/health", response_model_exclude_none=True)
async def health(request: Request) -> Health:
    """A stranger sees only the status."""
    state = request.app.state
    components, ok = await _components(request)
    if verified(state.tokens, request.headers.get("authorization")) is None:
        return Health(status=ok)
    return Health(status=ok, version=state.version, components=components)


async def _components(request: Request) -> tuple[dict[str, str], str]:
    state = request.app.state
    snapshot = state.engine.snapshot()
    components: dict[str, str] = {"engine": snapshot.state, "webhook": "ok", "queue": f"{snapshot.queued} waiting"}
    try:
        await state.queries.check()
        components["database"] = "ok"
    except Exception as error:  # noqa: BLE001 - whatever keeps the database from answering is its state
        components["database"] = f"error: {type(error).__name__}"
    for account in snapshot.accounts:
        components[f"account {account.id}"] = "stale" if account.stale else "ok"
    components["sleep"] = "held off" if state.sleep_held() else "not held off"
    components["disk"] = state.disk()
    components["loop_lag_ms"] = f"{state.loop_lag_ms():.1f}"
    if snapshot.state == "halted" or components["database"] != "ok":
        return components, "error"
    degraded = snapshot.state == "starting" or any(account.stale for account in snapshot.accounts)
    return components, "degraded" if degraded else "ok"


@router.get("/api/execution/status", dependencies=[VIEWER])
async def status(request: Request) -> Status:
    return Status.model_validate(request.app.state.engine.snapshot())


@router.get("/api/accounts", dependencies=[VIEWER])
async def accounts(request: Request) -> list[AccountDetail]:
    """Every account with its connection; keys are nowhere to be read."""
    state = request.app.state
    now = state.clock.now()
    return [_detail(item, state.accounts.wire(item.id), now) for item in state.engine.snapshot().accounts]


def _detail(account: AccountSnapshot, wire: Wire, now: datetime) -> AccountDetail:
    age = None if wire.rules_at is None else (now - wire.rules_at).total_seconds()
    return AccountDetail.model_validate({**asdict(account), "limits_used": wire.limits_used, "rules_age_sec": age})


@router.post("/api/accounts/{account_id}/test", dependencies=[TRADER])
async def test_account(request: Request, account_id: str) -> KeyTest:
    """Ask the exchange what the account's keys may do; nothing is changed."""
    return KeyTest.model_validate(asdict(await request.app.state.accounts.test(account_id)))


@router.post("/api/execution/reconcile", dependencies=[TRADER])
async def reconcile(request: Request, body: Reconciling | None = None) -> Reconciliation:
    """Read every account, or the named one, now and make the books equal; what was found."""
    report = await request.app.state.engine.reconcile(body.account if body else None)
    return Reconciliation.model_validate(asdict(report))


@router.post("/api/execution/pause", dependencies=[TRADER])
async def pause(request: Request, body: Pausing | None = None) -> Result:
    """Refuse entries until resumed; exits, stops and reconciliation go on."""
    return await done(request, Pause((body or Pausing()).reason))


@router.post("/api/execution/resume", dependencies=[TRADER])
async def resume(request: Request) -> Result:
    return await done(request, Resume())


@router.post("/api/execution/emergency-stop", dependencies=[TRADER])
async def emergency_stop(request: Request, body: Reason) -> Result:
    """Enter `critical`: no entries, pyramids, promotions or offsets until it is reset."""
    return await done(request, EmergencyStop(body.reason))


@router.post("/api/execution/emergency-reset", dependencies=[TRADER])
async def emergency_reset(request: Request, body: Reason) -> Result:
    """Back to normal; the reason is kept."""
    return await done(request, EmergencyReset(body.reason))


@router.post("/api/execution/close-all", dependencies=[TRADER])
async def close_all(request: Request) -> ClosingAll:
    """Enter `critical` and close every group at market; asked again, it repeats what failed."""
    result = await done(request, CloseAll())
    risk = Risk.model_validate(request.app.state.engine.risk())
    return ClosingAll(detail=result.detail, group_ids=result.group_ids, progress=risk.close_all)
