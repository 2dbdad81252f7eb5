"""Entries: what keeps one waiting, the checks, and the opening of groups and pyramids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import starmap

from app.base.changing import changed
from app.base.config.grid import GridSettings, TakeProfitMode
from app.domain.grid import plan_legs
from app.domain.group import Group, Pyramid
from app.domain.refusal import Refusal
from app.domain.risk import checks
from app.domain.risk.checks import TRIPPING, Candidate, Exposure, OpenBook, can_be_liquidated, check_candidate
from app.domain.risk.liquidation import Rung
from app.domain.risk.results import Checked, Held
from app.domain.risk.standing import Standing, check_standing
from app.domain.risk.worth import fills_at_most
from app.domain.signal import Signal
from app.domain.sizing import pyramid_capital
from app.domain.stop_loss import asked_stop, current_stop
from app.domain.values import ZERO, CloseReason, Identity, MarketType
from app.engine import emergency
from app.engine.arming import may_enter
from app.engine.conditional import conditional_orders
from app.engine.figures import day_result, drawdown_percent, environment_of, exposure, free_funds
from app.engine.money import equity_of
from app.engine.state import AccountState, BookKey, Market, external_fact
from app.engine.turn import Turn
from app.messages.effects import LoadMarket
from app.messages.records import CheckResult, QueueReason, SignalOutcome, SignalRecord

BY_EQUITY = frozenset({"equity_percent", "risk_percent"})
PASSES_WITH_TIME = frozenset({"cooldown", "stop_guard", "low_profit"})
"""Refusals that leave a queued signal where it is."""
BALANCE_WITHIN = timedelta(seconds=5)
"""So long after a fill a queued signal waits for the balance that the fill changed: its order may come before it."""
_result = lru_cache(256)(CheckResult)
"""Most checks pass, in the same words every time."""
_ENTRY_RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A signal that wants to open or add; `promoted` when it comes from the queue.

    `waited_for`, `waiting_since` tell what it waited for there. `reprices` tells whether size and gaps may be counted
    from the present price (`queue.reprice`): not for a signal that was only held while rules were fetched, nor for a
    reverse. `queued_at_price` is the market's when it began to wait. `is_forced`: a person opens it despite
    the limits on open groups, or it takes the place of a group that was.
    """

    record: SignalRecord
    signal: Signal
    identity: Identity
    size: Decimal | None
    is_reverse: bool = False
    promoted: bool = False
    reprices: bool = False
    waited_for: QueueReason | None = None
    waiting_since: datetime | None = None
    queued_at_price: Decimal | None = None
    is_forced: bool = False
    by_hand: bool = False
    """A person asked for it now: any refusal ends it."""
    exceeds_pyramids: bool = False
    """A person adds to a group that has all the pyramids its signals may add."""


def enter(turn: Turn, entry: Entry) -> QueueReason | None:
    """Open a group or a pyramid, or settle why not. What it must wait for comes back instead, unsettled."""
    group = turn.group_of(entry.identity)
    if group is not None and group.closing is None and not entry.exceeds_pyramids:
        most = group.grid.max_pyramids
        if len(group.pyramids) >= most:
            detail = f"{len(group.pyramids)} of {most} entries are in"
            _settle(turn, entry, SignalOutcome.IGNORED, (), reason="max_pyramids_reached", detail=detail)
            return None
    here = turn.groups_on(entry.identity.account, entry.identity.symbol)
    standing, trace = check_standing(_standing(turn, entry, group, here))
    if isinstance(standing, Refusal):
        trace.not_reached(*checks.NAMES)
        return _refused(turn, entry, standing, trace.checked)
    waiting = blocked_by(turn, entry.identity, group, keeps_place=entry.is_reverse, is_forced=entry.is_forced)
    market = turn.state.market(entry.identity.account, entry.identity.symbol)
    if waiting is not None or market is None:
        trace.not_reached(*checks.NAMES)
        return _wait(turn, entry, waiting or QueueReason.MISSING_MARKET_RULES, trace.checked)
    verdict, more = check_candidate(_candidate(turn, entry, group, here, market, standing))
    trace.extend(more.checked)
    if _is_news(turn, entry, trace.checked):
        turn.emit("risk.checked", signal=entry.record.id, account=entry.identity.account, symbol=entry.identity.symbol)
    match verdict:
        case Refusal():
            if verdict.code in TRIPPING:
                emergency.trip(turn, verdict.code, verdict.detail)
            return _refused(turn, entry, verdict, trace.checked)
        case Held():
            return _wait(turn, entry, QueueReason(verdict.code), trace.checked)
        case Candidate():
            _enter_market(turn, entry, group, verdict, market, trace.checked)
    return None


