"""How requests travel: in time with the venue, within the limits, and what is learnt when they fail."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest

from app.base.errors import LimitsUsedUp, OperatorActionNeeded, Retryable
from app.base.waiting import together
from app.exchange.breaker import Breaker
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.dialects.base import Dialect, Operation
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.errors import Answer, Failure, setting_error
from app.exchange.ccxt.limits import Host, Limiter, Priority
from app.exchange.ccxt.mapping import milliseconds
from app.exchange.ccxt.session import RequestFailed, Session
from app.exchange.ccxt.wire import TRACE, Access, StreamHooks, make_exchange, redirected
from app.messages.reports import BreakerReport, NotSent
from tests.support.clock import ManualClock, settle

ccxt = import_module("ccxt")
HOOKS = StreamHooks(lambda: None, lambda _: None)
SERVER_AHEAD_MS = 1500


class Exchange:
    """Answers as scripted; the request leaves before each answer."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.script: list[Any] = []
        self.asked = 0

    def milliseconds(self) -> int:
        return 1_000_000

    async def fetch_time(self) -> int:
        return self.milliseconds() + SERVER_AHEAD_MS

    async def ask(self) -> Any:
        self.asked += 1
        trace = TRACE.get()
        assert trace is not None
        trace.begin()
        step = self.script.pop(0)
        if isinstance(step, tuple):
            error, trace.answer = step
            raise error
        if isinstance(step, Exception):
            raise step
        return step


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.exchange = Exchange()
        self.host = Host(BINANCE_USDM.budgets, self.clock)
        self.breaker = Breaker("main", self.clock, lambda _: None)
        self.limiter = Limiter(self.host, BINANCE_USDM.budgets, self.clock)
        self.session = Session(BINANCE_USDM, Access(), self.clock, self.limiter, self.breaker, HOOKS, self._made)

    def _made(self, _dialect: Dialect, _access: Access, hooks: StreamHooks) -> Exchange:
        self.hooks = hooks
        return self.exchange

    async def call(self, priority: Priority = Priority.ENTRY) -> Any:
        return await self.session.call(Operation.CREATE, priority, lambda api: api.ask(), orders=1)


def refused(code: int, status: int = 400, headers: dict[str, str] | None = None) -> tuple[Exception, Answer]:
    text = json.dumps({"code": code, "msg": "words"})
    return ccxt.ExchangeError(text), Answer(status, text, headers or {})


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_the_answer_comes_back(desk: Desk) -> None:
    desk.exchange.script = ["done"]
    assert await desk.call() == "done"


async def test_h29_our_offset_is_measured_and_used_for_signing(desk: Desk) -> None:
    await desk.session.synchronise()
    assert desk.session.skew_ms == -SERVER_AHEAD_MS
    assert desk.exchange.options["timeDifference"] == -SERVER_AHEAD_MS


async def test_h29_our_offset_is_measured_anew_every_hour(desk: Desk) -> None:
    await desk.session.synchronise()
    desk.exchange.options["timeDifference"], desk.exchange.script = 0, ["answer", "answer"]
    await desk.call()
    assert desk.exchange.options["timeDifference"] == 0
    await desk.clock.advance(3601)
    await desk.call()
    assert desk.exchange.options["timeDifference"] == -SERVER_AHEAD_MS


async def test_h29_waiting_for_the_limits_is_no_part_of_our_offset(desk: Desk) -> None:
    desk.exchange.milliseconds = lambda: int(desk.clock.monotonic() * 1000)  # type: ignore[method-assign]  # ours runs
    desk.host.pause(2.4)
    measuring = asyncio.create_task(desk.session.synchronise())
    await desk.clock.advance(2.4)
    await measuring
    assert desk.session.skew_ms == -SERVER_AHEAD_MS


async def test_h29_our_offset_is_measured_by_the_answer_that_came_quickest(desk: Desk) -> None:
    trips = [4.0, 0.4, 2.0]

    async def fetch_time() -> int:
        await desk.clock.sleep(trips.pop(0))
        return int(desk.clock.monotonic() * 1000)

    desk.exchange.milliseconds = lambda: int(desk.clock.monotonic() * 1000)  # type: ignore[method-assign]  # ours runs
    desk.exchange.fetch_time = fetch_time  # type: ignore[method-assign]  # slow, and told at the end of the trip
    measuring = asyncio.create_task(desk.session.synchronise())
    await desk.clock.advance(10)
    await measuring
    assert desk.session.skew_ms == -200


