"""An account at an exchange, from its keys to orders on the wire."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from app.accounts.keys import complete
from app.base.errors import OperatorActionNeeded
from app.bootstrap.administering import administer
from app.bootstrap.application import Application
from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.values import OrderRole
from app.engine.inbox import TimerDue
from app.messages.commands import SampleEquity
from app.messages.records import EventRecord
from app.ports.engine import CommandRefused
from tests.integration.accounts.conftest import KEYS, LIMITS, LIVE, PERP, SYMBOL, Instance
from tests.support.fakes import until
from tests.support.venues import FaultKind

STOPPED = {"default": {"stop_loss": {"mode": "percent", "percent": "10"}}}


async def test_an_alert_opens_a_grid_at_the_exchange(instance: Instance) -> None:
    await instance.joined(PERP)
    answer = await instance.buy()
    assert answer["status"] == "accepted", answer
    await until(lambda: len(instance.orders_sent()) == 5)

    (group,) = instance.application.engine.open_groups()
    (position,) = await instance.application.venues["perp"].fetch_positions()
    assert (group.account, group.symbol) == ("perp", SYMBOL)
    assert position.quantity == Decimal("0.4")


async def test_an_account_is_there_after_a_restart_with_what_was_open(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 6)
    await instance.stop()

    assert "secret" not in (instance.data_dir / "config.json").read_text()
    await instance.start()
    await until(lambda: instance.state("perp").ready)
    (group,) = instance.application.engine.open_groups()
    assert group.open_quantity == Decimal("0.4")
    assert len(instance.orders_sent()) == 6


async def test_a_live_account_sends_nothing_before_it_is_armed(instance: Instance) -> None:
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    await instance.joined(LIVE)
    refused = await instance.buy()
    assert await instance.reason(refused) == "not_armed"
    assert instance.orders_sent() == []

    office = instance.application.accounts
    assert office.plan("perp")["missing"] == []
    await office.arm("perp", "perp", "")
    await instance.buy("401")
    await until(lambda: len(instance.orders_sent()) >= 5)


async def test_new_keys_disarm(instance: Instance) -> None:
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    await instance.joined(LIVE)
    office = instance.application.accounts
    await office.arm("perp", "perp", "")
    await instance.joined(LIVE)
    assert office.plan("perp")["armed"] is False
    assert await instance.reason(await instance.buy()) == "not_armed"


async def test_new_keys_wait_until_no_group_is_open_or_are_said_to_be_of_the_same_account(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 6)
    venue = instance.application.venues["perp"]
    others = {**KEYS, "api_key": "another"}
    office = instance.application.accounts
    with pytest.raises(CommandRefused, match="groups are open on perp: close them first"):
        await office.add(PERP, others, with_test=False)
    assert instance.application.venues["perp"] is venue
    assert (await asyncio.to_thread(instance.vault)).read("perp") == complete("binance", KEYS)
    await instance.joined(PERP)
    assert len(instance.application.engine.open_groups()) == 1
    await office.add(PERP, others, with_test=False, is_same=True)
    assert instance.application.venues["perp"] is not venue


async def test_new_keys_wait_for_open_groups_where_no_instance_runs_too(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 6)
    await instance.stop()
    async with administer(instance.settings) as administration:
        with pytest.raises(CommandRefused, match="groups are open on perp"):
            await administration.accounts.add(PERP, {**KEYS, "api_key": "another"}, with_test=False)
    await instance.start()


async def test_keys_that_were_exchanged_in_the_vault_disarm_at_the_start(instance: Instance) -> None:
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    await instance.joined(LIVE)
    await instance.application.accounts.arm("perp", "perp", "")
    await instance.stop()
    (await asyncio.to_thread(instance.vault)).write("perp", complete("binance", {**KEYS, "secret": "another"}))
    await instance.start()
    assert instance.application.accounts.plan("perp")["armed"] is False


async def test_the_traders_own_orders_are_told(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.place_by_hand("web1234")
    await until(lambda: bool(instance.state("perp").external_orders))
    _, perp = await instance.get("/api/accounts")
    assert perp["external_orders"] == [
        {"symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": "1", "price": "150", "trigger_price": None}
    ]


async def test_choices_about_an_account_are_made_beside_a_running_and_a_resting_engine(instance: Instance) -> None:
    """Another instance's order, found and then settled where no instance runs."""
    await instance.joined(PERP)
    office = instance.application.accounts
    with pytest.raises(CommandRefused, match="no orders of another instance"):
        await office.settle_foreign("perp", "ignore")
    with pytest.raises(CommandRefused, match="no difference is held"):
        await office.accept_difference("perp")
    theirs = OrderAddress(Namespace("zzzzz", 0), "00000001", 0, 0, OrderRole.ENTRY, 0)
    await instance.place_by_hand(encode(theirs))
    await until(lambda: not instance.state("perp").ready)
    await instance.stop()
    async with administer(instance.settings) as administration:
        assert "never touched" in await administration.accounts.settle_foreign("perp", "ignore")
    await instance.start()
    await until(lambda: instance.state("perp").ready)


