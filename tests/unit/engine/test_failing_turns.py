"""What becomes of signals, groups and those who wait when a turn, or a part of one, does not succeed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.base.errors import InvariantBroken
from app.engine import care, signals
from app.engine import dispatch as dispatch_module
from app.engine import turn as turn_module
from app.engine.inbox import PriceTouched, Recovered
from app.engine.turn import Turn
from app.messages.commands import CloseAll, Pause
from app.messages.records import Changes, SignalRecord
from app.ports.engine import CommandRefused, EngineUnavailable
from app.ports.store import ChangeRefused, StoreFailed
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
CALM = {"cooldown_sec": 0, "emergency_cancels_entries": False}


class Disk:
    """Refuses what `refuses` says, and counts every try."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch, refuses: Callable[[Changes], bool]) -> None:
        self._store = stage.world._store
        self._works = self._store.commit
        self.refuses = refuses
        self.failure: StoreFailed = StoreFailed("the disk is full")
        self.tries: list[Changes] = []
        monkeypatch.setattr(self._store, "commit", self._commit)

    async def _commit(self, changes: Changes) -> None:
        self.tries.append(changes)
        if self.refuses(changes):
            raise self.failure
        await self._works(changes)


def buy(stage: Stage, coin: str = "SOL") -> None:
    stage.signal(action="buy", symbol=f"{coin}USDT.P", price=D(100), size=D(1000), size_type="quote")


def start_anew_with_an_exit(stage: Stage, *coins: str) -> None:
    """Crash; the exits come while the engine starts, and are answered."""

    async def crashed() -> None:
        stage.world.crash()
        while not stage.world.engine._is_open:
            await stage.world.clock.sleep(0)
        for coin in coins:
            exit_ = {"action": "sell", "intent": "exit", "symbol": f"{coin}USDT.P", "price": D(100)}
            assert await stage.world.send(stage.world.body_of(exit_)) == 202
        assert not stage.world.engine.state.recovered

    stage.run(crashed())


def is_recovered(stage: Stage) -> bool:
    return stage.world.engine.state.recovered


def alerts(stage: Stage) -> list[str]:
    told = [event for event in stage.world.events if event.type == "alert.raised"]
    return [str(event.data["detail"]) for event in told if event.data["severity"] == "critical"]


def records(stage: Stage) -> list[SignalRecord]:
    return list(stage.world.signals.values())


# ---------------------------------------------------------------------------------------------- the first turn


def starts(changes: Changes) -> bool:
    return any(event.type == "engine.started" for event in changes.events)


@pytest.mark.expects_log_warnings
def test_an_exit_that_was_recorded_is_acted_on_once_the_disk_takes_the_first_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        buy(stage)
        assert len(stage.groups()) == 1
        disk = Disk(stage, monkeypatch, starts)
        start_anew_with_an_exit(stage, "SOL")
        stage.wait(3)
        assert not is_recovered(stage)
        disk.refuses = lambda _: False
        stage.wait(60)
        assert is_recovered(stage)
        assert stage.groups() == []


@pytest.mark.expects_log_warnings
def test_a_recorded_signal_that_breaks_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    act = signals.act_on_recorded

    def acted(turn: Turn, record: SignalRecord, signal: Any) -> None:
        if signal.symbol.startswith("SOL"):
            raise ValueError("nobody foresaw this")
        act(turn, record, signal)

    with Stage(scenario("SOL", "LTC", risk=CALM)) as stage:
        buy(stage, "SOL")
        buy(stage, "LTC")
        monkeypatch.setattr(signals, "act_on_recorded", acted)
        start_anew_with_an_exit(stage, "SOL", "LTC")
        stage.wait(60)
        assert [group.symbol for group in stage.groups()] == ["SOL/USDT:USDT"]
        (told,) = alerts(stage)
        assert "acting on signal" in told
        assert len(stage.world.engine.defects) == 1
        stage.world.engine.defects.clear()


