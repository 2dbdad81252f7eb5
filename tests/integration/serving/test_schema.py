"""The whole OpenAPI of a running instance, tried by a program that knows nothing but the OpenAPI."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.integration.serving.conftest import Running
from tests.integration.serving.test_private_api import until_protected

LONG = os.environ.get("ZIGGURAT_LONG") == "1"
VALID_EXAMPLES, WRONG_EXAMPLES = (200, 100) if LONG else (4, 2)
READS_BY_POST = {"POST /api/execution/signals/preview"}
ADMINS_ONLY = {
    "GET /api/config",
    "PUT /api/config",
    "GET /api/config/history",
    "PUT /api/paper/price",
    "DELETE /api/paper/price",
}
CONFORMITY = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]

pytestmark = pytest.mark.timeout(3600 if LONG else 600)


def needs_to_act(label: str) -> bool:
    return not label.startswith("GET ") and label not in READS_BY_POST


def may(role: str, label: str) -> bool:
    if label in ADMINS_ONLY:
        return role == "admin"
    return role != "viewer" or not needs_to_act(label)


def examples_of(operation: Any, mode: GenerationMode, most: int) -> list[Any]:
    """The same ones in every run."""
    cases: list[Any] = []

    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def valid_examples(operation: Any) -> list[Any]:
    return examples_of(operation, GenerationMode.POSITIVE, VALID_EXAMPLES)


def wrong_examples(operation: Any) -> list[Any]:
    try:
        return examples_of(operation, GenerationMode.NEGATIVE, WRONG_EXAMPLES)
    except Unsatisfiable:  # it takes nothing that could be wrong
        return []


async def operations_of(running: Running) -> list[Any]:
    document = (await running.get("/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    return [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]


async def answered(running: Running, case: Any, headers: dict[str, str]) -> Any:
    return await asyncio.to_thread(case.call, base_url=running.api, headers=headers, timeout=60)


async def what_is_kept(running: Running) -> dict[str, Any]:
    """What somebody's acting would change."""
    status = (await running.get("/api/execution/status")).json()
    return {
        "events": await running.asked_for(),
        "state": [status[name] for name in ("state", "paused_reason", "open_groups", "queued", "emergency")],
        "positions": (await running.get("/api/execution/positions")).json(),
        "queue": (await running.get("/api/execution/queue")).json(),
        "config": (await running.get("/api/config")).json(),
    }


@pytest.mark.parametrize("role", ["trader", "admin"])
async def test_what_is_served_is_what_the_openapi_says(running: Running, role: str) -> None:
    operations = await operations_of(running)
    assert len(operations) >= 47
    for operation in operations:
        for case in await asyncio.to_thread(valid_examples, operation):
            response = await answered(running, case, running.headers(role))
            case.validate_response(response, checks=CONFORMITY)
            assert may(role, operation.label) or response.status_code == 403, operation.label
        for case in await asyncio.to_thread(wrong_examples, operation):
            response = await answered(running, case, running.headers(role))
            case.validate_response(response, checks=CONFORMITY)
    assert running.application.engine.defects == []


async def test_a_viewer_reads_everything_and_changes_nothing(running: Running) -> None:
    await running.send(running.message())
    group = await until_protected(running)
    before = await what_is_kept(running)
    for operation in await operations_of(running):
        for case in await asyncio.to_thread(valid_examples, operation):
            response = await answered(running, case, running.headers("viewer"))
            case.validate_response(response, checks=CONFORMITY)
            assert (response.status_code == 403) is not may("viewer", operation.label), operation.label
        if not may("viewer", operation.label):
            for case in await asyncio.to_thread(wrong_examples, operation):
                assert 400 <= (await answered(running, case, running.headers("viewer"))).status_code < 500
    for deed in ("close", "cancel-entries"):
        answer = await running.post(f"/api/execution/positions/{group['id']}/{deed}", role="viewer")
        assert answer.status_code == 403
    assert await what_is_kept(running) == before


async def test_a_stranger_gets_nowhere(running: Running) -> None:
    for operation in await operations_of(running):
        if operation.label == "GET /health":
            continue
        (case,) = await asyncio.to_thread(examples_of, operation, GenerationMode.POSITIVE, 1)
        case.headers.pop("Authorization", None)
        response = await asyncio.to_thread(case.call, base_url=running.api, timeout=60)
        assert response.status_code == 401, operation.label