def _enter_market(
    turn: Turn, entry: Entry, group: Group | None, ready: Candidate, market: Market, trace: list[Checked]
) -> None:
    opened = _open(turn, entry, ready, market) if group is None else _add_pyramid(turn, entry, group, ready)
    done = "group opened" if group is None else f"pyramid {len(opened.pyramids) - 1} added"
    detail = f"{done} with {len(ready.legs)} legs"
    _settle(turn, entry, SignalOutcome.EXECUTED, trace, detail=detail, group_id=opened.id)


def _wait(turn: Turn, entry: Entry, reason: QueueReason, trace: list[Checked]) -> QueueReason:
    """Keep the results with the signal, and have fetched what it waits for."""
    record, kept = turn.signals.get(entry.record.id, entry.record), _kept(trace)
    if record.checks != kept:
        turn.signals[record.id] = changed(record, checks=kept)
    if reason is QueueReason.MISSING_MARKET_RULES:
        turn.effect(LoadMarket(entry.identity.account, entry.identity.symbol, entry.signal.hint))
    if reason is QueueReason.ORDER_RATE and not entry.promoted:
        turn.wake("queue", turn.now + _hold(turn))
    return reason


def _is_news(turn: Turn, entry: Entry, trace: list[Checked]) -> bool:
    """Whether the checks came out otherwise than the last time they ran for it."""
    return not entry.promoted or turn.signals.get(entry.record.id, entry.record).checks != _kept(trace)


def _hold(turn: Turn) -> timedelta:
    return timedelta(seconds=turn.config.risk.order_rate_hold_sec)


def _refused(turn: Turn, entry: Entry, refusal: Refusal, trace: list[Checked]) -> QueueReason | None:
    if entry.promoted and not entry.by_hand and _passes(turn, entry, refusal):
        return entry.waited_for
    _settle(turn, entry, SignalOutcome.REJECTED, trace, reason=refusal.code, detail=refusal.detail)
    return None


def _passes(turn: Turn, entry: Entry, refusal: Refusal) -> bool:
    """Whether what refuses it passes by itself; the queue is looked at when it does."""
    if refusal.code in PASSES_WITH_TIME:
        return True
    filled_at = turn.state.accounts[entry.identity.account].unsettled_since
    if refusal.code != "insufficient_margin" or filled_at is None or turn.now >= filled_at + BALANCE_WITHIN:
        return False
    turn.wake("queue", filled_at + BALANCE_WITHIN)
    return True


def blocked_by(
    turn: Turn, identity: Identity, group: Group | None, *, keeps_place: bool = False, is_forced: bool = False
) -> QueueReason | None:
    """What an entry of this identity has to wait for. One that keeps its place takes the slot that is kept for it."""
    if group is not None and group.closing is not None:
        return QueueReason.GROUP_CLOSING
    account = turn.state.accounts.get(identity.account)
    hold = hold_of(account)
    if account is None or hold is not None:
        return QueueReason(hold.code) if hold is not None else QueueReason.ACCOUNT_STALE
    if _opposite_is_open(turn, identity, one_way=account.one_way):
        return QueueReason.OPPOSITE_SIDE_OPEN
    market = turn.state.market(identity.account, identity.symbol)
    if market is None or market.quote is None or _is_outdated(turn, market):
        return QueueReason.MISSING_MARKET_RULES
    if is_forced or not needs_slot(turn, group) or has_room(turn, keeps_place=keeps_place):
        return None
    return QueueReason.POOL_FULL


def needs_slot(turn: Turn, group: Group | None) -> bool:
    """Whether an entry takes one of the pool's slots: a pyramid of an open `group` may not."""
    return group is None or turn.config.pool.count_pyramids


def has_room(turn: Turn, *, keeps_place: bool = False) -> bool:
    """Whether a slot is free; of those that are taken one may be kept for who asks."""
    return turn.slots_used() - keeps_place < turn.config.pool.max_open_groups


def hold_of(account: AccountState | None) -> Held | None:
    """Why an account takes no entries now."""
    if account is None:
        return Held("account_stale", "there is no such account")
    if not account.ready:
        return Held("account_stale", account.hold or account.reason or f"{account.id} has not been reconciled yet")
    if account.breaker_since is not None:
        return Held("breaker_open", f"the breaker of {account.id} is open")
    return None


def _is_outdated(turn: Turn, market: Market) -> bool:
    return (turn.now - market.loaded_at).total_seconds() > turn.config.precision.refresh_seconds


