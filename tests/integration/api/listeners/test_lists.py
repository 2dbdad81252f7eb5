"""Lists from memory and of what happened, figures, replayed signals, and who asked for what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import structlog

from app.domain.alert_body import FieldError
from app.domain.offset import Assessment, Condition
from app.messages.commands import AcceptSignal, SignalAnswer
from app.messages.records import EventRecord
from app.messages.snapshots import CloseAllSnapshot, ClosingSnapshot, LimitSnapshot
from app.ports.meter import Stage
from app.ports.tokens import Role
from tests.integration.api.listeners.conftest import Front, filled, replayable, serving, trade_of
from tests.support.examples import NOON, event_of, group_snapshot, queue_snapshot, risk_snapshot

POSITIONS, QUEUE = "/api/execution/positions", "/api/execution/queue"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Front]:
    async with serving(Front()) as front:
        yield front


@pytest.fixture
def front(served: Front) -> Front:
    served.forget()
    return filled(served)


async def read(front: Front, path: str) -> Any:
    answer = await front.ask("GET", path, Role.VIEWER)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def every_page(front: Front, path: str, name: str, limit: int = 2) -> list[list[Any]]:
    pages: list[list[Any]] = []
    cursor = ""
    while True:
        page = await read(front, f"{path}limit={limit}{cursor}")
        pages.append([item[name] for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        cursor = f"&cursor={page['next_cursor']}"


# ---------------------------------------------------------------------------------------------------- lists from memory


async def test_positions_come_page_by_page_oldest_first(front: Front) -> None:
    front.engine.groups = [group_snapshot(number) for number in (5, 1, 4, 2, 3)]
    found = await every_page(front, f"{POSITIONS}?", "id")
    assert found == [["g0000001", "g0000002"], ["g0000003", "g0000004"], ["g0000005"]]


async def test_positions_come_newest_first_where_that_is_asked_for(front: Front) -> None:
    found = await every_page(front, f"{POSITIONS}?sort=-opened_at&", "id")
    assert found == [["g0000003", "g0000002"], ["g0000001"]]


async def test_a_position_that_closes_between_pages_moves_no_other(front: Front) -> None:
    first = await read(front, f"{POSITIONS}?limit=2")
    front.engine.groups = [group_snapshot(number) for number in (1, 3, 4)]
    second = await read(front, f"{POSITIONS}?limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in second["items"]] == ["g0000003", "g0000004"]


async def test_positions_are_filtered_by_account_symbol_and_side(front: Front) -> None:
    other = replace(group_snapshot(4), account="other", symbol="ETH/USDT:USDT", side="short")
    front.engine.groups.append(other)
    for query in ("account=other", "symbol=ETH/USDT:USDT", "side=short", "account=other&side=short"):
        assert [item["id"] for item in (await read(front, f"{POSITIONS}?{query}"))["items"]] == ["g0000004"]
    assert (await read(front, f"{POSITIONS}?account=other&side=long"))["items"] == []


async def test_the_queue_comes_page_by_page_in_its_order(front: Front) -> None:
    front.engine.waiting = [queue_snapshot(rank) for rank in range(1, 12)]
    found = await every_page(front, f"{QUEUE}?", "rank", 5)
    assert found == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11]]
    assert (await read(front, f"{QUEUE}?side=short"))["items"] == []


@pytest.mark.parametrize("query", ["sort=profit", "side=up", "limit=501", "cursor=forged", "cursor=1.%00"])
@pytest.mark.parametrize("path", [POSITIONS])
async def test_what_a_list_does_not_know_is_refused(front: Front, path: str, query: str) -> None:
    assert (await front.ask("GET", f"{path}?{query}")).status_code == 422


# -------------------------------------------------------------------------------------------------------------- alerts


def acknowledgement(sequence: int, alert: int) -> EventRecord:
    return replace(event_of(sequence, "alert.acknowledged"), data={"sequence": alert})


async def test_alerts_come_newest_first_with_whether_they_were_acknowledged(front: Front) -> None:
    front.queries.event_rows.append(acknowledgement(10, 8))
    found = (await read(front, "/api/alerts"))["items"]
    assert [(item["sequence"], item["acknowledged"]) for item in found] == [(9, False), (8, True), (7, False)]
    assert (found[1]["severity"], found[1]["detail"]) == ("warning", "alert 8")
    assert (found[0]["acknowledged_at"], found[1]["acknowledged_at"]) == (None, "2026-01-05T12:00:00Z")


async def test_alerts_that_wait_for_someone_can_be_asked_for(front: Front) -> None:
    front.queries.event_rows.append(acknowledgement(10, 8))
    assert await every_page(front, "/api/alerts?acknowledged=false&", "sequence", 1) == [[9], [7]]
    assert await every_page(front, "/api/alerts?acknowledged=true&", "sequence") == [[8]]


# --------------------------------------------------------------------------------------------------------- performance


async def test_performance_is_of_the_closed_trades(front: Front) -> None:
    front.queries.trade_rows = [
        trade_of(number, realized_pnl=Decimal(result), closed_at=NOON + timedelta(hours=10 * number))
        for number, result in enumerate(("10", "-4", "6.50"), 1)
    ]
    found = await read(front, "/api/performance?symbol=BTC/USDT:USDT&since=2026-01-01T00:00:00Z")
    assert (found["trades"], found["wins"], found["losses"], found["realized"]) == (3, 2, 1, "12.50")
    assert (found["average_win"], found["average_loss"], found["profit_factor"]) == ("8.25", "-4", "4.125")
    assert (found["max_drawdown"], found["best"]["id"], found["worst"]["id"]) == ("4", "g0000001", "g0000002")
    assert [(day["day"], day["realized"]) for day in found["days"]] == [("2026-01-05", "10"), ("2026-01-06", "2.50")]
    assert front.queries.filters[-1].symbol == "BTC/USDT:USDT"


async def test_without_closed_trades_nothing_is_claimed(front: Front) -> None:
    front.queries.trade_rows = []
    found = await read(front, "/api/performance")
    assert (found["trades"], found["win_rate_percent"], found["best"], found["days"]) == (0, None, None, [])


# ---------------------------------------------------------------------------------------------------------------- risk


async def test_risk_is_told_whole(front: Front) -> None:
    assessment = Assessment(
        "g0000001",
        "paper",
        "BTC/USDT:USDT",
        "1h",
        Decimal(-6),
        Decimal(-300),
        90,
        (Condition("timer", False, "90 s"),),
    )
    front.engine.risk_state = risk_snapshot(
        limits=(LimitSnapshot("daily_loss", Decimal(25), Decimal(100), "USDT"),),
        groups=(assessment,),
        blocked=frozenset({"g0000002", "g0000001"}),
    )
    found = await read(front, "/api/execution/risk")
    assert found["limits"] == [{"name": "daily_loss", "used": "25", "limit": "100", "unit": "USDT", "share": "25"}]
    assert (found["groups"][0]["eligible"], found["groups"][0]["profit"]) == (False, "-300")
    assert found["blocked"] == ["g0000001", "g0000002"]
    assert (found["emergency"]["level"], found["plan"], found["close_all"]) == ("normal", None, None)


async def test_closing_all_is_answered_with_how_far_it_is(front: Front) -> None:
    closing = ClosingSnapshot("g0000001", "paper", "BTC/USDT:USDT", "1h", "long", "closing", None, Decimal(0))
    front.engine.risk_state = risk_snapshot(close_all=CloseAllSnapshot(NOON, (closing,), {"paper": None}, None))
    answer = (await front.ask("POST", "/api/execution/close-all", Role.TRADER)).json()
    assert answer["detail"] == "done"
    assert answer["progress"]["groups"][0]["status"] == "closing"
    assert answer["progress"]["verified"] == {"paper": None}


# ------------------------------------------------------------------------------------------------------------- metrics


async def test_metrics_are_told_as_json_with_money_as_text(front: Front) -> None:
    front.metrics.observe(Stage.COMMIT, 0.004)
    for type_ in ("signal.received", "signal.received", "order.placed"):
        front.metrics.on_event(event_of(1, type_))
    front.metrics.on_event(event_of(2, "signal.rejected", reason="paused"))
    found = await read(front, "/api/execution/metrics")
    assert found["latencies"]["commit"] == {"count": 1, "p50_ms": 4.0, "p99_ms": 4.0}
    assert (found["rejections"], found["orders"]) == ({"paused": 1}, {"placed": 1})
    assert (found["errors"]["signals_rejected"], found["errors"]["orders_failed"]) == (0.5, 0.0)
    assert found["profit"]["equity"] == "10000"
    assert found["loop_lag_ms"] == 0.25


async def test_before_anything_happened_no_rate_is_claimed(front: Front) -> None:
    found = await read(front, "/api/execution/metrics")
    assert set(found["errors"].values()) == {None}
    assert found["queue_wait"] == {"count": 0, "p50_ms": None, "p99_ms": None}


async def test_metrics_are_told_as_prometheus_text_to_a_token(front: Front) -> None:
    answer = await front.ask("GET", "/metrics", Role.VIEWER)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "ziggurat_open_groups 1.0" in answer.text
    assert (await front.ask("GET", "/metrics", None)).status_code == 401


# -------------------------------------------------------------------------------------------------------------- replay


async def test_a_recorded_signal_is_taken_again_as_a_new_one(front: Front) -> None:
    record = front.queries.signal_rows[0] = replayable(1)
    front.engine.answer = SignalAnswer(202, "s0000000000099", "accepted")
    answer = await front.ask("POST", f"/api/execution/signals/{record.id}/replay", Role.TRADER)
    assert answer.json() == {
        "signal_id": "s0000000000099",
        "status": "accepted",
        "replay_of": record.id,
        "errors": [],
    }
    (asked,) = front.engine.asked
    assert isinstance(asked, AcceptSignal)
    assert (asked.source, asked.replay_of, asked.received_at) == ("replay", record.id, NOON)
    assert (asked.payload, asked.content_key) == (record.payload, record.content_key)
    assert asked.signal is not None
    assert asked.signal.symbol == "BTC/USDT:USDT"


async def test_a_replay_that_the_engine_refuses_says_why(front: Front) -> None:
    front.queries.signal_rows[0] = replayable(1)
    front.engine.answer = SignalAnswer(422, "s0000000000099", "rejected", (FieldError("account", "is not there"),))
    answer = (await front.ask("POST", "/api/execution/signals/s0000000000001/replay")).json()
    assert (answer["status"], answer["errors"]) == ("rejected", [{"field": "account", "reason": "is not there"}])


@pytest.mark.parametrize(
    ("signal_id", "status", "code"),
    [("s9999999999999", 404, "unknown_signal"), ("s0000000000002", 409, "not_replayable")],
)
async def test_what_cannot_be_read_again_is_not_replayed(front: Front, signal_id: str, status: int, code: str) -> None:
    answer = await front.ask("POST", f"/api/execution/signals/{signal_id}/replay")
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert front.engine.asked == []


# --------------------------------------------------------------------------------------------------------------- audit


async def audited(front: Front, method: str, path: str, role: Role, **body: Any) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as lines:
        await front.ask(method, path, role, **body)
    return [dict(line) for line in lines if line.get("event") == "asked to act"]


async def test_who_acts_is_noted_by_name_with_what_was_asked_and_how_it_was_answered(front: Front) -> None:
    (line,) = await audited(
        front, "POST", "/api/execution/positions/g0000001/reduce", Role.TRADER, json={"fraction": "0.51"}
    )
    assert (line["who"], line["status"]) == ("my-trader", 200)
    assert line["action"] == "POST /api/execution/positions/{group_id}/reduce"
    assert line["target"] == {"group_id": "g0000001"}
    assert "0.51" not in repr(line)


async def test_who_may_not_act_is_noted_too(front: Front) -> None:
    (line,) = await audited(front, "POST", "/api/execution/close-all", Role.VIEWER)
    assert (line["who"], line["status"]) == ("my-viewer", 403)


async def test_reading_is_not_noted_as_acting(front: Front) -> None:
    assert await audited(front, "GET", "/api/config", Role.ADMIN) == []
