"""Commands are given the time that a slow machine needs."""

from __future__ import annotations

from functools import partial

import pytest

from app.cli import asking, send
from app.exchange.ccxt import opening
from app.exchange.ccxt.wire import Access


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((asking, "ANSWER_TIMEOUT_SEC"), (send, "TIMEOUT_SEC")):
        monkeypatch.setattr(module, name, 110.0)
    monkeypatch.setattr(opening, "Access", partial(Access, timeout_sec=60.0))