def _opposite_is_open(turn: Turn, identity: Identity, *, one_way: bool) -> bool:
    against = [
        group for group in turn.groups_on(identity.account, identity.symbol) if group.side is identity.side.opposite
    ]
    if not one_way:
        return any(group.timeframe == identity.timeframe for group in against)
    return bool(against) or _is_tradable(turn, (identity.account, identity.symbol, identity.side.opposite))


def _is_tradable(turn: Turn, book: BookKey) -> bool:
    """Whether a position that is not ours is more than dust: the venue would net an entry against it."""
    told = turn.fact(external_fact(book))
    if told is None:
        return False
    theirs, market = Decimal(told), turn.state.market(book[0], book[1])
    return theirs > 0 if market is None else theirs >= max(market.rules.min_qty, market.rules.step_size)


# ---------------------------------------------------------------------------------------------- what the checks see


def _settings(turn: Turn, entry: Entry, group: Group | None) -> GridSettings:
    identity = entry.identity
    usual = group.grid if group else turn.config.grid.resolve(identity.account, identity.symbol, identity.timeframe)
    return entry.signal.grid_of(usual)


def _standing(turn: Turn, entry: Entry, group: Group | None, here: Sequence[Group]) -> Standing:
    """`here` are the open groups on the market."""
    identity, risk = entry.identity, turn.config.risk
    account = turn.state.accounts.get(identity.account)
    config = turn.config.account(identity.account)
    stop = emergency.critical(turn)
    return Standing(
        identity=identity,
        now=turn.now,
        risk=risk,
        settings=_settings(turn, entry, group),
        market_type=MarketType.LINEAR if ":" in identity.symbol else MarketType.SPOT,
        paused=turn.paused,
        emergency=None if stop is None else stop.reason,
        hold=hold_of(account),
        allowed_symbols=config.allowed_symbols if config else None,
        pyramid=len(group.pyramids) if group else 0,
        is_reverse=entry.is_reverse,
        cooling_since=_cooling_since(turn, identity, here),
        stops=tuple(_stops(turn, identity)) if risk.stop_guard_count is not None else (),
        results=tuple(_results(turn, identity)) if risk.low_profit_bound_quote is not None else (),
        requested_leverage=entry.signal.leverage,
        book_leverage=_book_leverage(identity, here),
        is_armed=may_enter(turn, identity.account),
    )


def _stops(turn: Turn, identity: Identity) -> Iterable[datetime]:
    risk = turn.config.risk
    market = None if risk.stop_guard_scope == "all" else (identity.account, identity.symbol)
    since = turn.now - timedelta(minutes=risk.stop_guard_window_minutes + risk.stop_guard_pause_minutes)
    for group in turn.closed_since(since, market):
        if group.closed_at is not None and group.close_reason is CloseReason.STOP_LOSS:
            yield group.closed_at


def _results(turn: Turn, identity: Identity) -> Iterable[Decimal]:
    since = turn.now - timedelta(minutes=turn.config.risk.low_profit_window_minutes)
    for group in turn.closed_since(since, (identity.account, identity.symbol)):
        if group.was_filled:
            yield group.realized_pnl


def _candidate(
    turn: Turn, entry: Entry, group: Group | None, here: Sequence[Group], market: Market, standing: Standing
) -> Candidate:
    """`here` are the open groups on the market."""
    identity, signal, risk = entry.identity, entry.signal, turn.config.risk
    entry_price = _entry_price(turn, entry, market, standing.settings.entry_reference)
    by_market = standing.settings.entry_reference == "market" or signal.is_at_market
    fee = turn.state.accounts[identity.account].capabilities.fees[1]
    free = free_funds(turn, identity.account, market.rules.quote, fee)
    environment = environment_of(turn.state, identity.account)
    by_equity = standing.settings.size_from in BY_EQUITY
    return Candidate(
        standing=standing,
        rules=market.rules,
        quote=market.quote,
        entry_price=entry_price,
        size=entry.size,
        size_type=signal.size_type,
        equity=_equity(turn, identity.account, market) if by_equity else None,
        signal_price=_compared_price(entry, market, entry_price if by_market else signal.reference_price),
        signal_stop=(group.signal_stop if group else None) or signal.stop_loss,
        signal_take_profit=(group.signal_take_profit if group else None) or signal.take_profit,
        max_slippage_percent=signal.max_slippage_percent,
        taker_fee=fee,
        free=free,
        groups_on_symbol=len(here),
        groups_on_account=_groups_on_account(turn, identity.account),
        is_forced=entry.is_forced,
        exposure=_exposure(turn, identity),
        day_result=day_result(turn, environment) if risk.daily_loss_limit_quote is not None else None,
        drawdown_percent=drawdown_percent(turn, environment) if risk.max_drawdown_percent is not None else None,
        book=_open_book(identity, here, market, fee, free) if can_be_liquidated(standing) else OpenBook(),
        entries_lately=turn.entries_since(turn.now - _ENTRY_RATE_WINDOW),
        has_waited=_has_waited(turn, entry),
        conditional_orders=None if group is not None else _conditional_orders(turn, entry, market, standing),
    )