@pytest.mark.parametrize("step_sec", [40, -40])
async def test_h29_our_offset_is_measured_anew_once_our_clock_was_set(desk: Desk, step_sec: int) -> None:
    told: list[int] = []
    desk.session._on_skew = told.append
    await desk.session.synchronise()
    desk.clock.step(step_sec)
    desk.exchange.script = ["done", "done"]
    assert await desk.call() == "done"
    assert await desk.call() == "done"
    assert len(told) == 2


async def test_h29_a_clock_that_was_set_is_noticed_while_nothing_is_sent(desk: Desk) -> None:
    told: list[int] = []
    desk.session._on_skew = told.append
    await desk.session.synchronise()
    warming = asyncio.create_task(desk.session.keep_warm())
    await desk.clock.advance(1)
    desk.clock.step(40)
    await desk.clock.advance(20)
    assert len(told) == 2
    warming.cancel()


async def test_h29_a_ban_until_a_moment_lasts_by_the_venues_clock(desk: Desk) -> None:
    desk.session.skew_ms = -3_600_000
    until = milliseconds(desk.clock.now()) + 3_600_000 + 90_000
    banned = ccxt.DDoSProtection("x"), Answer(418, f'{{"code":-1003,"msg":"IP banned until {until}."}}', {})
    desk.exchange.script = [banned]
    with pytest.raises(RequestFailed) as raised:
        await desk.call()
    assert desk.host.paused_for() == 90
    answer = desk.session.outcome(raised.value.failure)
    assert isinstance(answer, NotSent)
    assert answer.retry_after == 90


@pytest.mark.parametrize(("code", "limits_all"), [(-1015, False), (-1003, True)])
async def test_h28_what_limits_one_account_keeps_no_other_at_its_host_back(
    desk: Desk, code: int, limits_all: bool
) -> None:
    desk.exchange.script = [refused(code, 429, {"retry-after": "5"})]
    with pytest.raises(RequestFailed):
        await desk.call()
    assert desk.limiter.paused_for() == 5
    assert desk.host.paused_for() == (5 if limits_all else 0)


async def test_h29_a_time_stamp_error_is_tried_once_more_in_step(desk: Desk) -> None:
    desk.exchange.script = [refused(-1021), "done"]
    assert await desk.call() == "done"
    assert desk.exchange.options["timeDifference"] == -SERVER_AHEAD_MS


async def test_h29_a_second_time_stamp_error_is_told(desk: Desk) -> None:
    desk.exchange.script = [refused(-1021), refused(-1021)]
    with pytest.raises(RequestFailed):
        await desk.call()
    assert desk.exchange.asked == 2


async def test_h01_a_time_out_is_never_tried_again(desk: Desk) -> None:
    desk.exchange.script = [ccxt.RequestTimeout("x"), "done"]
    with pytest.raises(RequestFailed) as raised:
        await desk.call()
    assert raised.value.failure.has_left
    assert desk.exchange.asked == 1


async def test_five_time_outs_hold_entries_but_not_exits(desk: Desk) -> None:
    desk.exchange.script = [*(ccxt.RequestTimeout("x") for _ in range(5)), "done"]
    for _ in range(5):
        with pytest.raises(RequestFailed):
            await desk.call()
    with pytest.raises(RequestFailed) as raised:
        await desk.call()
    assert not raised.value.failure.has_left
    assert raised.value.failure.retry_after == 10.0
    assert await desk.call(Priority.EXIT) == "done"
    assert not desk.breaker.is_open


async def read(desk: Desk) -> Any:
    return await desk.session.read(Operation.OPEN_ORDERS, lambda api: api.ask())


async def half_open(desk: Desk) -> None:
    for _ in range(5):
        desk.breaker.failed("time-out")
    await desk.clock.advance(10)


