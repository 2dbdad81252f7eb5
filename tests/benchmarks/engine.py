"""How long the engine's own decisions take: the queue's next entry, and what the offset engine would do."""

from __future__ import annotations

import gc
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.base.config import parse_config
from app.base.ids import CountedIds
from app.domain.booking import book_entry
from app.domain.client_order_id import Namespace
from app.domain.grid import plan_legs
from app.domain.group import Group, Pyramid
from app.domain.market import MarketRules, Quote
from app.domain.values import Identity, MarketType, OrderType, PositionMode, Side
from app.engine import emergency, offsetting
from app.engine.blocking import blocked_by
from app.engine.indexing import index_group
from app.engine.queueing import Selection
from app.engine.state import AccountState, EngineState, Market
from app.engine.turn import Turn
from app.messages.records import QueueEntry, QueueReason
from app.ports.venue import Capabilities

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SYMBOLS = tuple(f"C{number:02d}/USDT:USDT" for number in range(50))
CAPABILITIES = Capabilities(
    market_type=MarketType.LINEAR,
    position_mode=PositionMode.ONE_WAY,
    reduce_only=True,
    exits_below_minimum=True,
    stop_market=True,
    stop_limit=True,
    take_profit_market=True,
    amend_types=frozenset({OrderType.LIMIT}),
    batch_orders=True,
    fees=(Decimal("0.0002"), Decimal("0.0005")),
)


def _state(pool: int) -> EngineState:
    config = parse_config(
        {
            "pool": {"max_open_groups": pool},
            "queue": {"max_size": 1000},
            "offset": {"require_full_pyramids": False, "wait_minutes": 0},
            "risk": {"daily_loss_limit_quote": "1000000", "max_exposure_quote": "100000000"},
        }
    )
    state = EngineState(config)
    state.accounts["paper"] = AccountState("paper", CAPABILITIES, connected=True, reconciled=True)
    state.recovered = True
    for symbol in SYMBOLS:
        state.markets["paper", symbol] = Market(_rules(symbol), Quote.flat(Decimal(100), NOW), NOW)
    return state


def _rules(symbol: str) -> MarketRules:
    return MarketRules(
        symbol, MarketType.LINEAR, symbol[:3], "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5)
    )


def _move_prices(state: EngineState, step: int) -> None:
    for number, symbol in enumerate(SYMBOLS):
        price = Decimal(100) + Decimal((step * 7 + number * 13) % 1000 - 500) / 100
        state.markets["paper", symbol].quote = Quote.flat(price, NOW)


def _turn(state: EngineState) -> Turn:
    return Turn(state, NOW, CountedIds(), lambda: 0.0, Namespace("00000", 0))


def _rest() -> None:
    """What stands is never garbage, as in the application once it has started."""
    gc.collect()
    gc.freeze()


def select(rounds: int = 2000) -> list[float]:
    """Milliseconds to find the best of 1,000 entries after every price moved, and to check that a slot is free."""
    state = _state(pool=10)
    for number in range(1000):
        symbol, side = SYMBOLS[number % 50], Side.LONG if number % 3 else Side.SHORT
        identity = Identity("paper", symbol, f"{number // 50 + 1}m", side)
        entry_price = Decimal(100) + Decimal(number % 17 - 8) / 10
        at = NOW - timedelta(seconds=number)
        entry = QueueEntry(f"s{number:013d}", identity, entry_price, "{}", QueueReason.POOL_FULL, at, at, number % 5)
        state.queue[entry.signal_id] = entry
        state.ranks.put(entry)
        state.queued_of[identity] = entry.signal_id
    _rest()
    taken: list[float] = []
    for step in range(rounds):
        _move_prices(state, step)
        turn = _turn(state)
        began = time.perf_counter()
        best = Selection(turn).take()
        reason = blocked_by(turn, best.identity, turn.group_of(best.identity)) if best is not None else None
        taken.append((time.perf_counter() - began) * 1000)
        if best is None or reason is not None:
            raise AssertionError(reason)
    return taken


def evaluate(rounds: int = 200) -> list[float]:
    """Milliseconds to assess 500 open groups of five legs, to plan, and to look at every limit."""
    state = _state(pool=1000)
    settings = state.config.grid.default
    for number in range(500):
        symbol, side = SYMBOLS[number % 50], Side.LONG if number % 3 else Side.SHORT
        legs = plan_legs(settings, _rules(symbol), side, 0, Decimal(100), Decimal(1000), None)
        if not isinstance(legs, tuple):
            raise TypeError(legs)
        group = Group(
            id=f"g{number:07d}",
            account="paper",
            symbol=symbol,
            timeframe=f"{number // 50 + 1}m",
            side=side,
            strategy_id="",
            quote="USDT",
            base=symbol[:3],
            step_size=Decimal("0.001"),
            contract_size=Decimal(1),
            grid=settings,
            leverage=Decimal(1),
            margin_mode="isolated",
            opened_at=NOW,
            pyramids=(Pyramid(0, "s", Decimal(100), Decimal(1000), NOW),),
            legs=legs,
            offset_timer_at=NOW,
        )
        for leg in legs[:4]:
            group = book_entry(group, leg.key, leg.price, leg.quantity, Decimal("0.1"), Decimal(0), NOW)
        index_group(state, group, NOW)
    _rest()
    taken: list[float] = []
    for step in range(rounds):
        _move_prices(state, step)
        turn = _turn(state)
        began = time.perf_counter()
        evaluation = offsetting.look(turn)
        emergency.watch(turn)
        taken.append((time.perf_counter() - began) * 1000)
        if len(evaluation.assessments) != 500 or evaluation.plan is None:
            raise AssertionError("nothing was planned")
    return taken
