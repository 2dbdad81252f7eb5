"""The private API over the real engine."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fastapi.routing import APIRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.api.routes import ROUTERS
from tests.integration.serving.conftest import Running

SOL = "SOL/USDT:USDT"
READS = [
    "/api/execution/positions",
    "/api/execution/trades",
    "/api/execution/orders",
    "/api/execution/fills",
    "/api/execution/signals",
    "/api/execution/queue",
    "/api/execution/status",
    "/api/execution/risk",
    "/api/execution/metrics",
    "/api/accounts",
    "/api/alerts",
    "/api/performance",
    "/metrics",
    "/openapi.json",
]


async def until_open(running: Running) -> dict[str, Any]:
    """The one open group, once something of it is filled."""
    while True:
        groups = (await running.get("/api/execution/positions")).json()["items"]
        if groups and Decimal(groups[0]["open_quantity"]) > 0:
            return dict(groups[0])


async def until_protected(running: Running) -> dict[str, Any]:
    """The one open group, once its exits are no longer on their way."""
    await until_open(running)
    while running.application.engine.is_busy():
        await running.get("/api/execution/status")
    return await until_open(running)


async def test_the_main_job_from_signal_to_profit(running: Running) -> None:
    await running.send(running.message())
    group = await until_open(running)
    assert (group["symbol"], group["side"], group["legs_total"]) == (SOL, "long", 5)

    for price in ("195", "215"):
        assert (await running.set_price(SOL, price)).status_code == 204
    while (await running.get("/api/execution/positions")).json()["items"]:
        pass
    trade = (await running.get("/api/execution/trades")).json()["items"][0]

    assert (trade["status"], trade["close_reason"]) == ("closed", "take_profit")
    assert Decimal(trade["realized_pnl"]) > 0


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_token_and_a_viewers_is_enough(running: Running, path: str) -> None:
    stranger = await running.client.get(f"{running.api}{path}")
    wrong = await running.client.get(f"{running.api}{path}", headers={"Authorization": "Bearer zgt_wrong"})

    assert (stranger.status_code, wrong.status_code) == (401, 401)
    assert (await running.get(path, "viewer")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/api/execution/positions/gaaaaaaa/close", "trader"),
        ("POST", "/api/execution/positions/gaaaaaaa/reduce", "trader"),
        ("POST", "/api/execution/positions/gaaaaaaa/cancel-entries", "trader"),
        ("POST", "/api/execution/reconcile", "trader"),
        ("POST", "/api/execution/pause", "trader"),
        ("POST", "/api/execution/resume", "trader"),
        ("PUT", "/api/paper/price", "admin"),
        ("DELETE", f"/api/paper/price?symbol={SOL}", "admin"),
    ],
)
async def test_acting_needs_its_role(running: Running, method: str, path: str, role: str) -> None:
    below = {"trader": ["viewer"], "admin": ["viewer", "trader"]}[role]
    for lower in below:
        answer = await running.client.request(method, f"{running.api}{path}", headers=running.headers(lower), json={})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    allowed = await running.client.request(method, f"{running.api}{path}", headers=running.headers(role), json={})
    assert allowed.status_code not in {401, 403}


def test_every_route_asks_for_a_role_but_health() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    open_to_strangers = [route.path for route in routes if not route.dependencies]

    assert len(routes) > 45
    assert open_to_strangers == ["/health"]


async def test_a_stranger_sees_of_health_only_the_status(running: Running) -> None:
    stranger = await running.client.get(f"{running.api}/health")
    known = await running.get("/health", "viewer")

    assert stranger.json() == {"status": "ok"}
    assert known.json()["components"]["database"] == "ok"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.org"},
        {"Host": "127.0.0.1"},
        {"Origin": "https://example.org"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "10.1.2.3"},
        {"Forwarded": "for=10.1.2.3"},
    ],
)
async def test_requests_of_web_pages_and_proxies_are_refused(running: Running, headers: dict[str, str]) -> None:
    answer = await running.client.get(f"{running.api}/api/execution/status", headers={**running.headers(), **headers})

    assert answer.status_code == 403


async def test_bodies_must_be_json(running: Running) -> None:
    answer = await running.client.post(
        f"{running.api}/api/execution/pause", headers=running.headers(), content=b"reason=x"
    )

    assert answer.status_code == 415


async def test_close_reduce_and_cancel_by_hand(running: Running) -> None:
    await running.send(running.message())
    group = await until_open(running)
    path = f"/api/execution/positions/{group['id']}"
    reduced = await running.post(f"{path}/reduce", {"fraction": "0.5"})
    cancelled = await running.post(f"{path}/cancel-entries")
    again = await running.post(f"{path}/cancel-entries")
    closed = await running.post(f"{path}/close")
    while (await running.get("/api/execution/positions")).json()["items"]:
        pass
    trade = (await running.get(f"/api/execution/trades/{group['id']}")).json()
    detail = (await running.get(path)).json()

    assert [answer.status_code for answer in (reduced, cancelled, again, closed)] == [200, 200, 409, 200]
    assert trade["close_reason"] == "manual"
    assert [signal["outcome"] for signal in detail["signals"]] == ["executed"]
    assert detail["signals"][0]["checks"]


async def test_a_paused_engine_refuses_entries_and_says_why(running: Running) -> None:
    await running.post("/api/execution/pause", {"reason": "at lunch"})
    await running.send(running.message())
    signal = (await running.get("/api/execution/signals")).json()["items"][0]
    resumed = await running.post("/api/execution/resume")
    twice = await running.post("/api/execution/resume")

    assert (signal["outcome"], signal["reason"]) == ("rejected", "paused")
    assert "at lunch" in signal["detail"]
    assert (resumed.status_code, twice.status_code) == (200, 409)


async def test_a_preview_shows_the_grid_and_leaves_no_trace(running: Running) -> None:
    await running.set_price(SOL, "200")
    await running.send(running.message(symbol="SOLUSDT.P", tv__timeframe="15"))
    await until_protected(running)
    before = await running.asked_for()
    preview = (await running.post("/api/execution/signals/preview", running.message())).json()

    assert (preview["outcome"], preview["symbol"], len(preview["legs"])) == ("executed", SOL, 5)
    assert preview["capital"] == "400"
    assert await running.asked_for() == before


async def test_a_reconciliation_by_hand_reports(running: Running) -> None:
    report = (await running.post("/api/execution/reconcile")).json()

    assert report["findings"] == []
    assert sorted(report["accounts"]) == ["paper", "paper-spot"]


@pytest.mark.parametrize(
    ("symbol", "price", "status"), [("nonsense", "1", 404), (SOL, "-1", 422), (SOL, "0", 422), (SOL, "x", 422)]
)
async def test_a_price_that_makes_no_sense_is_refused(running: Running, symbol: str, price: str, status: int) -> None:
    assert (await running.set_price(symbol, price)).status_code == status


async def test_lists_are_read_page_by_page(running: Running) -> None:
    for size in ("100", "200", "300"):
        await running.send(running.message(tv__order_size=size))
    first = (await running.get("/api/execution/signals?limit=2")).json()
    second = (await running.get(f"/api/execution/signals?limit=2&cursor={first['next_cursor']}")).json()
    bad = await running.get("/api/execution/signals?cursor=nonsense")

    assert [len(first["items"]), len(second["items"])] == [2, 1]
    assert second["next_cursor"] is None
    assert bad.status_code == 422


def socket_of(running: Running, query: str, headers: dict[str, str]) -> Any:
    return connect(f"{running.api.replace('http', 'ws')}/api/execution/events{query}", additional_headers=headers)


async def test_events_are_caught_up_and_go_on_without_gap_or_double(running: Running) -> None:
    await running.send(running.message())
    await until_open(running)
    last = (await running.get("/api/execution/status")).json()["last_sequence"]
    async with socket_of(running, "?since=0", running.headers("viewer")) as socket:
        seen = [json.loads(await socket.recv()) for _ in range(last)]
        await running.post("/api/execution/pause", {})
        while seen[-1]["type"] != "engine.paused":
            seen.append(json.loads(await socket.recv()))

    assert len(seen) > last
    assert [event["sequence"] for event in seen] == list(range(1, len(seen) + 1))


async def test_events_can_be_filtered(running: Running) -> None:
    async with socket_of(running, "?types=engine.resumed", running.headers("viewer")) as socket:
        await running.post("/api/execution/pause", {})
        await running.post("/api/execution/resume")

        assert json.loads(await socket.recv())["type"] == "engine.resumed"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer zgt_wrong"}, {"Origin": "https://example.org"}])
async def test_the_event_stream_is_closed_to_strangers(running: Running, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus):
        async with socket_of(running, "", headers):
            pass