def test_a_signal_that_comes_in_the_first_turn_itself_is_acted_on() -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        engine = stage.world.engine
        engine.state.recovered = False

        async def together() -> None:
            engine._mailbox.post(Recovered())
            body = stage.world.body_of(
                {"action": "buy", "symbol": "SOLUSDT.P", "price": D(100), "size": D(1000), "size_type": "quote"}
            )
            assert await stage.world.send(body) == 202

        stage.run(together())
        assert len(stage.groups()) == 1


# ---------------------------------------------------------------------------------------------- a disk that is full


@pytest.mark.expects_log_warnings
def test_a_long_outage_of_the_disk_is_tried_every_five_seconds_however_many_turns_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        buy(stage)
        disk = Disk(stage, monkeypatch, lambda _: True)
        for _ in range(20):
            assert stage.ask(Pause("a disk that is full")) is not None
        stage.wait(600)
        assert sum("disk" in changes.facts for changes in disk.tries) == 120
        assert stage.ask(Pause("still full")) is not None
        disk.refuses = lambda _: False
        stage.wait(10)
        assert stage.world.engine.state.halted is None
        assert stage.world.engine.snapshot().emergency.code == "disk"
        stage.ask(CloseAll())
        stage.wait(30)
        assert stage.groups() == []


@pytest.mark.expects_log_warnings
def test_the_disk_that_answers_and_fails_again_at_once_is_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def trips(changes: Changes) -> bool:
        return any(event.type == "ess.tripped" for event in changes.events)

    with Stage(scenario("SOL", risk=CALM)) as stage:
        disk = Disk(stage, monkeypatch, lambda _: True)
        stage.ask(Pause("full"))
        disk.refuses = trips
        stage.wait(60)
        assert stage.world.engine.state.halted is not None
        disk.refuses = lambda _: False
        stage.wait(10)
        assert stage.world.engine.state.halted is None


@pytest.mark.expects_log_warnings
def test_a_day_whose_start_was_not_written_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        engine = stage.world.engine
        engine.state.day = yesterday = stage.world.clock.now().date() - timedelta(days=1)
        disk = Disk(stage, monkeypatch, lambda _: True)
        assert stage.ask(Pause("a disk that is full")) is not None
        assert engine.state.day == yesterday
        disk.refuses = lambda _: False
        stage.wait(30)
        assert engine.state.day == stage.world.clock.now().date() != yesterday


# ---------------------------------------------------------------------------------------------- a group that breaks


def break_care(monkeypatch: pytest.MonkeyPatch, group_id: str, error: Exception) -> None:
    care_for = care.care_for

    def cared(turn: Turn, cared_for: str) -> None:
        if cared_for == group_id:
            turn.emit("care.begun", account="paper")
            raise error
        care_for(turn, cared_for)

    monkeypatch.setattr(dispatch_module, "care_for", cared)


@pytest.mark.expects_log_warnings
def test_a_change_that_the_database_refuses_takes_no_other_message_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", "LTC", risk=CALM)) as stage:
        disk = Disk(stage, monkeypatch, lambda changes: any(item.symbol == "SOL/USDT:USDT" for item in changes.signals))
        disk.failure = ChangeRefused("it contradicts what is held")

        async def together() -> None:
            order: dict[str, Any] = {"action": "buy", "price": D(100), "size": D(1000), "size_type": "quote"}
            bodies = [stage.world.body_of({"symbol": f"{coin}USDT.P", **order}) for coin in ("SOL", "LTC")]
            answers = await asyncio.gather(*map(stage.world.send, bodies), return_exceptions=True)
            assert [isinstance(answers[0], CommandRefused), answers[1]] == [True, 202]

        stage.run(together())
        stage.wait(10)
        assert [group.symbol for group in stage.groups()] == ["LTC/USDT:USDT"]
        assert stage.world.engine.state.halted is None
        (told,) = alerts(stage)
        assert "what follows from AcceptSignal broke" in told
        assert len(stage.world.engine.defects) == 1
        stage.world.engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_where_the_database_refuses_all_trading_is_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        disk = Disk(stage, monkeypatch, lambda changes: bool(changes.events))
        disk.failure = ChangeRefused("it contradicts what is held")
        stage.ask(Pause("now"))
        assert stage.world.engine.state.halted == "it contradicts what is held"
        stage.world.engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_a_group_whose_care_breaks_does_not_keep_all_from_being_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", "LTC", "XRP", risk=CALM)) as stage:
        for coin in ("SOL", "LTC", "XRP"):
            buy(stage, coin)
        broken = stage.groups()[1]
        break_care(monkeypatch, broken.id, ValueError("a fault"))
        assert stage.ask(CloseAll()) is None
        stage.wait(120)
        assert [group.id for group in stage.groups()] == [broken.id]
        assert stage.world.engine.state.groups[broken.id].closing is not None
        assert len([told for told in alerts(stage) if broken.id in told]) == 1
        assert "care.begun" not in {event.type for event in stage.world.events}
        assert len(stage.world.engine.defects) == 1
        stage.world.engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_after_a_broken_invariant_there_are_no_entries_until_a_person_has_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(scenario("SOL", "LTC", risk=CALM)) as stage:
        buy(stage)
        (group,) = stage.groups()
        with monkeypatch.context() as patched:
            break_care(patched, group.id, InvariantBroken("an order that was over rests"))
            stage.wait(60)
        assert stage.world.engine.snapshot().emergency.code == "invariant"
        buy(stage, "LTC")
        assert (records(stage)[-1].outcome, records(stage)[-1].reason) == ("rejected", "emergency_stop")
        stage.ask(CloseAll())
        stage.wait(30)
        assert stage.groups() == []
        stage.world.engine.defects.clear()


