"""The webhook's handler between fakes, posted to without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from app.api.webhook import Webhook
from app.base.config import Config, parse_config
from tests.support.fakes import FakeEngine, FakeKeys, HandClock

STRANGER = "203.0.113.9"
"""An address of TEST-NET-3 (RFC 5737), which nothing is sent to."""


class Front:
    """Posts to the handler as a peer of a given address."""

    def __init__(self, engine: FakeEngine, keys: FakeKeys, clock: HandClock) -> None:
        self.engine, self.keys, self.clock = engine, keys, clock
        self.config: Config = parse_config({})
        self.webhook = self.serving()

    def serving(self, trusted_peers: frozenset[str] = frozenset()) -> Webhook:
        self.webhook = Webhook(self.engine, self.keys, self.clock, lambda: self.config, trusted_peers)
        return self.webhook

    def configured(self, **webhook: Any) -> None:
        self.config = parse_config({"webhook": webhook})

    async def post(
        self,
        body: Any,
        headers: Mapping[str, str] | None = None,
        peer: str = STRANGER,
        path: str = "/webhook/tradingview",
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        transport = httpx.ASGITransport(app=self.webhook, client=(peer, 40_000), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002") as client:
            return await client.post(path, content=raw, headers=dict(headers or {}))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def front(engine: FakeEngine, keys: FakeKeys, clock: HandClock) -> Front:
    return Front(engine, keys, clock)
