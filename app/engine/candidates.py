"""An entry, and what the checks see of it and of the world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.config.grid import GridSettings, TakeProfitMode
from app.domain.grid import plan_legs
from app.domain.group import Group
from app.domain.refusal import Refusal
from app.domain.risk.checks import Candidate, Exposure, OpenBook, can_be_liquidated
from app.domain.risk.liquidation import Rung
from app.domain.risk.standing import Standing
from app.domain.risk.worth import fills_at_most
from app.domain.signal import Signal
from app.domain.sizing import pyramid_capital
from app.domain.stop_loss import asked_stop, current_stop
from app.domain.values import ZERO, CloseReason, Identity, MarketType
from app.engine import emergency
from app.engine.arming import may_enter
from app.engine.blocking import hold_of, waits_for
from app.engine.conditional import conditional_orders
from app.engine.figures import day_result, drawdown_percent, environment_of, exposure, free_funds
from app.engine.money import equity_of
from app.engine.state import AccountState, Market
from app.engine.turn import Turn
from app.messages.records import QueueReason, SignalRecord

BY_EQUITY = frozenset({"equity_percent", "risk_percent"})
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


def _settings(turn: Turn, entry: Entry, group: Group | None) -> GridSettings:
    identity = entry.identity
    usual = group.grid if group else turn.config.grid.resolve(identity.account, identity.symbol, identity.timeframe)
    return entry.signal.grid_of(usual)


def standing_of(turn: Turn, entry: Entry, group: Group | None, here: Sequence[Group]) -> Standing:
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
        book_leverage=_book_leverage(account, identity, here),
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


def candidate_of(
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
        signal_stop=signal.stop_loss or (group.signal_stop if group else None),
        signal_take_profit=signal.take_profit or (group.signal_take_profit if group else None),
        max_slippage_percent=signal.max_slippage_percent,
        max_quote=signal.max_quote,
        taker_fee=fee,
        free=free,
        groups_on_symbol=len(here),
        groups_on_account=_groups_on_account(turn, identity.account),
        is_forced=entry.is_forced,
        exposure=_exposure(turn, identity),
        day_result=day_result(turn, environment) if risk.daily_loss_limit_quote is not None else None,
        drawdown_percent=drawdown_percent(turn, environment) if risk.max_drawdown_percent is not None else None,
        book=_open_book(identity, here, market, free) if can_be_liquidated(standing) else OpenBook(),
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
    return rate and entry.waiting_since is not None and turn.now - entry.waiting_since >= order_rate_hold(turn)


def _groups_on_account(turn: Turn, account: str) -> int:
    if turn.config.risk.max_open_groups_per_account is None:
        return 0
    return sum(group.account == account for group in turn.open_groups())


def _exposure(turn: Turn, identity: Identity) -> Exposure | None:
    risk = turn.config.risk
    bounds = (risk.max_exposure_quote, risk.max_exposure_per_symbol_quote, risk.max_exposure_per_account_quote)
    return None if all(bound is None for bound in bounds) else exposure(turn, identity)


def _open_book(identity: Identity, here: Sequence[Group], market: Market, free: Decimal) -> OpenBook:
    groups = [group for group in here if group.side is identity.side]
    stops = (current_stop(group, market.rules) for group in groups)
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
        return market.rules.quantize_entry_price(entry.signal.form.price, entry.identity.side.entry_order_side)
    current = entry.reprices and turn.config.queue.reprice == "current"
    from_market = reference == "market" or entry.signal.is_at_market or current
    if not from_market or market.quote is None:
        return entry.signal.reference_price
    return market.quote.executable(entry.identity.side.entry_order_side)


def _book_leverage(
    account: AccountState | None, identity: Identity, here: Sequence[Group]
) -> tuple[Decimal, str] | None:
    """Of the groups that would be open beside the entry, whichever their side: a market has one leverage for both."""
    for group in here:
        if account is not None and not waits_for(account, identity, group):
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


def order_rate_hold(turn: Turn) -> timedelta:
    return timedelta(seconds=turn.config.risk.order_rate_hold_sec)