async def test_of_what_is_read_together_one_tries_an_open_breaker_and_the_others_follow(desk: Desk) -> None:
    await half_open(desk)
    desk.exchange.script = ["plain", "algo", "positions"]
    asked: list[bool] = []

    async def answer(api: Exchange) -> Any:
        asked.append(desk.breaker.is_open)
        await settle()
        return await api.ask()

    assert await together(*(desk.session.read(Operation.OPEN_ORDERS, answer) for _ in range(3))) == [
        "plain",
        "algo",
        "positions",
    ]
    assert asked == [True, False, False]


async def test_what_is_read_together_is_held_when_its_probe_fails(desk: Desk) -> None:
    await half_open(desk)
    desk.exchange.script = [ccxt.RequestTimeout("x")]
    results = await asyncio.gather(*(read(desk) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, Retryable) for result in results)
    assert desk.exchange.asked == 1
    assert desk.breaker.retry_after() == 20.0


async def test_a_probe_that_is_given_up_lets_the_next_question_try_at_once(desk: Desk) -> None:
    await half_open(desk)
    given_up = asyncio.create_task(desk.session.read(Operation.OPEN_ORDERS, lambda _: asyncio.Event().wait()))
    await settle()
    waits = asyncio.create_task(read(desk))
    desk.exchange.script = ["done"]
    given_up.cancel()
    assert await waits == "done"
    assert not desk.breaker.is_open


async def test_a_probe_that_the_limits_keep_back_lets_the_next_question_try(desk: Desk) -> None:
    await half_open(desk)
    desk.host.pause(60)
    with pytest.raises(Retryable):
        await read(desk)
    desk.exchange.script = ["done"]
    await desk.clock.advance(60)
    assert await read(desk) == "done"


async def test_orders_that_were_given_up_unanswered_count_as_not_answered(desk: Desk) -> None:
    async def never(api: Exchange) -> None:
        trace = TRACE.get()
        assert trace is not None
        trace.begin()
        await asyncio.Event().wait()

    for priority in (Priority.READ, *[Priority.ENTRY] * 5):
        assert not desk.breaker.is_open
        asking = asyncio.create_task(desk.session.call(Operation.CREATE, priority, never, orders=1))
        await settle()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert desk.breaker.is_open


async def test_the_reason_of_an_open_breaker_has_no_signature(desk: Desk) -> None:
    told: list[BreakerReport] = []
    desk.breaker._tell = told.append
    signed = "binanceusdm GET https://fapi.binance.com/fapi/v2/balance?timestamp=1&signature=00ff00ff"
    desk.exchange.script = [ccxt.RequestTimeout(signed) for _ in range(5)]
    for _ in range(5):
        with pytest.raises(RequestFailed) as raised:
            await desk.call()
        assert "00ff" not in str(raised.value)
    assert [report.reason for report in told] == ["the exchange did not answer: GET /fapi/v2/balance"]


async def test_refusals_are_answers_and_open_no_breaker(desk: Desk) -> None:
    desk.exchange.script = [refused(-2019) for _ in range(6)]
    for _ in range(6):
        with pytest.raises(RequestFailed):
            await desk.call()
    assert not desk.breaker.is_open


async def test_h28_a_ban_keeps_the_next_request_back(desk: Desk) -> None:
    desk.exchange.script = [refused(-1003, 418, {"retry-after": "60"})]
    with pytest.raises(RequestFailed):
        await desk.call()
    with pytest.raises(RequestFailed) as raised:
        await desk.call(Priority.EXIT)
    assert raised.value.failure.retry_after == 60.0
    assert desk.exchange.asked == 1


@pytest.mark.parametrize(("status", "pause"), [(418, 60.0), (429, 60.0), (400, 0.0)])
async def test_h28_what_a_stream_is_told_keeps_all_requests_back(desk: Desk, status: int, pause: float) -> None:
    assert desk.session.exchange is desk.exchange
    desk.hooks.failed(Failure(ccxt.ExchangeError("words"), Answer(status, "", {"retry-after": "60"})))
    assert desk.host.paused_for() == pause


async def test_reads_raise_what_the_engine_knows(desk: Desk) -> None:
    desk.exchange.script = [ccxt.RequestTimeout("x"), refused(-2015)]
    with pytest.raises(Retryable):
        await desk.session.read(Operation.POSITIONS, lambda api: api.ask())
    with pytest.raises(OperatorActionNeeded):
        await desk.session.read(Operation.POSITIONS, lambda api: api.ask())


