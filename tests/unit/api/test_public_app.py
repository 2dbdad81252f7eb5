"""The public listener answers one route; to everything else it is a wall."""

from __future__ import annotations

import httpx
import pytest

from app.api.public_app import PublicApp
from tests.support.examples import PATH_TOKEN, message
from tests.unit.api.conftest import STRANGER, Front
from tests.unit.api.test_webhook_limits import Caller

RIGHT = f"/webhook/tradingview/{PATH_TOKEN}"


async def ask(front: Front, method: str, path: str) -> httpx.Response:
    app = PublicApp(front.webhook, front.keys)
    transport = httpx.ASGITransport(app=app, client=(STRANGER, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8003") as client:
        return await client.request(method, path, json=message())


async def test_the_right_path_token_reaches_the_webhook(front: Front) -> None:
    assert (await ask(front, "POST", RIGHT)).status_code == 202
    assert (await ask(front, "POST", RIGHT + "?anything=1")).status_code == 202


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhook/tradingview/"),
        ("POST", "/webhook/tradingview"),
        ("POST", "/webhook/tradingview/" + "x" * 43),
        ("POST", RIGHT + "/"),
        ("POST", RIGHT[:-1]),
        ("POST", "//webhook/tradingview/" + PATH_TOKEN),
        ("POST", "/" + PATH_TOKEN),
        ("GET", RIGHT),
        ("HEAD", RIGHT),
        ("OPTIONS", RIGHT),
        ("PUT", RIGHT),
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
        ("GET", "/api/execution/status"),
    ],
)
async def test_everything_else_is_a_bare_404(front: Front, method: str, path: str) -> None:
    answer = await ask(front, method, path)
    assert answer.status_code == 404
    assert answer.content == b""
    assert set(answer.headers) == {"content-length"}
    assert front.engine.asked == []


async def test_a_wrong_path_is_answered_before_its_body_is_read(front: Front) -> None:
    caller = Caller()
    caller.scope["path"] = "/webhook/tradingview/wrong"
    await PublicApp(front.webhook, front.keys)(caller.scope, caller.receive, caller.send)
    assert (caller.status, caller.received) == (404, 0)


async def test_the_path_token_is_compared_by_the_keyring(front: Front) -> None:
    await ask(front, "POST", "/webhook/tradingview/" + "x" * 43)
    assert front.keys.path_tokens_compared == 1