async def test_an_account_that_was_removed_is_gone_with_its_keys(instance: Instance) -> None:
    await instance.joined(PERP)
    office = instance.application.accounts
    await office.remove("perp")
    assert [row["id"] for row in await office.rows()] == ["paper"]
    assert [item["id"] for item in await instance.get("/api/accounts")] == ["paper"]
    assert "there is no account perp" in str((await instance.buy())["fields"])
    await instance.stop()
    await instance.start()
    assert list(instance.application.venues) == ["paper"]
    with pytest.raises(CommandRefused, match="there is no account"):
        await instance.application.accounts.test("perp")


async def test_another_account_of_a_removed_ones_name_has_no_drawdown_from_it(instance: Instance) -> None:
    await instance.restarted(risk={**LIMITS, "max_drawdown_percent": "30"}, grid=STOPPED)
    await instance.joined(LIVE)
    engine = instance.application.engine
    await looked_at_the_limits(instance)
    assert Decimal(engine.state.facts["started_with/perp"]) == 10_000
    await instance.application.accounts.remove("perp")
    instance.fake.book.ledger.balances["USDT"] /= 10
    await instance.joined(LIVE)
    await looked_at_the_limits(instance)
    assert Decimal(engine.state.facts["started_with/perp"]) == 1_000
    assert engine.snapshot().emergency.level == "normal"


async def looked_at_the_limits(instance: Instance) -> None:
    engine = instance.application.engine
    await until(lambda: "perp" in engine.state.balances)
    engine._mailbox.post(TimerDue("queue"))
    await engine.ask(SampleEquity())


async def test_an_account_with_an_open_group_stays(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 5)
    with pytest.raises(CommandRefused, match="open groups still trade on perp"):
        await instance.application.accounts.remove("perp")
    assert instance.state("perp").ready


async def test_keys_stay_while_a_group_is_open_on_an_account_that_was_taken_out_by_hand(instance: Instance) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 6)
    await instance.restarted(accounts=[{"id": "paper"}])
    with pytest.raises(CommandRefused, match="open groups still trade on perp"):
        await instance.application.accounts.remove("perp")
    assert (await asyncio.to_thread(instance.vault)).read("perp") == complete("binance", KEYS)


async def test_keys_stay_while_a_group_is_open_on_an_account_of_a_configuration_that_is_not_at_hand(
    instance: Instance,
) -> None:
    await instance.joined(PERP)
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) == 6)
    await instance.stop()
    instance.write()
    async with administer(instance.settings) as administration:
        with pytest.raises(CommandRefused, match="open groups still trade on perp"):
            await administration.accounts.remove("perp")
    assert (await asyncio.to_thread(instance.vault)).read("perp") == complete("binance", KEYS)
    await instance.start()


async def test_wrong_keys_are_not_kept(instance: Instance) -> None:
    office = instance.application.accounts
    with pytest.raises(CommandRefused, match="nothing was kept: the exchange refuses the keys"):
        await office.add(PERP, {**KEYS, "api_key": "another"})
    assert [row["id"] for row in await office.rows()] == ["paper"]