def _conditional_orders(turn: Turn, entry: Entry, market: Market, standing: Standing) -> int | None:
    """None where the new group's stop, if it has one, does not rest at the venue or nothing bounds their number."""
    if market.rules.max_conditional_orders is None:
        return None
    account = turn.state.accounts[entry.identity.account]
    rests = account.capabilities.stop_type is not None and account.conditional_refused is None
    stop = asked_stop(standing.settings, entry.identity.side, entry.signal.reference_price, entry.signal.stop_loss)
    if stop is None or not rests:
        return None
    return conditional_orders(turn, account.id, entry.identity.symbol, pairs_give_way=True)


def _compared_price(entry: Entry, market: Market, price: Decimal) -> Decimal:
    """What slippage is counted from: an order by hand at a price of its own rests, wherever the market is; one at
    market that had to wait counts from the price at which it began to."""
    form = entry.signal.form
    if form is None or market.quote is None:
        return price
    if form.price is None:
        return entry.queued_at_price or price
    return market.quote.executable(entry.identity.side.entry_order_side)


def _has_waited(turn: Turn, entry: Entry) -> bool:
    rate = entry.waited_for is QueueReason.ORDER_RATE and entry.waiting_since is not None
    return rate and entry.waiting_since is not None and turn.now - entry.waiting_since >= _hold(turn)


def _groups_on_account(turn: Turn, account: str) -> int:
    if turn.config.risk.max_open_groups_per_account is None:
        return 0
    return sum(group.account == account for group in turn.open_groups())


def _exposure(turn: Turn, identity: Identity) -> Exposure | None:
    risk = turn.config.risk
    bounds = (risk.max_exposure_quote, risk.max_exposure_per_symbol_quote, risk.max_exposure_per_account_quote)
    return None if all(bound is None for bound in bounds) else exposure(turn, identity)


def _open_book(identity: Identity, here: Sequence[Group], market: Market, fee: Decimal, free: Decimal) -> OpenBook:
    groups = [group for group in here if group.side is identity.side]
    stops = (current_stop(group, market.rules, fee) for group in groups)
    waiting = [leg for group in groups for leg in group.legs if leg.wants_entry and leg.unfilled > 0]
    order_side = identity.side.entry_order_side
    return OpenBook(
        quantity=sum((group.open_quantity for group in groups), ZERO),
        value=sum((group.open_value for group in groups), ZERO),
        rungs=tuple(
            Rung(fills_at_most(order_side, leg.order_type, leg.price, market.quote), leg.unfilled) for leg in waiting
        ),
        stops=tuple(stop for stop in stops if stop is not None),
        backing=free,
    )


def asked_price(turn: Turn, signal: Signal, identity: Identity) -> Decimal:
    """The price that the signal asks for; at market the executable one now, 0 while none is known."""
    quote = turn.state.quote(identity.account, identity.symbol)
    if not signal.is_at_market or quote is None:
        return signal.reference_price
    return quote.executable(identity.side.entry_order_side)


def _equity(turn: Turn, account: str, market: Market) -> Decimal | None:
    return equity_of(turn.state, turn.open_groups(), account, market.rules.quote)


def expected_profit(turn: Turn, signal: Signal, identity: Identity, size: Decimal | None) -> Decimal | None:
    """Σ leg quantity × distance to its take-profit at the signal's price, in quote; None where it cannot be sized."""
    market = turn.state.market(identity.account, identity.symbol)
    price, group = asked_price(turn, signal, identity), turn.group_of(identity)
    if market is None or price <= 0:
        return None
    usual = turn.config.grid.resolve(identity.account, identity.symbol, identity.timeframe)
    settings = signal.grid_of(group.grid if group else usual)
    pyramid, side = len(group.pyramids) if group else 0, identity.side
    equity = _equity(turn, identity.account, market) if settings.size_from in BY_EQUITY else None
    capital = pyramid_capital(settings, size, signal.size_type, price, equity, side, pyramid, signal.stop_loss)
    if isinstance(capital, Refusal):
        return None
    legs = plan_legs(settings, market.rules, side, pyramid, price, capital, signal.stop_loss)
    if isinstance(legs, Refusal):
        return None
    per_leg = settings.tp_mode in {TakeProfitMode.PER_LEG, TakeProfitMode.HYBRID}
    total = ZERO
    for leg in legs:
        percent = leg.tp_percent if per_leg else settings.aggregate_percent_of(pyramid)
        target = signal.take_profit or side.shifted(leg.price, percent)
        total += side.gain(leg.price, target) * leg.quantity * market.rules.contract_size
    return total


