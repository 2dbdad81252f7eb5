"""The private API: who gets in, with which role, and how everything is spelled."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog

from app.domain.plaintext import plain_text
from app.messages.commands import (
    AcknowledgeAlert,
    AddFunds,
    BlockGroup,
    CancelEntries,
    CloseGroup,
    EmergencyReset,
    EmergencyStop,
    Force,
    MoveStop,
    Pause,
    PreviewSignal,
    Promote,
    ReduceGroup,
    Remove,
    Resume,
    RunOffset,
    SetTakeProfitMode,
    SkipOffset,
)
from app.ports.engine import CommandRefused, EngineUnavailable
from app.ports.store import StoreFailed
from app.ports.tokens import Role
from tests.integration.api.listeners.conftest import Front, filled, replayable, serving
from tests.support.examples import account_snapshot, engine_snapshot, message

POSITION = "/api/execution/positions/g0000001"
SIGNAL = "/api/execution/signals/s0000000000001"
QUEUED = "/api/execution/queue/s0000000000001"
RISK = "/api/execution/risk"
NEEDS = {
    ("GET", "/openapi.json"): Role.VIEWER,
    ("GET", "/metrics"): Role.VIEWER,
    ("GET", "/api/execution/positions"): Role.VIEWER,
    ("GET", POSITION): Role.VIEWER,
    ("GET", "/api/execution/trades"): Role.VIEWER,
    ("GET", "/api/execution/trades/g0000001"): Role.VIEWER,
    ("GET", "/api/execution/orders"): Role.VIEWER,
    ("GET", "/api/execution/fills"): Role.VIEWER,
    ("GET", "/api/execution/signals"): Role.VIEWER,
    ("GET", SIGNAL): Role.VIEWER,
    ("GET", "/api/execution/decisions/d0000000000001"): Role.VIEWER,
    ("POST", "/api/execution/signals/preview"): Role.VIEWER,
    ("GET", "/api/execution/queue"): Role.VIEWER,
    ("GET", "/api/execution/status"): Role.VIEWER,
    ("GET", "/api/execution/metrics"): Role.VIEWER,
    ("GET", RISK): Role.VIEWER,
    ("GET", "/api/accounts"): Role.VIEWER,
    ("POST", "/api/accounts/perp/test"): Role.TRADER,
    ("GET", "/api/alerts"): Role.VIEWER,
    ("GET", "/api/performance"): Role.VIEWER,
    ("POST", "/api/alerts/7/acknowledge"): Role.TRADER,
    ("POST", "/api/execution/order"): Role.TRADER,
    ("POST", "/api/execution/decision"): Role.TRADER,
    ("POST", "/api/execution/events"): Role.TRADER,
    ("POST", POSITION + "/close"): Role.TRADER,
    ("POST", POSITION + "/reduce"): Role.TRADER,
    ("POST", POSITION + "/cancel-entries"): Role.TRADER,
    ("POST", POSITION + "/move-stop"): Role.TRADER,
    ("POST", POSITION + "/add-funds"): Role.TRADER,
    ("POST", POSITION + "/tp-mode"): Role.TRADER,
    ("POST", SIGNAL + "/replay"): Role.TRADER,
    ("POST", QUEUED + "/promote"): Role.TRADER,
    ("POST", QUEUED + "/remove"): Role.TRADER,
    ("POST", QUEUED + "/force"): Role.TRADER,
    ("POST", RISK + "/run"): Role.TRADER,
    ("POST", RISK + "/g0000001/skip"): Role.TRADER,
    ("POST", RISK + "/g0000001/block"): Role.TRADER,
    ("POST", RISK + "/g0000001/unblock"): Role.TRADER,
    ("POST", "/api/execution/reconcile"): Role.TRADER,
    ("POST", "/api/execution/pause"): Role.TRADER,
    ("POST", "/api/execution/resume"): Role.TRADER,
    ("POST", "/api/execution/emergency-stop"): Role.TRADER,
    ("POST", "/api/execution/emergency-reset"): Role.TRADER,
    ("POST", "/api/execution/close-all"): Role.TRADER,
    ("GET", "/api/config"): Role.ADMIN,
    ("PUT", "/api/config"): Role.ADMIN,
    ("GET", "/api/config/history"): Role.ADMIN,
    ("PUT", "/api/paper/price"): Role.ADMIN,
    ("DELETE", "/api/paper/price?symbol=BTC/USDT:USDT"): Role.ADMIN,
}
DECISION = {"symbol": "BTC/USDT:USDT", "side": "buy", "confidence": "0.7", "size": "0.1", "wait_ms": 0}
BODIES: dict[str, Any] = {
    "/api/execution/signals/preview": message(),
    "/api/execution/order": {"symbol": "BTC/USDT:USDT", "side": "long", "quantity": "0.1"},
    "/api/execution/decision": DECISION,
    "/api/execution/events": {"type": "model.promoted", "data": {"model": "m-2"}},
    "/api/execution/pause": {"reason": "lunch"},
    "/api/execution/emergency-stop": {"reason": "something smells"},
    "/api/execution/emergency-reset": {"reason": "it was the kitchen"},
    "/api/config": {"pool": {"max_open_groups": 3}},
    "/api/paper/price": {"symbol": "BTC/USDT:USDT", "price": "50000"},
    POSITION + "/reduce": {"fraction": "0.5"},
    POSITION + "/move-stop": {"price": "49000"},
    POSITION + "/add-funds": {"quote": "100"},
    POSITION + "/tp-mode": {"mode": "aggregate", "percent": "1.5"},
}
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WITHOUT_A_TOKEN = {("GET", "/health"), ("POST", "/webhook/tradingview")}


def body_of(method: str, path: str) -> dict[str, Any]:
    return {"json": BODIES[path]} if path in BODIES and method != "GET" else {}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Front]:
    """One pair of listeners for the whole module: starting and stopping them is most of a test's time."""
    async with serving(Front()) as front:
        yield front