def test_addresses_move_to_another_host_and_keep_their_paths() -> None:
    urls = {"rest": "https://fapi.example.com/fapi/v1", "ws": {"own": "wss://fstream.example.com/ws"}, "none": None}
    assert redirected(urls, "http://127.0.0.1:9100") == {
        "rest": "http://127.0.0.1:9100/fapi/v1",
        "ws": {"own": "ws://127.0.0.1:9100/ws"},
        "none": None,
    }


def test_ccxt_is_made_with_numbers_as_text_and_without_its_limiter() -> None:
    exchange = make_exchange(BINANCE_USDM, Access(base_url="http://127.0.0.1:1"), HOOKS)
    assert exchange.number is str
    assert exchange.enableRateLimit is False
    assert exchange.urls["api"]["fapiPrivate"].startswith("http://127.0.0.1:1/")


def test_aster_is_made_without_the_builder_fee() -> None:
    assert make_exchange(ASTER_LINEAR, Access(), HOOKS).options["builderFee"] is False


async def test_connections_are_closed_even_when_the_streams_goodbye_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(_exchange: Any) -> None:
        await asyncio.Event().wait()

    exchange = make_exchange(BINANCE_USDM, Access(base_url="http://127.0.0.1:1"), HOOKS)
    exchange.open()
    session = exchange.session
    monkeypatch.setattr(type(exchange), "close_ws_clients", never)
    closing = asyncio.create_task(exchange.close())
    await settle()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert session.closed


async def test_a_stream_that_is_still_wanted_after_the_close_opens_nothing() -> None:
    exchange = make_exchange(BINANCE_USDM, Access(base_url="http://127.0.0.1:1"), HOOKS)
    exchange.open()
    await exchange.close()
    with pytest.raises(ccxt.ExchangeClosedByUser):
        await exchange.watch("ws://127.0.0.1:1/ws", "orders")
    assert exchange.session is None


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(Access(api_key="hidden", secret="hidden", private_key="hidden"))


async def test_a_question_waits_for_the_limits_when_an_order_has_been_given_up(desk: Desk) -> None:
    desk.session.patience_sec = 0.01
    desk.exchange.script = ["answer"]
    desk.host.buckets[0].spend(BINANCE_USDM.budgets[0].amount)
    asking = asyncio.create_task(desk.session.read(Operation.FILLS, lambda api: api.ask()))
    with pytest.raises(RequestFailed, match="limits are used up") as given_up:
        await desk.session.call(Operation.CREATE_BATCH, Priority.ENTRY, lambda api: api.ask())
    outcome = desk.session.outcome(given_up.value.failure)
    assert isinstance(outcome, NotSent)
    assert not outcome.tried
    assert isinstance(setting_error(given_up.value.failure, BINANCE_USDM.codes), LimitsUsedUp)
    assert not asking.done()
    await desk.clock.advance(60)
    assert await asking == "answer"


async def test_a_question_waits_out_a_pause_that_an_order_is_not_kept_for(desk: Desk) -> None:
    desk.exchange.script = ["answer"]
    desk.host.pause(4.8)
    asking = asyncio.create_task(desk.session.read(Operation.FILLS, lambda api: api.ask()))
    with pytest.raises(RequestFailed, match="asked us to wait"):
        await desk.call()
    await desk.clock.advance(4.8)
    assert await asking == "answer"


async def test_a_closed_session_sends_nothing_and_makes_no_new_connection_until_it_is_opened() -> None:
    made: list[Exchange] = []

    def make(*_: Any) -> Exchange:
        made.append(Exchange())
        made[-1].script = ["done"]
        return made[-1]

    desk = Desk()
    desk.exchange.close = closed = Closing()  # type: ignore[attr-defined]  # ccxt's has it
    desk.exchange.script = ["done"]
    assert await desk.call() == "done"
    await desk.session.close()
    assert closed.times == 1
    desk.session._make = make
    with pytest.raises(RequestFailed) as raised:
        await desk.call(Priority.EXIT)
    assert not raised.value.failure.has_left
    with pytest.raises(Retryable):
        await desk.session.read(Operation.TIME, lambda api: api.fetch_time())
    with pytest.raises(Retryable):
        _ = desk.session.exchange
    assert made == []
    desk.session.open()
    assert await desk.call() == "done"


class Closing:
    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1
