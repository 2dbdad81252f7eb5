"""Rules and prices of markets, as they come or fail to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import structlog

from app.base.clock import Clock
from app.base.errors import AppError
from app.base.waiting import within
from app.domain.market import CLOSED_KEPT_SEC, MarketRules, Quote
from app.domain.symbol import base_of, market_type_of, quote_of
from app.engine import answers, queueing
from app.engine.inbox import MarketLoaded
from app.engine.recorded import ReadRecord
from app.engine.state import Market
from app.engine.turn import Turn
from app.engine.waiting import refuse
from app.messages.effects import LoadMarket
from app.messages.records import QueueEntry, QueueReason
from app.ports.venue import Venue

log = structlog.get_logger("engine")
MARKET_TIMEOUT_SEC = 20.0
"""For all that a market's rules and price take: several questions, each of which may wait for the limits."""
MARKET_RETRY = timedelta(seconds=5)
GROUPS_REFRESH = timedelta(hours=1)
REFRESHED_AT_ONCE = 5


async def fetched(venues: Mapping[str, Venue], clock: Clock, wish: LoadMarket) -> MarketLoaded:
    """What the venue tells of a market, or why it could not be asked. One that breaks must stop nothing else."""
    try:
        asked = venues[wish.account].load_market(wish.symbol, wish.hint, fresh=wish.fresh)
        return MarketLoaded(wish.account, wish.symbol, await within(clock, MARKET_TIMEOUT_SEC, asked))
    except Exception as error:
        if not isinstance(error, AppError | TimeoutError):
            log.exception("fetching a market broke", account=wish.account, symbol=wish.symbol)
        why = str(error) or f"no answer within {MARKET_TIMEOUT_SEC:g} s"
        return MarketLoaded(wish.account, wish.symbol, None, failure=why)


def loaded(turn: Turn, message: MarketLoaded, read_record: ReadRecord) -> None:
    if message.report is None:
        _not_loaded(turn, message)
        _ask_again_for_groups(turn, message)
        return
    known = turn.state.market(message.account, message.symbol)
    quote = message.report.quote if known is None or known.quote is None else known.quote
    turn.state.markets[message.account, message.symbol] = Market(message.report.rules, quote, turn.now)
    _tell_closed(turn, message, known, message.report.rules)
    if turn.recovered:
        answers.rules_loaded(turn, message.account, message.symbol)
        queueing.note_profits(turn, message.account, message.symbol, read_record)
        for group in turn.groups_on(message.account, message.symbol):
            turn.touch(group.id)
        turn.wants_promotion = True


def _not_loaded(turn: Turn, message: MarketLoaded) -> None:
    """Refuse what waited for a market that the venue does not have, or whose rules cannot be fetched.

    By the trader's setting the rules that are known, though old, go on instead; guessed ones only where nothing is
    known and nothing is open, for a guessed price must not stop a group out.
    """
    waiting = _waiting_for(turn, message)
    if message.failure is not None and waiting and not turn.config.precision.block_on_missing_metadata:
        known = turn.state.market(message.account, message.symbol)
        if known is not None and known.quote is not None:
            _go_on_with(turn, message, replace(known, loaded_at=turn.now), "those known before are used")
            return
        if known is None and not turn.groups_on(message.account, message.symbol):
            guessed = _guessed(turn, message.symbol, waiting[0].entry_price)
            _go_on_with(turn, message, guessed, "the fallback rules are used")
            return
    _note_gone(turn, message)
    code = "missing_market_rules" if message.failure else "unknown_symbol"
    detail = message.failure or f"{message.account} has no market {message.symbol}"
    for entry in waiting:
        refuse(turn, entry, code, detail)


def _note_gone(turn: Turn, message: MarketLoaded) -> None:
    """A market that the venue lists no more is closed."""
    known = turn.state.market(message.account, message.symbol)
    if message.failure is None and known is not None:
        gone = replace(known, rules=replace(known.rules, is_trading=False), loaded_at=turn.now)
        turn.state.markets[message.account, message.symbol] = gone
        _tell_closed(turn, message, known, gone.rules)


def _tell_closed(turn: Turn, message: MarketLoaded, before: Market | None, rules: MarketRules) -> None:
    """Once for each reason, where groups are open."""
    is_told = before is not None and before.rules.closed == rules.closed
    if rules.closed is None or is_told or not turn.groups_on(message.account, message.symbol):
        return
    rest = "those that rest are cancelled" if rules.delisted_at is not None else "those that rest stay"
    what = f"exits are sent, new entries are not, {rest}"
    sentence = f"{rules.closed}; groups are open there on {message.account}: {what}"
    turn.alert("warning", sentence, account=message.account)


def refresh_for_groups(turn: Turn, account: str) -> None:
    """Ask anew, some at a time, for the markets in which groups are open: what closes is told before it does, and what
    opens again is entered soon."""
    keys = [key for key in turn.state.open_on if key[0] == account and key in turn.state.markets]
    asked = {key: turn.state.markets[key].asked_at or turn.state.markets[key].loaded_at for key in keys}
    old = [
        key for key in sorted(asked, key=asked.__getitem__) if turn.now - asked[key] > _kept(turn.state.markets[key])
    ]
    for key in old[:REFRESHED_AT_ONCE]:
        turn.state.markets[key] = replace(turn.state.markets[key], asked_at=turn.now)
        turn.effect(LoadMarket(*key, None))


def _kept(market: Market) -> timedelta:
    return GROUPS_REFRESH if market.rules.is_trading else timedelta(seconds=CLOSED_KEPT_SEC)


def _waiting_for(turn: Turn, message: MarketLoaded) -> list[QueueEntry]:
    return [
        entry
        for entry in turn.queue.values()
        if (entry.identity.account, entry.identity.symbol) == (message.account, message.symbol)
        and entry.reason is QueueReason.MISSING_MARKET_RULES
    ]


def _go_on_with(turn: Turn, message: MarketLoaded, market: Market, told: str) -> None:
    turn.state.markets[message.account, message.symbol] = market
    turn.alert("warning", f"the rules of {message.symbol} could not be fetched; {told}")
    turn.wants_promotion = True


def _guessed(turn: Turn, symbol: str, price: Decimal) -> Market:
    precision = turn.config.precision
    rules = MarketRules(
        symbol=symbol,
        market_type=market_type_of(symbol),
        base=base_of(symbol),
        quote=quote_of(symbol),
        tick_size=precision.fallback_tick_size,
        step_size=precision.fallback_step_size,
        min_qty=precision.fallback_min_qty,
        min_notional=precision.fallback_min_notional,
    )
    return Market(rules, Quote.flat(price, turn.now), turn.now)


def _ask_again_for_groups(turn: Turn, message: MarketLoaded) -> None:
    """Open groups whose market is not known have no stops: caring for them asks again."""
    if message.failure is None or turn.state.market(message.account, message.symbol) is not None:
        return
    for group in turn.groups_on(message.account, message.symbol):
        turn.wake(f"group/{group.id}", turn.now + MARKET_RETRY)