@pytest.fixture
def front(served: Front) -> Front:
    served.forget()
    return filled(served)


# --------------------------------------------------------------------------------------------------------------- roles


async def test_every_route_has_its_role_in_the_table(front: Front) -> None:
    described = (await front.ask("GET", "/openapi.json")).json()["paths"]
    served = {(method.upper(), path) for path, methods in described.items() for method in methods}
    ids = {
        "g0000001": "{group_id}",
        "s0000000000001": "{signal_id}",
        "d0000000000001": "{signal_id}",
        "alerts/7": "alerts/{sequence}",
        "accounts/perp": "accounts/{account_id}",
    }
    named = set(WITHOUT_A_TOKEN)
    for method, path in NEEDS:
        known = path.partition("?")[0]
        for value, name in ids.items():
            known = known.replace(value, "{trade_id}" if "/trades/" in known else name)
        named.add((method, known))
    assert served <= named
    assert {(method, path) for method, path in named if path != "/openapi.json"} <= served | WITHOUT_A_TOKEN


@pytest.mark.parametrize(("method", "path"), NEEDS)
async def test_a_stranger_gets_in_nowhere(front: Front, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dG9rZW4tYWRtaW4="}):
        answer = await front.ask(method, path, None, headers, **body_of(method, path))
        assert answer.status_code == 401
        assert shaped(answer)
    assert front.engine.asked == []


@pytest.mark.parametrize(("method", "path"), NEEDS)
async def test_each_role_gets_in_where_it_may(front: Front, method: str, path: str) -> None:
    front.queries.signal_rows[0] = replayable(1)
    needed = NEEDS[method, path]
    for role in Role:
        answer = await front.ask(method, path, role, **body_of(method, path))
        assert (answer.status_code == 403) is not role.allows(needed), answer.text
        assert answer.status_code in {200, 204} if role.allows(needed) else shaped(answer)


@pytest.mark.parametrize("path", ["/api/execution/order", "/nowhere"])
async def test_a_stranger_is_turned_away_before_the_body_is_read(front: Front, path: str) -> None:
    answer = await front.ask("POST", path, None, {"Content-Type": "application/json"}, content=b"{not json")
    assert answer.status_code == 401
    assert shaped(answer)


async def test_a_token_in_the_query_string_opens_nothing(front: Front) -> None:
    answer = await front.ask("GET", "/api/execution/status?token=token-admin&access_token=token-admin", None)
    assert answer.status_code == 401


# --------------------------------------------------------------------------------------------------------------- guard


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
async def test_a_loopback_name_with_our_port_is_served(front: Front, name: str) -> None:
    assert (await front.ask("GET", "/health", headers={"Host": f"{name}:{front.api_port}"})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
async def test_any_other_host_is_refused(front: Front, host: str) -> None:
    answer = await front.ask("GET", "/health", headers={"Host": host.format(port=front.api_port)})
    assert answer.status_code == 403
    assert shaped(answer)


@pytest.mark.parametrize(
    "header",
    [
        "Origin",
        "Sec-Fetch-Site",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "Via",
        "CF-Connecting-IP",
        "True-Client-IP",
    ],
)
@pytest.mark.parametrize("path", ["/health", "/api/execution/status", "/openapi.json", "/nowhere"])
async def test_what_came_through_a_browser_or_a_proxy_is_refused(front: Front, header: str, path: str) -> None:
    answer = await front.ask("GET", path, headers={header: "http://localhost"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_reason_of_a_pause_is_kept_without_what_cannot_be_shown(front: Front) -> None:
    answer = await front.ask("POST", "/api/execution/pause", json={"reason": "lunch\u202e\x1b[31m"})
    assert answer.status_code == 200, answer.text
    (asked,) = front.engine.asked
    assert asked.reason == plain_text(asked.reason)
    assert asked.reason.startswith("lunch")


async def test_there_is_no_cors(front: Front) -> None:
    headers = {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}
    answer = await front.ask("OPTIONS", POSITION + "/close", None, headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_is_not_json_is_answered_415(front: Front, media: str) -> None:
    answer = await front.ask(
        "POST", POSITION + "/reduce", headers={"Content-Type": media}, content=b'{"fraction": "0.5"}'
    )
    assert answer.status_code == 415
    assert shaped(answer)
    assert front.engine.asked == []


async def test_a_json_body_may_name_its_character_set(front: Front) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await front.ask("POST", POSITION + "/reduce", headers=headers, content=b'{"fraction": 0.5}')
    assert answer.status_code == 200


# -------------------------------------------------------------------------------------------------------------- errors


def shaped(answer: httpx.Response) -> bool:
    """Whether it has the one shape of errors, and says something."""
    told = answer.json()
    return set(told) == {"error", "detail", "fields"} and bool(told["error"] and told["detail"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/execution/positions/g9999999", 404),
        ("GET", "/api/execution/trades/g9999999", 404),
        ("GET", "/api/execution/signals/s9999999999999", 404),
        ("GET", "/api/execution/positions/NOT-AN-ID", 422),
        ("DELETE", "/api/execution/positions", 405),
        ("GET", "/webhook/tradingview", 405),
        ("GET", "/api/execution/trades?limit=501", 422),
        ("GET", "/api/execution/trades?limit=0", 422),
        ("GET", "/api/execution/trades?limit=many", 422),
        ("GET", "/api/execution/trades?status=sideways", 422),
        ("GET", "/api/execution/trades?cursor=forged", 422),
        ("DELETE", "/api/paper/price?symbol=NO/SUCH", 404),
        ("DELETE", "/api/paper/price", 422),
    ],
)
async def test_errors_have_one_shape(front: Front, method: str, path: str, status: int) -> None:
    answer = await front.ask(method, path)
    if path == "/webhook/tradingview":
        assert answer.status_code in {404, 405}
    else:
        assert answer.status_code == status
    assert shaped(answer)


@pytest.mark.parametrize("body", [b"{", b"[" * 50_000, b'{"fraction": NaN}', b"\xff\xfe", b"null", b"[]"])
async def test_what_is_no_body_is_refused_in_the_one_shape(front: Front, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await front.ask("POST", POSITION + "/reduce", headers=headers, content=body)
    assert answer.status_code in {400, 422}
    assert shaped(answer)
    assert front.engine.asked == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fraction": "0"}, "fraction"),
        ({"fraction": "1.01"}, "fraction"),
        ({"fraction": "NaN"}, "fraction"),
        ({"fraction": True}, "fraction"),
        ({"quantity": "-1"}, "quantity"),
        ({"fraction": "0.5", "surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_field_is_named(front: Front, body: dict[str, Any], field: str) -> None:
    answer = await front.ask("POST", POSITION + "/reduce", json=body)
    assert answer.status_code == 422
    assert any(item["field"].endswith(field) for item in answer.json()["fields"])
    assert front.engine.asked == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("unknown_group", 404), ("unknown_signal", 404), ("bad_request", 422), ("nothing_to_reduce", 409)],
)
async def test_the_engines_refusal_keeps_its_code(front: Front, code: str, status: int) -> None:
    front.engine.failure = CommandRefused(code, "it will not")
    answer = await front.ask("POST", POSITION + "/close")
    assert answer.status_code == status
    assert answer.json() == {"error": code, "detail": "it will not", "fields": []}


async def test_an_engine_that_is_away_is_answered_503(front: Front) -> None:
    front.engine.failure = EngineUnavailable("the engine is stopping")
    for path in ("/close", "/cancel-entries"):
        answer = await front.ask("POST", POSITION + path)
        assert answer.status_code == 503
        assert shaped(answer)
    assert (await front.ask("POST", "/api/execution/reconcile")).status_code == 503


# ------------------------------------------------------------------------------------------------------------- actions


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        (POSITION + "/close", None, CloseGroup("g0000001")),
        (POSITION + "/cancel-entries", None, CancelEntries("g0000001")),
        (POSITION + "/reduce", {"fraction": "0.25"}, ReduceGroup("g0000001", fraction=Decimal("0.25"))),
        (POSITION + "/move-stop", {"price": 49000.5}, MoveStop("g0000001", Decimal("49000.5"))),
        (POSITION + "/add-funds", {"quote": "100"}, AddFunds("g0000001", Decimal(100))),
        (POSITION + "/tp-mode", {"mode": "per_leg"}, SetTakeProfitMode("g0000001", "per_leg")),
        (
            POSITION + "/tp-mode",
            {"mode": "aggregate", "percent": "1.5"},
            SetTakeProfitMode("g0000001", "aggregate", Decimal("1.5")),
        ),
        (QUEUED + "/promote", None, Promote("s0000000000001")),
        (QUEUED + "/remove", None, Remove("s0000000000001")),
        (QUEUED + "/force", None, Force("s0000000000001")),
        (RISK + "/run", None, RunOffset()),
        (RISK + "/g0000001/skip", None, SkipOffset("g0000001")),
        (RISK + "/g0000001/block", None, BlockGroup("g0000001", blocked=True)),
        (RISK + "/g0000001/unblock", None, BlockGroup("g0000001", blocked=False)),
        ("/api/execution/emergency-stop", {"reason": "a smell"}, EmergencyStop("a smell")),
        ("/api/execution/emergency-reset", {"reason": "fixed"}, EmergencyReset("fixed")),
        ("/api/alerts/7/acknowledge", None, AcknowledgeAlert(7)),
        (POSITION + "/reduce", {"quantity": 3}, ReduceGroup("g0000001", quantity=Decimal(3))),
        (POSITION + "/reduce", {"quantity": 0.1}, ReduceGroup("g0000001", quantity=Decimal("0.1"))),
        ("/api/execution/pause", {"reason": "lunch"}, Pause("lunch")),
        ("/api/execution/resume", None, Resume()),
    ],
)
async def test_an_action_becomes_one_command(front: Front, path: str, body: Any, command: Any) -> None:
    answer = await front.ask("POST", path, Role.TRADER, json=body) if body else await front.ask("POST", path)
    assert answer.json() == {"detail": "done", "group_ids": ["g0000001"]}
    assert front.engine.asked == [command]


async def test_numbers_are_taken_digit_by_digit_as_they_were_written(front: Front) -> None:
    for path, body in (
        ("order", '{"symbol": "SOL/USDT:USDT", "side": "long", "quantity": 1234567.12345678901234, "price": 1e-17}'),
        (
            "events",
            '{"type": "ai.decision.made", "data": {"symbol": "SOL/USDT:USDT", "side": "buy", "wait_ms": 0.0,'
            ' "size": 1234567.12345678901234, "confidence": 0.12345678901234567890, "take_profit": 1E-17}}',
        ),
    ):
        headers = {"Content-Type": "application/json"}
        await front.ask("POST", f"/api/execution/{path}", headers=headers, content=body)
    by_hand, decided = front.engine.asked
    assert (str(by_hand.quantity), str(by_hand.price)) == ("1234567.12345678901234", "1E-17")
    assert (str(decided.quantity), str(decided.confidence)) == ("1234567.12345678901234", "0.12345678901234567890")
    assert str(decided.take_profit) == "1E-17"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e99999999999999999999", "0.1e-99", "1.5" + 99 * "0" + "1"])
async def test_a_number_out_of_reach_is_a_field_error(front: Front, number: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await front.ask("POST", POSITION + "/add-funds", headers=headers, content=f'{{"quote": {number}}}')
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "body.quote")
    assert front.engine.asked == []


@pytest.mark.parametrize("reason", ["1.5", "1", "null"])
async def test_a_number_is_no_text(front: Front, reason: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await front.ask("POST", "/api/execution/pause", headers=headers, content=f'{{"reason": {reason}}}')
    assert answer.status_code == 422


async def test_a_paper_price_is_set_and_released(front: Front) -> None:
    for given in ("50000.10", 50000.1):
        answer = await front.ask("PUT", "/api/paper/price", json={"symbol": "BTC/USDT:USDT", "price": given})
        assert answer.status_code == 204
        assert front.paper.prices["BTC/USDT:USDT"] == Decimal("50000.1")
    assert (await front.ask("DELETE", "/api/paper/price?symbol=BTC/USDT:USDT")).status_code == 204
    assert front.paper.prices["BTC/USDT:USDT"] is None


async def test_an_unknown_paper_market_is_answered_404(front: Front) -> None:
    answer = await front.ask("PUT", "/api/paper/price", json={"symbol": "NO/SUCH", "price": "1"})
    assert answer.status_code == 404
    assert shaped(answer)


async def test_a_preview_records_nothing(front: Front) -> None:
    answer = await front.ask("POST", "/api/execution/signals/preview", Role.VIEWER, json=message(secret=None))
    assert answer.json()["outcome"] == "executed"
    assert answer.json()["capital"] == "5000"
    assert [type(command) for command in front.engine.asked] == [PreviewSignal]


async def test_reconciling_tells_what_was_found_and_who_did_not_answer(front: Front) -> None:
    answer = (await front.ask("POST", "/api/execution/reconcile")).json()
    assert answer == {
        "accounts": ["paper"],
        "failed": {"other": "no answer"},
        "findings": [],
        "finished_at": "2026-01-05T12:00:00Z",
    }


async def test_one_account_can_be_reconciled_alone(front: Front) -> None:
    answer = await front.ask("POST", "/api/execution/reconcile", json={"account": "spot"})
    assert answer.json()["accounts"] == ["spot"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{not json", 400, "not_json"),
        (b'{"acount": "paper"}', 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
    ],
)
async def test_a_wrong_body_reconciles_nothing(front: Front, body: bytes, status: int, code: str) -> None:
    json_body = {"Content-Type": "application/json"}
    answer = await front.ask("POST", "/api/execution/reconcile", Role.ADMIN, json_body, content=body)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


# ------------------------------------------------------------------------------------------------------------- reading


def texts_of_money(answer: Any) -> list[object]:
    """Every value under a name of money or quantity, however deep."""
    money = {"open_quantity", "average_entry", "quantity", "filled", "average", "realized_pnl", "fees", "price", "fee"}
    if isinstance(answer, list):
        return [text for item in answer for text in texts_of_money(item)]
    if not isinstance(answer, dict):
        return []
    own = [value for name, value in answer.items() if name in money and value is not None]
    return own + [text for value in answer.values() for text in texts_of_money(value)]


@pytest.mark.parametrize("path", ["positions", "positions/g0000001", "trades", "orders", "fills", "signals"])
async def test_money_is_plain_text_without_an_exponent(front: Front, path: str) -> None:
    found = texts_of_money((await front.ask("GET", f"/api/execution/{path}")).json())
    assert found
    assert [text for text in found if not isinstance(text, str) or PLAIN.fullmatch(text) is None] == []


async def test_balances_are_plain_text_too(front: Front) -> None:
    (account,) = (await front.ask("GET", "/api/accounts")).json()
    assert account["balances"] == {"USDT": "10000"}
    assert account["external"] == {"BTC/USDT:USDT": "-0.5"}


async def test_moments_are_iso_8601_in_utc(front: Front) -> None:
    assert (await front.ask("GET", "/api/execution/status")).json()["last_signal_at"] == "2026-01-05T12:00:00Z"
    assert (await front.ask("GET", POSITION)).json()["opened_at"] == "2026-01-05T12:00:01Z"


async def test_a_position_comes_with_its_decision_trace(front: Front) -> None:
    found = (await front.ask("GET", POSITION)).json()
    assert [signal["id"] for signal in found["signals"]] == [
        *(f"s{number:013d}" for number in (1, 2, 3)),
        "d0000000000001",
    ]
    assert found["signals"][0]["checks"] == [{"check": "cooldown", "result": "passed", "detail": "no pause is running"}]


@pytest.mark.parametrize("path", ["trades", "orders", "fills"])
async def test_lists_come_page_by_page(front: Front, path: str) -> None:
    first = (await front.ask("GET", f"/api/execution/{path}?limit=2")).json()
    assert len(first["items"]) == 2
    second = (await front.ask("GET", f"/api/execution/{path}?limit=2&cursor={first['next_cursor']}")).json()
    assert len(second["items"]) == 1
    assert second["next_cursor"] is None


async def test_filters_reach_the_query(front: Front) -> None:
    path = "/api/execution/trades?status=closed&symbol=BTC/USDT:USDT&account=paper&since=2026-01-05T13:00:00%2B01:00"
    await front.ask("GET", path)
    (where,) = front.queries.filters
    assert (where.status, where.symbol, where.account) == ("closed", "BTC/USDT:USDT", "paper")
    assert where.since is not None
    assert where.since.isoformat() in {"2026-01-05T12:00:00+00:00", "2026-01-05T13:00:00+01:00"}


@pytest.mark.parametrize("path", ["trades", "orders", "fills", "signals"])
async def test_a_list_is_csv_where_that_is_asked_for(front: Front, path: str) -> None:
    filled(front)
    answer = await front.ask("GET", f"/api/execution/{path}?limit=2", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    items = (await front.ask("GET", f"/api/execution/{path}?limit=2")).json()["items"]
    assert len(rows) == len(items) == 2
    assert rows[0].keys() == items[0].keys()
    assert answer.headers["x-next-cursor"]


async def test_text_that_begins_like_a_formula_does_not_run_in_a_spreadsheet(front: Front) -> None:
    filled(front)
    answer = await front.ask("GET", "/api/execution/trades", headers={"Accept": "text/csv"})
    row = next(csv.DictReader(io.StringIO(answer.text)))
    assert row["strategy_id"] == "'=1+1"
    assert PLAIN.fullmatch(row["realized_pnl"])


async def test_pausing_needs_no_body(front: Front) -> None:
    answer = await front.ask("POST", "/api/execution/pause")
    assert answer.status_code == 200
    assert front.engine.asked == [Pause("paused by hand")]


# -------------------------------------------------------------------------------------------------------------- health


async def test_a_stranger_learns_the_status_and_nothing_else(front: Front) -> None:
    answer = (await front.ask("GET", "/health", None)).json()
    assert answer == {"status": "ok"}


async def test_with_a_token_health_names_its_components(front: Front) -> None:
    answer = (await front.ask("GET", "/health", Role.VIEWER)).json()
    assert answer["version"] == "1.2.3"
    assert {"database", "webhook", "queue", "loop_lag_ms", "disk"} <= set(answer["components"])
    assert answer["components"]["sleep"] == "held off"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "halted", "halted_reason": "the disk is full"}, "error"),
        ({"state": "starting"}, "degraded"),
        ({"accounts": (account_snapshot(stale=True),)}, "degraded"),
        ({"state": "paused"}, "ok"),
    ],
)
async def test_health_follows_the_engine(front: Front, change: dict[str, Any], status: str) -> None:
    front.engine.state = engine_snapshot(**change)
    assert (await front.ask("GET", "/health", None)).json()["status"] == status


async def test_a_database_that_does_not_answer_is_an_error(front: Front) -> None:
    front.queries.failure = StoreFailed("the disk is gone")
    assert (await front.ask("GET", "/health", None)).json()["status"] == "error"


# ----------------------------------------------------------------------------------------------------------------- log


async def test_requests_are_logged_by_route_without_token_id_or_query(front: Front) -> None:
    with structlog.testing.capture_logs() as lines:
        await front.ask("GET", POSITION + "?token=token-admin")
    (line,) = [line for line in lines if line.get("event") == "request"]
    assert (line["method"], line["status"], line["who"]) == ("GET", 200, "my-admin")
    assert line["route"] == "/api/execution/positions/{group_id}"
    assert "token-admin" not in repr(line)


async def test_a_body_that_is_not_understood_is_logged_with_who_sent_it(front: Front) -> None:
    with structlog.testing.capture_logs() as lines:
        await front.ask("POST", "/api/execution/pause", Role.TRADER, {"Content-Type": "application/json"}, content=b"{")
    (line,) = [line for line in lines if line.get("event") == "request"]
    assert (line["status"], line["who"]) == (400, "my-trader")
