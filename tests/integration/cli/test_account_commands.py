"""`account …` as a person types it, beside a running instance and without one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from app.__main__ import run
from app.base.clock import system_clock
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.crash.kill_serve import Server
from tests.support.fakes import until
from tests.support.typed import run_typed
from tests.support.venues import BinanceLinear, FaultKind

SYMBOL = "SOL/USDT:USDT"
KEYS = "key\nsecret\n"
LIMITS = {"max_exposure_quote": "5000", "daily_loss_limit_quote": "250", "max_order_quote": "100"}
AT_MEXC = ("--venue", "mexc", "--market-type", "spot", "--environment", "live")
AT_BINANCE = ("perp", "--venue", "binance", "--environment")

pytestmark = pytest.mark.timeout(600)


@dataclass
class Said:
    status: int
    out: str
    errors: str


class Desk:
    """Types commands at a data directory whose account `perp` is at a fake exchange."""

    def __init__(self, data_dir: Path, fake: BinanceLinear) -> None:
        self.data_dir = data_dir
        self.fake = fake

    def write(self, **config: object) -> None:
        (self.data_dir / "config.json").write_text(json.dumps(config))

    async def account(self, *arguments: str, typed: str = "") -> Said:
        words = ["account", *arguments, "--data-dir", str(self.data_dir)]
        ended = await asyncio.to_thread(run_typed, words, typed)
        return Said(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    board = PriceBoard(system_clock(), RuleBook())
    board.open(SYMBOL, Decimal(200))
    fake = BinanceLinear(board)
    url = await fake.start()
    monkeypatch.setenv("ZIGGURAT_VAULT", "file")
    monkeypatch.setenv("ZIGGURAT_VAULT_PASSPHRASE", "a passphrase for tests")
    monkeypatch.setenv("ZIGGURAT_EXCHANGE_URLS", json.dumps({"perp": url}))
    data_dir = tmp_path / "d"
    data_dir.mkdir(mode=0o700)
    yield Desk(data_dir, fake)
    await fake.stop()


async def test_an_account_is_added_tested_listed_and_removed_without_an_instance(desk: Desk) -> None:
    added = await desk.account("add", *AT_BINANCE, "testnet", "--allow-symbol", SYMBOL, typed=KEYS)
    assert added.status == 0, added.errors
    assert "may trade" in added.out
    assert "perp was added; alerts name the account now: paper, perp all trade linear" in added.out
    listed = await desk.account("list")
    assert [line.split() for line in listed.out.splitlines()][-1] == ["perp", "binance", "linear", "testnet", "••••"]
    assert (await desk.account("test", "perp")).status == 0
    kept = json.loads((desk.data_dir / "config.json").read_text())["accounts"]
    assert kept[-1]["allowed_symbols"] == [SYMBOL]
    assert (await desk.account("remove", "perp")).status == 0
    assert "perp" not in (await desk.account("list")).out


async def test_beside_a_running_instance_an_account_is_there_at_once(desk: Desk) -> None:
    server = await asyncio.to_thread(Server, desk.data_dir)
    try:
        await asyncio.to_thread(server.ask, "ports")
        added = await desk.account("add", *AT_BINANCE, "testnet", typed=KEYS)
        assert added.status == 0, added.errors
        assert "perp" in (await desk.account("list")).out
        assert "may trade" in (await desk.account("test", "perp")).out
        await until(lambda: bool(desk.fake.asked("GET", "/fapi/v3/account")))
        assert (await desk.account("remove", "perp")).status == 0
    finally:
        await asyncio.to_thread(server.kill)


async def test_wrong_keys_are_told_and_not_kept(desk: Desk) -> None:
    refused = await desk.account("add", *AT_BINANCE, "testnet", typed="another\nsecret\n")
    assert refused.status == 1
    assert "nothing was kept" in refused.errors
    assert "perp" not in (await desk.account("list")).out


async def test_a_test_that_could_not_be_made_is_not_passed(desk: Desk) -> None:
    await desk.account("add", *AT_BINANCE, "testnet", typed=KEYS)
    desk.fake.faults.arm(FaultKind.ERROR_BEFORE, "/fapi/v2/account", method="GET", status=503, times=None)
    tested = await desk.account("test", "perp")
    assert (tested.status, "could not be asked what these keys may do" in tested.out) == (1, True)


async def test_a_missing_key_is_named(desk: Desk) -> None:
    refused = await desk.account("add", *AT_BINANCE, "testnet", typed="key\n")
    assert (refused.status, refused.errors.strip()) == (1, "ziggurat: binance needs: secret")


async def test_arming_names_what_is_missing_and_that_stops_are_watched(desk: Desk) -> None:
    await desk.account("add", "coins", *AT_MEXC, "--no-test", typed=KEYS)
    refused = await desk.account("arm", "coins", typed="coins\n")
    assert refused.status == 1
    assert "only while Ziggurat runs" in refused.out
    for name in ("risk.max_exposure_quote", "risk.daily_loss_limit_quote", "risk.max_order_quote", "allowed_symbols"):
        assert name in refused.errors


async def test_limits_are_shown_and_set_for_all_accounts(desk: Desk) -> None:
    assert "risk.max_order_quote  not set" in (await desk.account("limits")).out
    for wrong in ("-5", "much", "NaN"):
        refused = await desk.account("limits", f"--max-order={wrong}")
        assert (refused.status, "risk.max_order_quote" in refused.errors) == (1, True)
    given = ("--max-exposure", "5000", "--daily-loss-limit", "250", "--max-order", "100.50")
    told = await desk.account("limits", *given)
    assert told.out.splitlines() == [
        "risk.max_exposure_quote  5000",
        "risk.daily_loss_limit_quote  250",
        "risk.max_order_quote  100.50",
    ]
    await desk.account("add", *AT_BINANCE, "live", "--no-test", "--allow-symbol", SYMBOL, typed=KEYS)
    assert (await desk.account("arm", "perp", typed="perp\nnone\n")).status == 0
    await desk.account("limits", "--max-order", "90")
    assert (await desk.account("list")).out.splitlines()[-1].endswith("  armed")
    await desk.account("limits", "--max-order", "500")
    assert (await desk.account("list")).out.splitlines()[-1].endswith("  not armed")


async def test_arming_shows_the_worst_case_and_takes_the_name_and_none(desk: Desk) -> None:
    desk.write(risk=LIMITS)
    await desk.account("add", *AT_BINANCE, "live", "--no-test", "--allow-symbol", SYMBOL, typed=KEYS)
    for typed in ("prep\nnone\n", "perp\n\n"):
        assert (await desk.account("arm", "perp", typed=typed)).status == 1
    armed = await desk.account("arm", "perp", typed="perp\nnone\n")
    assert armed.status == 0, armed.errors
    assert armed.out.startswith("worst case: 10 groups × 5 pyramids × 500 × 1 leverage = 25000")
    assert (await desk.account("list")).out.splitlines()[-1].endswith("  armed")
    assert (await desk.account("disarm", "perp")).status == 0
    assert (await desk.account("list")).out.splitlines()[-1].endswith("  not armed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("test",), "the account's name is needed"),
        (("add", "perp"), "ziggurat: --venue and --environment are needed"),
        (("add", "perp", "--venue", "binance"), "ziggurat: --environment is needed"),
        (("add", "My Perp", "--venue", "binance", "--environment", "live"), "'My Perp' cannot be an account's name"),
        (("add", "ok", "--venue", "okx", "--environment", "live"), "ziggurat: okx linear is not offered"),
        (
            ("add", "as", "--venue", "aster", "--environment", "testnet"),
            "ziggurat: aster has no test network that can be reached",
        ),
        (
            ("add", "more", "--venue", "paper", "--environment", "live"),
            "ziggurat: the paper exchange has no live environment",
        ),
        (("list", "extra"), "ziggurat: `account list` takes no name: extra"),
        (("remove", "perp", "adopt"), "ziggurat: adopt is a choice of `account foreign` only"),
        (("limits", "perp"), "ziggurat: `account limits` takes no name: perp"),
        (("arm", "perp", "--max-order", "5"), "ziggurat: --max-order is for `account limits` only"),
        (("foreign", "perp"), "ignore or adopt is needed"),
        (("foreign", "perp", "cancel"), "invalid choice: 'cancel'"),
    ],
)
async def test_what_is_not_given_is_usage(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    refused = await desk.account(*arguments)
    assert refused.status == 2
    assert said in refused.errors


async def test_paper_accounts_are_removed_and_added_without_a_word_of_keys(desk: Desk) -> None:
    for name in ("paper", "paper-spot"):
        removed = await desk.account("remove", name)
        assert (removed.status, removed.out) == (0, f"{name} was removed\n")
    assert (await desk.account("list")).out == "there are no accounts; add one with `account add`\n"
    added = await desk.account("add", "paper", "--venue", "paper", "--market-type", "linear")
    assert (added.status, added.out) == (0, "paper was added\n"), added.errors
    assert (await desk.account("list")).out.split() == ["paper", "paper", "linear", "paper"]
    again = await desk.account("add", "paper", "--venue", "paper")
    assert (again.status, "there is an account paper already" in again.errors) == (1, True)


async def test_a_paper_account_is_added_beside_a_running_instance(desk: Desk) -> None:
    server = await asyncio.to_thread(Server, desk.data_dir)
    try:
        await asyncio.to_thread(server.ask, "ports")
        added = await desk.account("add", "second", "--venue", "paper", "--market-type", "spot")
        assert added.status == 0, added.errors
        assert "second" in (await desk.account("list")).out
        assert (await desk.account("remove", "second")).out == "second was removed\n"
    finally:
        await asyncio.to_thread(server.kill)


async def test_an_unknown_account_is_told(desk: Desk) -> None:
    refused = await desk.account("test", "perp")
    assert (refused.status, refused.errors.strip()) == (1, "ziggurat: there is no account perp")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("foreign", "paper", "adopt"), "ziggurat: no orders of another instance wait for a choice on paper"),
        (("accept-difference", "paper"), "ziggurat: no difference is held on paper"),
    ],
)
async def test_a_choice_is_refused_where_none_waits(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    refused = await desk.account(*arguments)
    assert (refused.status, refused.errors.strip()) == (1, said)


@pytest.mark.parametrize(("typed", "status", "asked"), [("adopt\n", 0, ["account foreign"]), ("\n", 1, [])])
def test_on_a_terminal_adopting_tells_what_will_happen_and_waits_for_the_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, status: int, asked: list[str]
) -> None:
    done: list[str] = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("app.cli.accounts.perform", lambda _, command, __: done.append(command))
    assert run(["account", "foreign", "perp", "adopt"]) == status
    assert done == asked
    assert "entries are cancelled, and exits of a position that stays are left" in capsys.readouterr().out
