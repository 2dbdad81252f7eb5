"""What the window is given: ports, and nothing behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from app.base.clock import Clock
from app.base.config import Config
from app.ports.accounts import AccountDesk
from app.ports.engine import Engine
from app.ports.queries import Queries


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where TradingView's alerts are to be sent, and the secret that their message must carry."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Desk:
    """`send_test` posts one example signal of a symbol to our own webhook, and answers with its signal id."""

    engine: Engine
    queries: Queries
    clock: Clock
    config: Callable[[], Config]
    webhook: Callable[[], Awaitable[WebhookAddress]]
    send_test: Callable[[str], Awaitable[str]]
    loop_lag_ms: Callable[[], float]
    data_dir: Path
    version: str
    accounts: AccountDesk
