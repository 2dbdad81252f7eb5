"""The offset engine's arithmetic: which loser is closed, which winners pay how much (risk.md, The offset engine).

One pure function decides and shows: `evaluate` yields the plan that the window draws and that the engine carries out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from app.base.config.groups import OffsetConfig
from app.domain.group import EntryState, Group
from app.domain.market import MarketRules
from app.domain.values import HUNDRED, ONE, SETTLED, ZERO


@dataclass(frozen=True, slots=True)
class Holding:
    """What is asked of one open group. `profit` is that of all that is open, by executable price, net of the entry
    fees and funding of the open part; `price` is that executable price, None where none is known. Money in quote."""

    group_id: str
    account: str
    environment: str
    symbol: str
    timeframe: str
    quote: str
    opened_at: datetime
    pyramids: int
    max_pyramids: int
    timer_at: datetime | None
    """When the timer was started; None while it waits to be."""
    quantity: Decimal
    invested: Decimal
    price: Decimal | None
    profit: Decimal
    taker_fee: Decimal
    """As a fraction of the notional."""
    rules: MarketRules
    fresh: bool = True
    """Whether the feed of its price speaks."""
    blocked: bool = False
    skipped: bool = False
    """A person wants it left out of the next action."""
    closing: bool = False
    exits_below_minimum: bool = True
    """Whether the venue takes exits under its minimum notional."""

    @property
    def loss_percent(self) -> Decimal:
        """Profit against what is invested, in percent: negative is a loss."""
        return self.profit * HUNDRED / self.invested if self.invested > 0 else ZERO

    @property
    def tradable(self) -> Decimal:
        """What of the open quantity is on the step."""
        return self.rules.quantize_quantity(self.quantity)

    def fee_of(self, quantity: Decimal) -> Decimal:
        """Estimated taker fee of closing `quantity`."""
        return self.rules.notional(self.price or ZERO, quantity) * self.taker_fee

    def profit_of(self, quantity: Decimal) -> Decimal:
        return self.profit * quantity / self.quantity


def timer_may_start(group: Group, settings: OffsetConfig) -> bool:
    """Whether what the timer waits for has happened (`timer_start`); an entry that ended unfilled counts as done."""
    match settings.timer_start:
        case "after_all_pyramids":
            return len(group.pyramids) >= (settings.required_pyramids or group.grid.max_pyramids)
        case "after_all_dca_submitted":
            return all(leg.entry is not EntryState.PLANNED for leg in group.legs)
        case _:
            return group.was_filled and not group.wants_entries


class Condition(NamedTuple):
    """One thing that an eligible loser must fulfil; `text` takes `numbers` when it is read, as most never are."""

    name: str
    met: bool
    text: str
    numbers: tuple[object, ...] = ()

    @property
    def detail(self) -> str:
        """By which numbers it is met or not."""
        return self.text.format(*self.numbers)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A group as a possible loser. `timer_left_sec` is None while its timer has not started."""

    group_id: str
    account: str
    symbol: str
    timeframe: str
    loss_percent: Decimal
    profit: Decimal
    timer_left_sec: int | None
    conditions: tuple[Condition, ...]

    @property
    def eligible(self) -> bool:
        return all(condition.met for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Payment:
    """What one winner sells: `quantity` in contracts, `pays` before the `fee` of the close, both in quote."""

    group_id: str
    symbol: str
    timeframe: str
    quantity: Decimal
    open_quantity: Decimal
    profit: Decimal
    """All that the winner has unrealised."""
    pays: Decimal
    fee: Decimal

    @property
    def whole(self) -> bool:
        return self.quantity >= self.open_quantity


@dataclass(frozen=True, slots=True)
class Plan:
    """Close `loser_quantity` of the loser, paid by `winners`. `refusal` says why it is not to be done, None if it is.

    `required` is the loss with its buffer and the fees of all the closes, `covered` what the winners' closes would
    bring before their fees; both in quote. `due` tells that the loser met every condition.
    """

    loser_id: str
    account: str
    symbol: str
    timeframe: str
    loss: Decimal
    required: Decimal
    covered: Decimal
    loser_quantity: Decimal
    whole: bool
    winners: tuple[Payment, ...]
    due: bool
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every group as a possible loser, in the order given, and the plan for the one that would be closed."""

    assessments: tuple[Assessment, ...]
    plan: Plan | None


LATER = frozenset({"timer", "loss"})
"""Conditions that a person's *Run now* skips."""


def evaluate(holdings: Sequence[Holding], settings: OffsetConfig, now: datetime) -> Evaluation:
    """Assess all, and plan for the eligible loser; where there is none, for the one that *Run now* would close."""
    assessments = tuple(assess(holding, settings, now) for holding in holdings)
    pairs = list(zip(holdings, assessments, strict=True))
    due = [holding for holding, assessment in pairs if assessment.eligible]
    near = [holding for holding, assessment in pairs if _by_hand(holding, assessment)]
    loser = _worst(due or near)
    if loser is None:
        return Evaluation(assessments, None)
    return Evaluation(assessments, plan_for(loser, holdings, settings, due=bool(due)))


def assess(holding: Holding, settings: OffsetConfig, now: datetime) -> Assessment:
    """Each condition of an eligible loser, met or not."""
    left = _timer_left(holding, settings, now)
    return Assessment(
        group_id=holding.group_id,
        account=holding.account,
        symbol=holding.symbol,
        timeframe=holding.timeframe,
        loss_percent=holding.loss_percent,
        profit=holding.profit,
        timer_left_sec=left,
        conditions=tuple(_conditions(holding, settings, now, left)),
    )


def _timer_left(holding: Holding, settings: OffsetConfig, now: datetime) -> int | None:
    if holding.timer_at is None:
        return None
    left = (holding.timer_at + timedelta(minutes=settings.wait_minutes) - now).total_seconds()
    return max(0, -int(-left // 1))


def _conditions(holding: Holding, settings: OffsetConfig, now: datetime, left: int | None) -> Iterable[Condition]:
    required = settings.required_pyramids or holding.max_pyramids
    if settings.require_full_pyramids:
        numbers = (holding.pyramids, required)
        yield Condition("pyramids", holding.pyramids >= required, "{} of {} pyramids", numbers)
    told = "the timer has not started" if left is None else "{} s left" if left else "the timer has run out"
    yield Condition("timer", left == 0, told, (left,))
    loss, bound = holding.loss_percent, settings.loss_threshold_percent
    is_deep = holding.price is not None and loss <= bound
    yield Condition("loss", is_deep, "{:.2f} %, at most {:f} %", (loss, bound))
    if settings.use_age_filter:
        age = int((now - holding.opened_at).total_seconds() // 60)
        threshold = settings.age_threshold_minutes
        yield Condition("age", age >= threshold, "{} of {} minutes", (age, threshold))
    yield Condition("unblocked", not holding.blocked, "blocked by hand" if holding.blocked else "not blocked")
    if holding.skipped:
        yield Condition("not_skipped", met=False, text="skipped once by hand")
    closing = "it is closing" if holding.closing else "it is open"
    yield Condition("open", not holding.closing and holding.tradable > 0, closing)
    live = holding.fresh and holding.price is not None
    yield Condition("price", live, "its price is live" if live else "the feed of its price is silent")


def _by_hand(holding: Holding, assessment: Assessment) -> bool:
    return holding.profit < 0 and all(item.met or item.name in LATER for item in assessment.conditions)


def _worst(losers: Sequence[Holding]) -> Holding | None:
    """Highest loss percent; then highest loss in quote; then the oldest."""
    return min(losers, key=lambda item: (item.loss_percent, item.profit, item.opened_at, item.group_id), default=None)


def plan_for(loser: Holding, holdings: Sequence[Holding], settings: OffsetConfig, *, due: bool) -> Plan:
    """How winners would pay for `loser`."""
    loss, bound = -loser.profit, settings.max_loss_per_action_quote
    share = min(ONE, bound / loss) if bound is not None and settings.cover == "partial" else ONE
    buffered = loss * (HUNDRED + settings.slippage_buffer_percent) / HUNDRED
    own_fee = loser.fee_of(loser.tradable)
    winners = list(_payments(_winners(loser, holdings, settings), settings, (buffered + own_fee) * share))
    covered = sum((payment.pays for payment in winners), ZERO)
    fees = sum((payment.fee for payment in winners), ZERO)
    wanted = (buffered + own_fee) * share
    paid = covered - fees
    is_whole = share == ONE and paid >= wanted
    quantity = loser.tradable if is_whole else _part(loser, min(ONE, max(paid, ZERO) / wanted) * share)
    plan = Plan(
        loser_id=loser.group_id,
        account=loser.account,
        symbol=loser.symbol,
        timeframe=loser.timeframe,
        loss=loss,
        required=wanted + fees,
        covered=covered,
        loser_quantity=quantity,
        whole=is_whole,
        winners=tuple(winners),
        due=due,
    )
    return replace(plan, refusal=_refusal(plan, settings))


def _refusal(plan: Plan, settings: OffsetConfig) -> str | None:
    bound = settings.max_loss_per_action_quote
    if not plan.winners:
        return "no group has a profit to pay with"
    if settings.cover == "full" and bound is not None and plan.loss > bound:
        return f"the loss of {plan.loss:.2f} is above the bound of {bound:f} for one action"
    if settings.cover == "full" and not plan.whole:
        return f"the winners cover {plan.covered:.2f} of {plan.required:.2f}"
    if plan.loser_quantity <= 0:
        return "what would be covered is less than the market lets one close"
    return None


def _winners(loser: Holding, holdings: Sequence[Holding], settings: OffsetConfig) -> list[Holding]:
    """Who may pay, the largest unrealised profit first."""
    found = [item for item in holdings if _may_pay(item, loser, settings)]
    return sorted(found, key=lambda item: (-item.profit, item.opened_at, item.group_id))


def _may_pay(item: Holding, loser: Holding, settings: OffsetConfig) -> bool:
    near = item.account == loser.account or (settings.scope == "quote" and item.environment == loser.environment)
    is_out = item.blocked or item.skipped or item.closing
    able = item.fresh and item.price is not None and not is_out and item.tradable > 0
    return near and able and item.profit > 0 and item.quote == loser.quote and item.group_id != loser.group_id


def _payments(winners: Sequence[Holding], settings: OffsetConfig, remaining: Decimal) -> Iterable[Payment]:
    """Of each winner only the part that is still needed, until `remaining`, net of their own fees, is paid."""
    taken = 0
    for winner in winners:
        if remaining <= 0 or taken >= settings.max_winners_to_combine:
            return
        quantity = _quantity_to_sell(winner, remaining, settings)
        if quantity <= 0:
            continue
        pays, fee = winner.profit_of(quantity), winner.fee_of(quantity)
        if pays <= fee:
            continue
        yield Payment(
            winner.group_id,
            winner.symbol,
            winner.timeframe,
            quantity,
            winner.tradable,
            winner.profit,
            pays,
            fee,
        )
        taken += 1
        remaining -= pays - fee


def _quantity_to_sell(winner: Holding, remaining: Decimal, settings: OffsetConfig) -> Decimal:
    """Rounded up to the step, enlarged to the least close, whole where too little would stay; 0 to skip it."""
    rules, price, most = winner.rules, winner.price or ZERO, winner.tradable
    unit = winner.profit_of(ONE) - winner.fee_of(ONE)
    if unit <= 0 or not _is_enough(winner, most, settings):
        return ZERO
    if not settings.partial_close_enabled:
        return most
    quantity = max(_up(remaining / unit, rules.step_size), _up(_least(winner, settings), rules.step_size))
    left = most - quantity
    return most if left <= 0 or not rules.meets_minimum(price, left) else quantity


def _least(winner: Holding, settings: OffsetConfig) -> Decimal:
    """The smallest close, in contracts."""
    rules, price = winner.rules, winner.price or ZERO
    by_setting = settings.min_close_notional / (price * rules.contract_size)
    by_venue = ZERO if winner.exits_below_minimum else rules.smallest_quantity(price)
    return max(by_setting, by_venue, rules.min_qty)


def _is_enough(winner: Holding, quantity: Decimal, settings: OffsetConfig) -> bool:
    price = winner.price or ZERO
    worth = winner.rules.notional(price, quantity) >= settings.min_close_notional
    return worth and (winner.exits_below_minimum or winner.rules.meets_minimum(price, quantity))


def _part(loser: Holding, fraction: Decimal) -> Decimal:
    """`fraction` of the loser, down to the step, so that what stays can still be sold; 0 where that cannot be."""
    rules, price = loser.rules, loser.price or ZERO
    quantity = rules.quantize_quantity(SETTLED.multiply(loser.quantity, fraction))
    most = loser.tradable - rules.smallest_quantity(price)
    quantity = min(quantity, max(most, ZERO))
    enough = quantity >= rules.min_qty and (loser.exits_below_minimum or rules.meets_minimum(price, quantity))
    return quantity if quantity > 0 and enough else ZERO


def affordable(loser: Holding, paid: Decimal, bound: Decimal | None = None) -> Decimal:
    """How much of `loser` is paid for, at its present price, by what was realised net of fees.

    No more than loses `bound`, where one is set.
    """
    loss, fee = -loser.profit, loser.fee_of(loser.tradable)
    share = min(ONE, max(paid, ZERO) / (loss + fee)) if loss + fee > 0 else ONE
    if bound is not None and loss > bound:
        share = min(share, bound / loss)
    return loser.tradable if share >= ONE else _part(loser, share)


def _up(quantity: Decimal, step: Decimal) -> Decimal:
    return (quantity / step).to_integral_value(rounding=ROUND_CEILING) * step
