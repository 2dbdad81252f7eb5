"""Streams that come up while their exchange is being closed."""

from __future__ import annotations

from typing import Any

import pytest

from app.exchange.ccxt import connections
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange


class Socket:
    """Tells whether it was given up."""

    def __init__(self) -> None:
        self.is_released = False

    def release(self) -> None:
        self.is_released = True


async def test_sockets_that_come_up_before_and_after_the_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "Socket", Socket)
    exchange: Any = make_exchange(BINANCE_USDM, Access(), StreamHooks(lambda: None, lambda _: None))
    exchange.open()
    come_up = exchange.session._ws_response_class
    early = come_up()
    assert not early.is_released
    await exchange.close()
    late = come_up()
    assert (early.is_released, late.is_released) == (True, True)