# ---------------------------------------------------------------------------------------------- a turn that breaks


@pytest.mark.expects_log_warnings
def test_a_turn_that_breaks_halts_until_the_next_start_and_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any) -> None:
        raise ValueError("half of it is laid into memory")

    with Stage(scenario("SOL", "LTC", risk=CALM)) as stage:
        buy(stage)
        engine = stage.world.engine
        with monkeypatch.context() as patched:
            patched.setattr(turn_module, "remember_signal", breaks)
            body = {"action": "buy", "symbol": "LTCUSDT.P", "price": D(100), "size": D(1000), "size_type": "quote"}
            assert stage.run(stage.world.send(stage.world.body_of(body))) == 503
        stage.wait(60)
        assert engine.state.halted is not None
        assert [told for told in alerts(stage) if "trading is halted" in told]
        assert stage.ask(CloseAll()) is None
        stage.wait(30)
        assert [group.symbol for group in stage.groups()] == ["LTC/USDT:USDT"]
        engine.defects.clear()
        stage.crash()
        stage.wait(60)
        assert stage.groups() == []
        assert stage.world.engine.state.halted is None
        assert stage.world.engine.snapshot().emergency.code == "invariant"


def test_who_asked_is_told_when_the_engine_ends_during_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        engine = stage.world.engine
        writing = asyncio.Event()

        async def hangs(_: Changes) -> None:
            writing.set()
            await asyncio.Event().wait()

        async def killed() -> None:
            asked = asyncio.ensure_future(engine.ask(Pause("for a while")))
            await writing.wait()
            engine.kill()
            with pytest.raises(EngineUnavailable, match="has stopped"):
                await asked

        monkeypatch.setattr(stage.world._store, "commit", hangs)
        stage.run(killed())


@pytest.mark.expects_log_warnings
def test_who_listens_to_prices_and_breaks_keeps_no_stop_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(account: str, symbol: str) -> None:
        raise ValueError("a listener's own fault")

    with Stage(scenario("SOL", risk=CALM)) as stage:
        buy(stage)
        engine = stage.world.engine
        heard: list[str] = []
        reached: list[Any] = []
        engine.subscribe_prices(broken)
        engine.subscribe_prices(lambda account, symbol: heard.append(symbol))
        (group,) = stage.groups()
        engine.state.watches[group.id] = type(engine.state.watches[group.id])(low=D(99))
        post = engine._mailbox.post

        def spy(message: Any, *, lazy: bool = False) -> None:
            reached.append(message)
            post(message, lazy=lazy)

        monkeypatch.setattr(engine._mailbox, "post", spy)
        stage.price("SOL/USDT:USDT", D("98.5"))
        assert heard == ["SOL/USDT:USDT"]
        assert PriceTouched((group.id,)) in reached
        engine.defects.clear()
