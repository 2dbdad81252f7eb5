"""The whole application on loopback ports the system chose, prices moved by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.base.clock import system_clock
from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings

ENVIRONMENT = {
    "ZIGGURAT_VAULT": "file",
    "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests",
    "ZIGGURAT_PAPER_FEED": "manual",
}

OF_ITS_OWN_ACCORD = ("reconcile.", "account.", "engine.")
"""Events that come without anybody's asking."""


class Running:
    """A started application, and clients of each role."""

    def __init__(
        self, application: Application, ports: tuple[int, int], tokens: dict[str, str], secret: str, path: str
    ) -> None:
        self.application = application
        self.api = f"http://127.0.0.1:{ports[0]}"
        self.public = f"http://127.0.0.1:{ports[1]}"
        self.tokens = tokens
        self.secret = secret
        self.path_token = path
        self.client = httpx.AsyncClient(timeout=60)

    def headers(self, role: str = "admin") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    async def get(self, path: str, role: str = "admin", **options: Any) -> httpx.Response:
        return await self.client.get(f"{self.api}{path}", headers=self.headers(role), **options)

    async def post(self, path: str, body: Any = None, role: str = "admin") -> httpx.Response:
        return await self.client.post(f"{self.api}{path}", headers=self.headers(role), json=body)

    async def set_price(self, symbol: str, price: str) -> httpx.Response:
        body = {"symbol": symbol, "price": price}
        return await self.client.put(f"{self.api}/api/paper/price", headers=self.headers(), json=body)

    async def asked_for(self) -> list[int]:
        """The numbers of the events that somebody's acting brought about."""
        events = await self.application.queries.events(0, None, 10_000)
        return [event.sequence for event in events if not event.type.startswith(OF_ITS_OWN_ACCORD)]

    def message(self, symbol: str = "SOLUSDT.P", age_sec: float = 0, **changes: Any) -> dict[str, Any]:
        now = system_clock().now() - timedelta(seconds=age_sec)
        body: dict[str, Any] = {
            "secret": self.secret,
            "timestamp": now.isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": symbol,
                "timeframe": "60",
                "action": "buy",
                "close_price": "200",
                "order_size": "400",
            },
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
        }
        for path, value in changes.items():
            *parents, last = path.split("__")
            part = body
            for parent in parents:
                part = part[parent]
            if value is None:
                part.pop(last)
            else:
                part[last] = value
        return body

    async def send(self, body: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(f"{self.api}/webhook/tradingview", content=raw, headers=dict(headers or {}))

    def signed(self, body: bytes, at: datetime, key: str = "default") -> dict[str, str]:
        stamp = at.isoformat()
        digest = hmac.new(self.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"X-Webhook-Key": key, "X-Timestamp": stamp, "X-Signature": f"sha256={digest}"}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    (tmp_path / "config.json").write_text(json.dumps({"risk": {"cooldown_sec": 0}}))
    settings = read_settings(data_dir=tmp_path, api_port=0, webhook_port=0, log_level="warning", environ=ENVIRONMENT)
    application = await Application.open(settings)
    ports = await application.start()
    office = application.administration
    tokens = {role: await office.create_token(role, role) for role in ("viewer", "trader", "admin")}
    secret = await office.show_secret(None, path_token=False)
    path = await office.show_secret(None, path_token=True)
    made = Running(application, ports, tokens, secret, path)
    yield made
    await made.client.aclose()
    await application.stop(2)
