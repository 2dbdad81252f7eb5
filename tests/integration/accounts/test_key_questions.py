"""Keys are not kept that can move money away, nor while it could not be asked whether they may."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from app.base.clock import system_clock
from app.base.errors import OperatorActionNeeded
from app.bootstrap.administering import administer
from app.bootstrap.settings import read_settings
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.ports.engine import CommandRefused
from tests.integration.accounts.conftest import KEYS, VAULT
from tests.support.venues import BinanceLinear, BinanceSpot, BybitLinear, FaultKind
from tests.support.venues.aster_gate import wallet_of
from tests.support.venues.aster_linear import AGENT_KEY, WALLET


@pytest.mark.parametrize("fault", [FaultKind.ERROR_BEFORE, FaultKind.LOST_BEFORE])
@pytest.mark.parametrize(
    ("kind", "venue", "market_type", "question"),
    [
        (BinanceSpot, "binance", "spot", "/apiRestrictions"),
        (BinanceLinear, "binance", "linear", "/apiRestrictions"),
        (BybitLinear, "bybit", "linear", "/user/query-api"),
    ],
)
async def test_a_question_that_fails_lets_no_keys_in(
    tmp_path: Path,
    kind: type[BinanceSpot | BinanceLinear | BybitLinear],
    venue: str,
    market_type: str,
    question: str,
    fault: FaultKind,
) -> None:
    board = PriceBoard(system_clock(), RuleBook())
    board.open("SOL/USDT" if market_type == "spot" else "SOL/USDT:USDT", Decimal(200))
    fake = kind(board)
    urls = json.dumps({"main": await fake.start()})
    settings = read_settings(data_dir=tmp_path, environ={**VAULT, "ZIGGURAT_EXCHANGE_URLS": urls})
    account = {"id": "main", "venue": venue, "market_type": market_type, "environment": "live"}
    fake.faults.arm(fault, question, method="GET", status=503, times=None)
    async with administer(settings) as administration:
        office = administration.accounts
        with pytest.raises(CommandRefused, match=r"could not be asked what these keys may do.*--no-test"):
            await office.add(account, KEYS)
        assert "main" not in [row["id"] for row in await office.rows()]
        fake.faults.clear()
        await office.add(account, KEYS)
    await fake.stop()


AT_ASTER = {"id": "dex", "venue": "aster", "market_type": "linear", "environment": "live"}


@pytest.mark.parametrize("typed", [str, str.upper, lambda address: address.removeprefix("0x")])
async def test_the_main_wallets_own_key_is_not_kept_without_a_test_either(
    tmp_path: Path, typed: Callable[[str], str]
) -> None:
    keys = {"wallet_address": typed(wallet_of(AGENT_KEY)), "private_key": AGENT_KEY}
    async with administer(read_settings(data_dir=tmp_path, environ=VAULT)) as administration:
        with pytest.raises(OperatorActionNeeded, match="main wallet's own key"):
            await administration.accounts.add(AT_ASTER, keys, with_test=False)
        assert "dex" not in [row["id"] for row in await administration.accounts.rows()]


async def test_one_wallet_is_one_account_however_its_address_is_typed(tmp_path: Path) -> None:
    keys = {"wallet_address": WALLET, "private_key": AGENT_KEY}
    async with administer(read_settings(data_dir=tmp_path, environ=VAULT)) as administration:
        office = administration.accounts
        await office.add(AT_ASTER, keys, with_test=False)
        with pytest.raises(CommandRefused, match="these are the keys of dex"):
            await office.add({**AT_ASTER, "id": "again"}, {**keys, "wallet_address": WALLET.upper()}, with_test=False)
