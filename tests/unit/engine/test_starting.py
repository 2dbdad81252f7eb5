"""One market or one account in trouble does not keep the others from starting."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from app.messages.commands import CloseGroup
from tests.unit.engine.worlds import Stage, scenario


def start_of(stage: Stage) -> asyncio.Task[None]:
    """Of an engine over what is stored."""
    stage.crash()
    booting = stage.world._booting
    assert booting is not None
    return booting


@pytest.mark.expects_log_warnings
def test_a_market_whose_rules_break_the_program_leaves_the_other_markets_managed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(scenario("SOL", "ETH")) as stage:
        venue = stage.world.venues["paper"]
        load = venue.load_market

        async def odd(symbol: str, hint: Decimal | None, *, fresh: bool = False) -> Any:
            if symbol.startswith("ETH"):
                raise AttributeError("'str' object has no attribute 'get'")
            return await load(symbol, hint, fresh=fresh)

        for coin in ("SOL", "ETH"):
            stage.signal(action="buy", symbol=f"{coin}USDT.P", price=100, size=400, size_type="quote")
        monkeypatch.setattr(venue, "load_market", odd)
        booting = start_of(stage)
        stage.wait(10)
        assert booting.exception() is None
        first, _ = stage.groups()
        assert stage.ask(CloseGroup(first.id)) is None
        stage.wait(1)
        assert [group.symbol for group in stage.groups()] == ["ETH/USDT:USDT"]


def test_an_account_that_is_removed_while_it_is_connected_does_not_end_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = scenario("SOL")
    world["accounts"].append({**world["accounts"][0], "id": "slow"})

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    with Stage(world) as stage:
        monkeypatch.setattr(stage.world.venues["slow"], "connect", never)
        booting = start_of(stage)
        stage.run(stage.world.engine.remove_account("slow"))
        stage.wait(10)
        assert (booting.cancelled(), booting.exception()) == (False, None)