async def test_one_book_at_an_exchange_is_one_account(instance: Instance) -> None:
    await instance.joined(PERP)
    office = instance.application.accounts
    with pytest.raises(CommandRefused, match="these are the keys of perp, which trades there already"):
        await office.add({**PERP, "id": "again"}, {**KEYS, "secret": "of the same key"}, with_test=False)
    assert [row["id"] for row in await office.rows()] == ["paper", "perp"]
    await instance.joined(PERP)


async def test_keys_of_an_exchange_that_is_away_are_kept_without_a_test_only(instance: Instance) -> None:
    await instance.fake.stop()
    office = instance.application.accounts
    with pytest.raises(CommandRefused, match="does not answer"):
        await office.add(PERP, KEYS)
    await office.add(PERP, KEYS, with_test=False)
    await until(lambda: instance.state("perp").reason is not None)
    assert [row["key"] for row in await office.rows()] == ["", "••••"]


async def test_an_account_without_keys_does_not_stop_the_start(instance: Instance) -> None:
    await instance.restarted(accounts=[{"id": "paper"}, PERP])
    await until(lambda: instance.state("perp").reason is not None)
    assert "no keys for perp" in (instance.state("perp").reason or "")
    await until(lambda: instance.state("paper").ready)


async def test_the_api_tells_and_tests_and_shows_no_key(instance: Instance) -> None:
    await instance.joined(PERP)
    _, perp = await instance.get("/api/accounts")
    assert (perp["venue"], perp["environment"], perp["armed"], perp["connected"]) == ("binance", "testnet", None, True)
    assert set(perp["limits_used"]) == {"weight", "orders"}
    tested = await instance.post("/api/accounts/perp/test")
    assert tested.json()["may_trade"] == {"value": True, "detail": "the account may trade futures", "failed": False}
    assert tested.json()["may_withdraw"]["value"] is None
    assert "secret" not in json.dumps(perp) + tested.text


async def test_arming_and_removing_work_where_no_instance_runs(instance: Instance) -> None:
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    await instance.joined(LIVE)
    await instance.stop()
    async with administer(instance.settings) as administration:
        assert await administration.accounts.arm("perp", "perp", "") == "perp trades live from now on"
    await instance.start()
    assert instance.application.accounts.plan("perp")["armed"] is True
    await instance.stop()
    async with administer(instance.settings) as administration:
        await administration.accounts.remove("perp")
    await instance.start()
    assert list(instance.application.venues) == ["paper"]


async def test_arming_is_an_event_that_stays(instance: Instance) -> None:
    seen: list[EventRecord] = []
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    instance.application.engine.subscribe(seen.append)
    await instance.joined(LIVE)
    await instance.application.accounts.arm("perp", "perp", "")
    await instance.application.accounts.disarm("perp")
    await until(lambda: any(event.type == "account.disarmed" for event in seen))
    told = [(event.type, event.account) for event in seen if event.type.startswith("account.") and "arm" in event.type]
    assert told == [("account.armed", "perp"), ("account.disarmed", "perp")]


async def test_keys_are_never_sent_to_another_machine(instance: Instance) -> None:
    settings = instance.settings
    await instance.stop()
    elsewhere = {**settings.environ, "ZIGGURAT_EXCHANGE_URLS": '{"perp": "http://203.0.113.9"}'}
    with pytest.raises(OperatorActionNeeded, match="another machine"):
        await Application.open(instance.with_environ(elsewhere))
    await instance.start()


async def test_the_position_mode_is_read_at_the_exchange(instance: Instance) -> None:
    instance.fake.book.ledger.is_hedged = True
    await instance.joined(PERP)
    _, perp = await instance.get("/api/accounts")
    assert perp["position_mode"] == "hedge"
    assert not instance.state("perp").one_way


async def test_kept_market_rules_stand_in_for_those_that_cannot_be_loaded(instance: Instance) -> None:
    await instance.joined(PERP)
    _, fresh = await instance.get("/api/accounts")
    await instance.stop()
    instance.fake.faults.arm(FaultKind.ERROR_BEFORE, "/exchangeInfo", method="GET", status=503, times=20)
    await instance.start()
    await until(lambda: instance.state("perp").ready)
    _, kept = await instance.get("/api/accounts")
    assert kept["rules_age_sec"] > fresh["rules_age_sec"] >= 0
    await instance.buy()
    await until(lambda: len(instance.orders_sent()) >= 5)