def _entry_price(turn: Turn, entry: Entry, market: Market, reference: str) -> Decimal:
    if entry.signal.form is not None and entry.signal.form.price is not None:
        return entry.signal.form.price
    current = entry.reprices and turn.config.queue.reprice == "current"
    from_market = reference == "market" or entry.signal.is_at_market or current
    if not from_market or market.quote is None:
        return entry.signal.reference_price
    return market.quote.executable(entry.identity.side.entry_order_side)


def _book_leverage(identity: Identity, here: Sequence[Group]) -> tuple[Decimal, str] | None:
    for group in here:
        if group.side is identity.side:
            return group.leverage, group.margin_mode
    return None


def _cooling_since(turn: Turn, identity: Identity, here: Sequence[Group]) -> datetime | None:
    """The last moment that a cooldown can count from, if it is not over since."""
    market = (identity.account, identity.symbol)
    closed = turn.closed_since(turn.now - timedelta(seconds=turn.config.risk.cooldown_sec), market)
    moments: list[datetime] = []
    for group in (*here, *closed):
        moments.append(group.opened_at)
        if group.closed_at is not None and group.was_filled and group.realized_pnl < 0:
            moments.append(group.closed_at)
    return max(moments, default=None)


def _open(turn: Turn, entry: Entry, ready: Candidate, market: Market) -> Group:
    identity = entry.identity
    group = Group(
        id=turn.ids.group_id(),
        account=identity.account,
        symbol=identity.symbol,
        timeframe=identity.timeframe,
        side=identity.side,
        strategy_id=identity.strategy_id,
        quote=market.rules.quote,
        base=market.rules.base,
        step_size=market.rules.step_size,
        contract_size=market.rules.contract_size,
        grid=ready.standing.settings,
        leverage=ready.standing.leverage,
        margin_mode=ready.standing.settings.margin_mode,
        opened_at=turn.now,
        pyramids=(_pyramid(turn, entry, ready),),
        legs=ready.legs,
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
        forced=entry.is_forced,
    )
    turn.put_group(group)
    turn.emit("position.updated", group=group, signal=entry.record.id, detail="opened", side=group.side)
    return group


def _add_pyramid(turn: Turn, entry: Entry, group: Group, ready: Candidate) -> Group:
    grown = changed(
        group,
        pyramids=(*group.pyramids, _pyramid(turn, entry, ready)),
        legs=(*group.legs, *ready.legs),
        offset_timer_at=None if turn.config.offset.reset_timer_on_replacement else group.offset_timer_at,
        signal_stop=ready.signal_stop,
        signal_take_profit=ready.signal_take_profit,
    )
    turn.put_group(grown)
    turn.emit("position.updated", group=grown, signal=entry.record.id, detail="pyramid added")
    return grown


def _pyramid(turn: Turn, entry: Entry, ready: Candidate) -> Pyramid:
    return Pyramid(ready.standing.pyramid, entry.record.id, ready.entry_price, ready.capital, turn.now)


def _settle(
    turn: Turn,
    entry: Entry,
    outcome: SignalOutcome,
    trace: Iterable[Checked],
    *,
    reason: str | None = None,
    detail: str | None = None,
    group_id: str | None = None,
) -> None:
    record = turn.signals.get(entry.record.id, entry.record)
    turn.signals[record.id] = changed(
        record,
        outcome=outcome,
        reason=reason,
        detail=detail,
        checks=_kept(trace),
        group_id=group_id or record.group_id,
        decided_at=turn.now,
    )
    turn.emit(
        "signal.promoted" if entry.promoted and group_id else f"signal.{outcome.value}",
        signal=record.id,
        account=entry.identity.account,
        symbol=entry.identity.symbol,
        group=turn.groups.get(group_id) if group_id else None,
        reason=reason,
        detail=detail,
        waited_sec=_waited(turn, entry) if entry.promoted and group_id else None,
        forced=True if entry.is_forced and group_id else None,
    )


def _waited(turn: Turn, entry: Entry) -> str | None:
    return None if entry.waiting_since is None else f"{(turn.now - entry.waiting_since).total_seconds():.3f}"


def _kept(trace: Iterable[Checked]) -> tuple[CheckResult, ...]:
    return tuple(starmap(_result, trace))
