"""Market rules outlive the process, and a file that is not whole is none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ccxt  # type: ignore[import-untyped]  # it has no types
import pytest

from app.exchange.ccxt.rulesfile import KeptRules, RulesFile
from tests.support.fakes import HandClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MARKETS = {"BTC/USDT:USDT": {"precision": {"price": "0.1", "amount": None}, "active": True, "contractSize": "1"}}


def test_what_was_kept_is_loaded_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "markets" / "binance_usdm-testnet.json"
    RulesFile(path).keep(MARKETS, NOON)
    assert RulesFile(path).load() == (MARKETS, NOON)


def test_the_newest_stands(tmp_path: Path) -> None:
    rules = RulesFile(tmp_path / "rules.json")
    rules.keep(MARKETS, NOON)
    later = NOON.replace(hour=13)
    rules.keep({"ETH/USDT:USDT": {}}, later)
    assert rules.load() == ({"ETH/USDT:USDT": {}}, later)
    assert [file.name for file in tmp_path.iterdir()] == ["rules.json"]


def test_before_the_first_load_there_are_none(tmp_path: Path) -> None:
    assert RulesFile(tmp_path / "rules.json").load() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"version": 2, "markets": {"BTC/USDT": {',
        "[]",
        '{"version": 2, "markets": {"BTC/USDT": {}}}',
        '{"version": 2, "markets": {}, "fetched_at": "2026-01-05T12:00:00Z"}',
        '{"version": 2, "markets": [1], "fetched_at": "2026-01-05T12:00:00Z"}',
        '{"version": 2, "markets": {"BTC/USDT": {}}, "fetched_at": "2026-01-05T12:00:00"}',
        '{"version": 2, "markets": {"BTC/USDT": {}}, "fetched_at": "yesterday"}',
        '{"markets": {"FLUX/USDT": {}}, "fetched_at": "2026-01-05T12:00:00Z"}',
    ],
)
def test_a_file_that_cannot_be_trusted_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    assert RulesFile(path).load() is None


def test_what_cannot_be_written_leaves_the_old_rules(tmp_path: Path) -> None:
    rules = RulesFile(tmp_path / "rules.json")
    rules.keep(MARKETS, NOON)
    rules.keep({"BTC/USDT": object()}, NOON)
    assert rules.load() == (MARKETS, NOON)


class Library:
    """Stands in for ccxt's object: loads its markets once, or fails as it is told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.markets: dict[str, Any] | None = None
        self.failure = failure

    async def load_markets(self, reload: bool, _params: dict[str, Any]) -> dict[str, Any]:
        if self.markets is None or reload:
            if self.failure is not None:
                raise self.failure
            self.markets = {symbol: {**market, "symbol": symbol} for symbol, market in MARKETS.items()}
        return self.markets

    def set_markets(self, rows: list[dict[str, Any]]) -> None:
        self.markets = {row["symbol"]: row for row in rows}


async def test_what_an_exchange_loads_is_kept_once(tmp_path: Path) -> None:
    file, clock = RulesFile(tmp_path / "rules.json"), HandClock()
    rules = KeptRules(file, clock)
    library = rules.around(Library())
    await library.load_markets()
    clock.advance(60)
    await library.load_markets()
    assert rules.fetched_at == NOON
    assert file.load() == (library.markets, NOON)
    await library.load_markets(True)
    assert rules.fetched_at == clock.now()


async def test_without_the_exchange_the_kept_ones_are_used_with_their_age(tmp_path: Path) -> None:
    file, clock = RulesFile(tmp_path / "rules.json"), HandClock()
    await KeptRules(file, clock).around(Library()).load_markets()
    clock.advance(3600)
    rules = KeptRules(file, clock)
    library = rules.around(Library(ccxt.RequestTimeout("slow")))
    assert list(await library.load_markets()) == ["BTC/USDT:USDT"]
    assert rules.fetched_at == NOON


async def test_a_refresh_that_fails_is_told_and_changes_nothing(tmp_path: Path) -> None:
    rules = KeptRules(RulesFile(tmp_path / "rules.json"), HandClock())
    stand_in = Library()
    library = rules.around(stand_in)
    await library.load_markets()
    stand_in.failure = ccxt.RequestTimeout("slow")
    with pytest.raises(ccxt.RequestTimeout):
        await library.load_markets(True)


@pytest.mark.parametrize("failure", [ccxt.RequestTimeout("slow"), ccxt.AuthenticationError("no")])
async def test_where_nothing_is_kept_or_the_exchange_refuses_it_is_told(tmp_path: Path, failure: Exception) -> None:
    file = RulesFile(tmp_path / "rules.json")
    if isinstance(failure, ccxt.AuthenticationError):
        file.keep(MARKETS, NOON)
    with pytest.raises(type(failure)):
        await KeptRules(file, HandClock()).around(Library(failure)).load_markets()
