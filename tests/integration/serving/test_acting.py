"""What tokens do to the real engine."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.engine import measuring
from tests.integration.serving.conftest import Running
from tests.integration.serving.test_private_api import SOL, until_open

DECISION: dict[str, Any] = {"symbol": SOL, "side": "buy", "confidence": 0.8, "size": "2", "account": "paper"}


async def done(running: Running, path: str, body: Any = None) -> Any:
    answer = await running.post(path, body, "trader")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read(running: Running, path: str) -> Any:
    answer = await running.get(path, "viewer")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_decision_fills_is_kept_and_ends_with_its_result(running: Running) -> None:
    await running.set_price(SOL, "200")
    whole = {**DECISION, "stop_loss": "190", "take_profit": "220", "label": "m-1", "request_id": "r-1"}
    result = await done(running, "/api/execution/decision", {**whole, "wait_ms": 10_000})
    assert (result["success"], result["outcome"]) == (True, "executed"), result
    assert Decimal(result["fill_price"]) > 0
    assert [(order["role"], order["status"]) for order in result["orders"]] == [("entry", "filled")]
    path = f"/api/execution/decisions/{result['decision_id']}"
    assert (await read(running, path))["trade_status"] == "open"

    await running.set_price(SOL, "221")
    while (await read(running, "/api/execution/positions"))["items"]:
        pass
    kept = await read(running, path)
    assert kept["trade_status"] == "closed"
    assert Decimal(kept["realized_pnl"]) > 0
    assert (kept["decision"]["label"], kept["result"]["group_id"]) == ("m-1", result["group_id"])
    performance = await read(running, "/api/performance")
    assert (performance["trades"], performance["realized"]) == (1, kept["realized_pnl"])


async def test_the_same_request_id_again_is_a_duplicate(running: Running) -> None:
    await running.set_price(SOL, "200")
    body = {**DECISION, "request_id": "r-1", "wait_ms": 10_000}
    first, second = [await done(running, "/api/execution/decision", body) for _ in range(2)]
    assert (second["is_duplicate"], second["signal_id"]) == (True, first["signal_id"])
    assert len((await read(running, "/api/execution/positions"))["items"]) == 1


async def test_a_manual_order_is_managed_by_hand(running: Running) -> None:
    await running.set_price(SOL, "200")
    order = {"symbol": SOL, "side": "long", "quantity": "2", "account": "paper"}
    await done(running, "/api/execution/order", order)
    path = f"/api/execution/positions/{(await until_open(running))['id']}"
    await done(running, f"{path}/move-stop", {"price": "180"})
    await done(running, f"{path}/tp-mode", {"mode": "aggregate", "percent": "5"})
    await done(running, f"{path}/add-funds", {"quote": "100"})
    group = await read(running, path)
    assert (group["stop_price"], group["tp_mode"], group["pyramids"]) == ("180", "aggregate", 2)


async def test_an_emergency_stop_refuses_orders_until_it_is_reset(running: Running) -> None:
    await done(running, "/api/execution/emergency-stop", {"reason": "the exchange behaves oddly"})
    refused = await done(running, "/api/execution/decision", DECISION)
    risk = await read(running, "/api/execution/risk")
    assert (refused["success"], risk["emergency"]["level"]) == (False, "critical")
    assert "the exchange behaves oddly" in risk["emergency"]["reason"]
    await done(running, "/api/execution/emergency-reset", {"reason": "it was our line"})
    assert (await read(running, "/api/execution/status"))["emergency"]["level"] == "normal"


async def test_closing_all_leaves_nothing_open(running: Running) -> None:
    await running.send(running.message())
    await until_open(running)
    await done(running, "/api/execution/close-all")
    while (await read(running, "/api/execution/positions"))["items"]:
        pass
    progress = (await read(running, "/api/execution/risk"))["close_all"]
    assert {group["status"] for group in progress["groups"]} == {"closed"}


async def test_a_signal_is_replayed_on_purpose(running: Running) -> None:
    await running.send(running.message())
    group = await until_open(running)
    (signal,) = (await read(running, "/api/execution/signals"))["items"]
    replayed = await done(running, f"/api/execution/signals/{signal['id']}/replay")
    again = await read(running, f"/api/execution/signals/{replayed['signal_id']}")
    assert (again["source"], again["replay_of"]) == ("replay", signal["id"])
    assert again["payload"] == signal["payload"]
    assert (await read(running, f"/api/execution/positions/{group['id']}"))["pyramids"] == 2


async def test_a_decision_is_replayed_as_one(running: Running) -> None:
    await running.set_price(SOL, "200")
    first = await done(running, "/api/execution/decision", {**DECISION, "wait_ms": 10_000})
    replayed = await done(running, f"/api/execution/signals/{first['signal_id']}/replay")
    assert replayed["status"] == "accepted"
    signal = await read(running, f"/api/execution/signals/{replayed['signal_id']}")
    assert (signal["source"], signal["replay_of"]) == ("decision", first["signal_id"])
    assert (signal["timeframe"], signal["group_id"]) == ("decision", first["group_id"])


async def test_waiting_signals_are_removed_and_forced(running: Running) -> None:
    assert (await put_config(running, {"pool": {"max_open_groups": 1}})).status_code == 200
    await running.send(running.message())
    await until_open(running)
    for timeframe in ("15", "30"):
        await running.send(running.message(tv__timeframe=timeframe))
    first, second = (await read(running, "/api/execution/queue"))["items"]
    refused = await running.post(f"/api/execution/queue/{first['signal_id']}/promote", role="trader")
    assert refused.status_code == 409
    await done(running, f"/api/execution/queue/{first['signal_id']}/remove")
    await done(running, f"/api/execution/queue/{second['signal_id']}/force")
    assert (await read(running, "/api/execution/queue"))["items"] == []
    assert [group["forced"] for group in (await read(running, "/api/execution/positions"))["items"]] == [False, True]


async def put_config(running: Running, change: Any) -> Any:
    return await running.client.put(f"{running.api}/api/config", headers=running.headers(), json=change)


async def test_a_configuration_is_applied_and_told_of(running: Running) -> None:
    assert (await put_config(running, {"pool": {"max_open_groups": 3}})).status_code == 200
    assert (await running.get("/api/config")).json()["pool"]["max_open_groups"] == 3
    assert (await read(running, "/api/execution/status"))["max_open_groups"] == 3
    assert len((await running.get("/api/config/history")).json()["items"]) == 1


async def test_a_configuration_holds_no_secret(running: Running) -> None:
    text = (await running.get("/api/config")).text
    assert running.secret not in text
    assert running.path_token not in text


async def test_a_proposal_is_shown_as_an_alert_and_acknowledged(running: Running) -> None:
    data = {"source": "risk desk", "changes": {"pool": {"max_open_groups": 1}}}
    await done(running, "/api/execution/events", {"type": "policy.updated", "data": data})
    assert (await running.get("/api/config")).json()["pool"]["max_open_groups"] != 1
    alerts = (await read(running, "/api/alerts?acknowledged=false"))["items"]
    for alert in alerts:
        await done(running, f"/api/alerts/{alert['sequence']}/acknowledge")
    assert (await read(running, "/api/alerts?acknowledged=false"))["items"] == []
    assert len((await read(running, "/api/alerts?acknowledged=true"))["items"]) == len(alerts)


async def test_a_market_exit_tells_how_far_off_it_filled(running: Running) -> None:
    await running.send(running.message())
    group = await until_open(running)
    await done(running, f"/api/execution/positions/{group['id']}/close")
    while (await read(running, "/api/execution/positions"))["items"]:
        pass
    slippage = (await read(running, "/api/execution/metrics"))["exit_slippage"]
    assert slippage["count"] >= 1
    assert slippage["worst_percent"] < 1


async def test_metrics_count_what_happened(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MARKET_WAIT_SEC", 60.0)
    await running.send(running.message())
    await until_open(running)
    await running.send(running.message(age_sec=600))
    figures = await read(running, "/api/execution/metrics")
    assert figures["events"]["signal.received"] == 2
    assert (figures["rejections"], figures["open_groups"]) == ({"stale": 1}, 1)
    assert figures["orders"]["filled"] >= 1
    timed = {stage for stage, latency in figures["latencies"].items() if latency["count"]}
    assert {"commit", "turn", "signal_recorded", "signal_sent", "order_answered"} <= timed
    assert figures["latencies"]["commit"]["p50_ms"] > 0
    text = (await running.get("/metrics", "viewer")).text
    exported = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    assert {"ziggurat_open_groups", "ziggurat_equity_quote", "ziggurat_events_total"} <= exported
    assert json.dumps(figures).count("NaN") == 0
