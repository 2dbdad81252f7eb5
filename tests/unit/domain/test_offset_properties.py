"""What holds for every offset plan, whatever is held and however it is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from app.base.config.groups import OffsetConfig
from app.domain.offset import Holding, Payment, Plan, affordable, assess, evaluate, plan_for
from tests.support.strategies import MOMENT, decimal_of, rules_of

D = Decimal
NOW = MOMENT + timedelta(days=1)
NOISE = D("1e-15")
"""What the 28 digits of a Decimal may be off."""


STEPS = st.integers(0, 4).map(lambda places: D(1).scaleb(-places))
RULES = st.builds(
    lambda step, least, notional, size: rules_of(
        "0.01", str(step), min_qty=step * least, min_notional=D(notional), contract_size=D(size)
    ),
    STEPS,
    st.integers(1, 5),
    st.sampled_from(["0", "5", "10"]),
    st.sampled_from(["1", "1", "0.01", "10"]),
)
LOSSES = st.one_of(decimal_of("-300", "-0.01", 2), st.sampled_from([D(-50), D(-100)]))
PROFITS = st.one_of(decimal_of("0.01", "300", 2), st.sampled_from([D(50), D(100)]))
HINDRANCES = st.sampled_from([None, None, None, None, "blocked", "skipped", "closing", "stale", "priceless"])


@st.composite
def holdings(
    draw: st.DrawFn, number: int, profits: st.SearchStrategy[Decimal], hindrances: st.SearchStrategy[str | None]
) -> Holding:
    rules, hindrance = draw(RULES), draw(hindrances)
    price = draw(decimal_of("0.5", "500", 2))
    steps, dust = draw(st.integers(1, 5000)), draw(st.sampled_from(["0", "0", "0.4"]))
    account, environment = draw(st.sampled_from([("alpha", "paper")] * 2 + [("beta", "paper"), ("real", "live")]))
    hours, pyramids = draw(st.integers(0, 72)), draw(st.integers(1, 3))
    return Holding(
        group_id=f"g{number}",
        account=account,
        environment=environment,
        symbol=f"C{number}/USDT:USDT",
        timeframe="1h",
        quote=draw(st.sampled_from(["USDT", "USDT", "USDT", "USDC"])),
        opened_at=NOW - timedelta(hours=hours),
        pyramids=pyramids,
        max_pyramids=2,
        timer_at=NOW - timedelta(hours=hours / 2) if hours % 5 else None,
        quantity=rules.step_size * (steps + D(dust)),
        invested=draw(st.sampled_from([D(0), D(500), D(500), D(1000)])),
        price=None if hindrance == "priceless" else price,
        profit=draw(profits),
        taker_fee=D(draw(st.sampled_from(["0", "0.0005", "0.001"]))),
        rules=rules,
        fresh=hindrance != "stale",
        blocked=hindrance == "blocked",
        skipped=hindrance == "skipped",
        closing=hindrance == "closing",
        exits_below_minimum=draw(st.booleans()),
    )


def several(first: int, holding: Callable[[int], st.SearchStrategy[Holding]]) -> st.SearchStrategy[list[Holding]]:
    return st.integers(1, 4).flatmap(
        lambda many: st.tuples(*(holding(first + number) for number in range(many))).map(list)
    )


def any_of(number: int) -> st.SearchStrategy[Holding]:
    return holdings(number, st.one_of(LOSSES, PROFITS, st.just(D(0))), HINDRANCES)


def winner_of(number: int) -> st.SearchStrategy[Holding]:
    return holdings(number, PROFITS, st.none()).map(at_home)


def at_home(holding: Holding) -> Holding:
    return replace(holding, account="alpha", environment="paper", quote="USDT")


LOSER = holdings(9, LOSSES, st.none()).map(
    lambda item: replace(at_home(item), pyramids=3, opened_at=NOW - timedelta(days=9))
)
BOOKS = st.one_of(
    several(0, any_of),
    st.tuples(LOSER, several(0, any_of)).map(lambda parts: [parts[0], *parts[1]]),
    st.tuples(LOSER, several(0, winner_of)).map(lambda parts: [parts[0], *parts[1]]),
    st.tuples(LOSER, several(0, winner_of)).map(lambda parts: [parts[0], *parts[1]]),
)
"""One that has lost beside some that have won, two times out of four."""


CONFIGS = st.builds(
    OffsetConfig,
    scope=st.sampled_from(["account", "quote"]),
    max_loss_per_action_quote=st.none() | decimal_of("1", "200", 2),
    wait_minutes=st.sampled_from([0, 60]),
    require_full_pyramids=st.booleans(),
    required_pyramids=st.none() | st.integers(1, 3),
    loss_threshold_percent=st.sampled_from([D("-0.01"), D(-5)]),
    use_age_filter=st.booleans(),
    age_threshold_minutes=st.sampled_from([0, 120]),
    max_winners_to_combine=st.integers(1, 4),
    slippage_buffer_percent=st.sampled_from([D(0), D("0.2"), D(10)]),
    min_close_notional=st.sampled_from([D(0), D(20), D(200)]),
    partial_close_enabled=st.booleans(),
    cover=st.sampled_from(["full", "partial"]),
)


HOLDINGS = holdings(0, LOSSES, st.none())


def plan_of(book: Sequence[Holding], settings: OffsetConfig) -> Plan:
    plan = evaluate(book, settings, NOW).plan
    assume(plan is not None)
    assert plan is not None
    return plan


def named(book: Sequence[Holding], group_id: str) -> Holding:
    return next(item for item in book if item.group_id == group_id)


def net(payments: Sequence[Payment]) -> Decimal:
    return sum((payment.pays - payment.fee for payment in payments), D(0))


def a_step_s_fee(holding: Holding) -> Decimal:
    return holding.fee_of(holding.rules.step_size)


@given(BOOKS, CONFIGS)
def test_the_loss_that_is_realised_is_paid_for(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    loser = named(book, plan.loser_id)
    if plan.refusal is not None:
        return

    costs = -loser.profit_of(plan.loser_quantity) + loser.fee_of(plan.loser_quantity)

    assert costs <= net(plan.winners) + a_step_s_fee(loser) + NOISE


@given(BOOKS, CONFIGS)
def test_full_cover_acts_only_on_a_loss_that_is_paid_whole(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings.model_copy(update={"cover": "full"}))
    loser = named(book, plan.loser_id)
    fees = loser.fee_of(loser.tradable) + sum((payment.fee for payment in plan.winners), D(0))
    buffered = -loser.profit * (100 + settings.slippage_buffer_percent) / 100

    assert abs(plan.required - buffered - fees) <= NOISE
    if plan.refusal is None:
        assert plan.whole
        assert plan.loser_quantity == loser.tradable
        assert plan.covered >= plan.required - NOISE


@given(BOOKS, CONFIGS)
def test_partial_cover_closes_no_larger_fraction_than_is_covered(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings.model_copy(update={"cover": "partial"}))
    loser = named(book, plan.loser_id)
    buffered = -loser.profit * (100 + settings.slippage_buffer_percent) / 100
    needed = buffered + loser.fee_of(loser.tradable)

    assert plan.loser_quantity <= loser.quantity * min(D(1), max(net(plan.winners), D(0)) / needed) + NOISE


@given(BOOKS, CONFIGS)
def test_no_action_realises_more_than_its_bound(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    bound = settings.max_loss_per_action_quote
    realised = -named(book, plan.loser_id).profit_of(plan.loser_quantity)

    assert plan.refusal is not None or bound is None or realised <= bound + NOISE


@given(BOOKS, CONFIGS)
def test_quantities_lie_on_the_step_and_within_what_is_open(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    closes = [(plan.loser_id, plan.loser_quantity)] if plan.refusal is None else []
    closes += [(payment.group_id, payment.quantity) for payment in plan.winners]

    for group_id, quantity in closes:
        holding = named(book, group_id)
        assert 0 < quantity <= holding.quantity
        assert quantity % holding.rules.step_size == 0


@given(BOOKS, CONFIGS)
def test_what_is_left_can_still_be_sold(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    closes = [(plan.loser_id, plan.loser_quantity)] if plan.refusal is None else []
    closes += [(payment.group_id, payment.quantity) for payment in plan.winners]

    for group_id, quantity in closes:
        holding = named(book, group_id)
        left = holding.tradable - quantity
        assert holding.price is not None
        assert left == 0 or holding.rules.meets_minimum(holding.price, left)


@given(BOOKS, CONFIGS)
def test_closes_are_large_enough_for_the_venue_and_the_setting(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)

    for payment in plan.winners:
        holding = named(book, payment.group_id)
        assert holding.price is not None
        assert holding.rules.notional(holding.price, payment.quantity) >= settings.min_close_notional - NOISE
        assert holding.exits_below_minimum or holding.rules.meets_minimum(holding.price, payment.quantity)
    if plan.refusal is None:
        loser = named(book, plan.loser_id)
        assert loser.price is not None
        whole = plan.loser_quantity == loser.tradable
        assert whole or loser.exits_below_minimum or loser.rules.meets_minimum(loser.price, plan.loser_quantity)


@given(BOOKS, CONFIGS)
def test_winners_are_few_different_and_not_the_loser(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    names = [payment.group_id for payment in plan.winners]

    assert plan.loser_id not in names
    assert len(names) == len(set(names)) <= settings.max_winners_to_combine
    profits = [named(book, name).profit for name in names]
    assert profits == sorted(profits, reverse=True)


@given(BOOKS, CONFIGS)
def test_each_winner_earns_more_than_its_fee(book: list[Holding], settings: OffsetConfig) -> None:
    for payment in plan_of(book, settings).winners:
        assert payment.pays > payment.fee
        assert abs(payment.pays - named(book, payment.group_id).profit_of(payment.quantity)) <= NOISE


@given(BOOKS, CONFIGS)
def test_whole_winners_only_are_whole(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings.model_copy(update={"partial_close_enabled": False}))

    assert all(payment.quantity == named(book, payment.group_id).tradable for payment in plan.winners)


@given(BOOKS, CONFIGS)
def test_of_a_winner_no_step_more_is_sold_than_needed(book: list[Holding], settings: OffsetConfig) -> None:
    """Unless the least close or what would be left demands more; reckoned in fractions."""
    settings = settings.model_copy(update={"partial_close_enabled": True, "cover": "full"})
    plan = plan_of(book, settings)
    loser = named(book, plan.loser_id)
    needed = Fraction(-loser.profit) * (100 + Fraction(settings.slippage_buffer_percent)) / 100
    needed += Fraction(loser.fee_of(loser.tradable))

    for payment in plan.winners:
        winner, step = named(book, payment.group_id), named(book, payment.group_id).rules.step_size
        unit = Fraction(winner.profit) / Fraction(winner.quantity) - Fraction(winner.fee_of(D(1)))
        assert winner.price is not None
        least = max(
            settings.min_close_notional / (winner.price * winner.rules.contract_size),
            winner.rules.min_qty,
            D(0) if winner.exits_below_minimum else winner.rules.smallest_quantity(winner.price),
        )
        floor = (least / step).to_integral_value(rounding=ROUND_CEILING) * step
        fewer = payment.quantity - step
        enough = unit * Fraction(fewer) >= needed
        would_stay = winner.tradable - fewer
        assert (
            not enough or fewer < floor or (payment.whole and not winner.rules.meets_minimum(winner.price, would_stay))
        )
        needed -= unit * Fraction(payment.quantity)


@given(BOOKS, CONFIGS)
def test_winners_that_can_pay_are_found(book: list[Holding], settings: OffsetConfig) -> None:
    """Where the largest winners, sold whole, bring enough, the loser is closed whole."""
    unbound = {"cover": "full", "max_loss_per_action_quote": None, "min_close_notional": D(0)}
    settings = settings.model_copy(update=unbound)
    plan = plan_of(book, settings)
    loser = named(book, plan.loser_id)
    needed = -loser.profit * (100 + settings.slippage_buffer_percent) / 100 + loser.fee_of(loser.tradable)
    may_pay = [
        item
        for item in book
        if takes_part(item)
        and item.group_id != loser.group_id
        and item.quote == loser.quote
        and (item.account == loser.account or (settings.scope == "quote" and item.environment == loser.environment))
        and item.profit_of(item.tradable) > item.fee_of(item.tradable)
        and (item.exits_below_minimum or item.rules.meets_minimum(item.price or D(0), item.tradable))
    ]
    best = sorted(may_pay, key=lambda item: -item.profit)[: settings.max_winners_to_combine]
    if len({item.profit for item in may_pay}) != len(may_pay):
        return

    bring = sum((item.profit_of(item.tradable) - item.fee_of(item.tradable) for item in best), D(0))
    assert (plan.refusal is None) == (bring >= needed - NOISE) or abs(bring - needed) <= NOISE


def takes_part(item: Holding) -> bool:
    usable = item.fresh and item.price is not None and item.tradable > 0
    return usable and not (item.blocked or item.closing or item.skipped)


@given(BOOKS, CONFIGS)
def test_what_is_blocked_skipped_closing_or_silent_takes_no_part(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)

    for name in (plan.loser_id, *(payment.group_id for payment in plan.winners)):
        assert takes_part(named(book, name))


@given(BOOKS, CONFIGS)
def test_leaving_out_what_takes_no_part_changes_no_plan(book: list[Holding], settings: OffsetConfig) -> None:
    rest = [item for item in book if takes_part(item)]

    assert evaluate(book, settings, NOW).plan == evaluate(rest, settings, NOW).plan


@given(BOOKS, CONFIGS)
def test_money_stays_in_its_scope_environment_and_currency(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)
    loser = named(book, plan.loser_id)

    for payment in plan.winners:
        winner = named(book, payment.group_id)
        assert winner.quote == loser.quote
        assert winner.account == loser.account or settings.scope == "quote"
        assert winner.account == loser.account or winner.environment == loser.environment


@given(BOOKS, CONFIGS, st.randoms(use_true_random=False))
def test_the_order_of_the_holdings_does_not_matter(book: list[Holding], settings: OffsetConfig, source: object) -> None:
    mixed = list(book)
    source.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    first, second = evaluate(book, settings, NOW), evaluate(mixed, settings, NOW)

    assert first.plan == second.plan
    assert set(map(repr, first.assessments)) == set(map(repr, second.assessments))
    assert evaluate(book, settings, NOW) == first


@given(BOOKS, CONFIGS)
def test_a_due_plan_is_for_the_worst_of_the_eligible(book: list[Holding], settings: OffsetConfig) -> None:
    eligible = [item for item in book if assess(item, settings, NOW).eligible]
    plan = evaluate(book, settings, NOW).plan

    assert (plan is not None and plan.due) == bool(eligible)
    if plan is not None and eligible:
        loser = named(book, plan.loser_id)
        assert loser in eligible
        key = (loser.loss_percent, loser.profit, loser.opened_at)
        assert all(key <= (item.loss_percent, item.profit, item.opened_at) for item in eligible)


@given(BOOKS, CONFIGS)
def test_a_plan_is_for_a_loss(book: list[Holding], settings: OffsetConfig) -> None:
    plan = plan_of(book, settings)

    assert plan.loss > 0
    assert plan.loss == -named(book, plan.loser_id).profit


@given(BOOKS, CONFIGS, decimal_of("0.01", "300", 2))
def test_a_deeper_loss_is_not_paid_with_less(book: list[Holding], settings: OffsetConfig, deeper: Decimal) -> None:
    plan = plan_of(book, settings.model_copy(update={"cover": "full"}))
    loser = named(book, plan.loser_id)
    worse = replace(loser, profit=loser.profit - deeper)
    others = [worse if item is loser else item for item in book]

    again = plan_for(worse, others, settings.model_copy(update={"cover": "full"}), due=plan.due)

    assert net(again.winners) >= net(plan.winners) - NOISE


@given(HOLDINGS, decimal_of("-50", "600", 2))
def test_what_is_affordable_is_paid_for(loser: Holding, paid: Decimal) -> None:
    quantity = affordable(loser, paid)
    costs = -loser.profit_of(quantity) + loser.fee_of(quantity)

    assert 0 <= quantity <= loser.tradable
    assert quantity % loser.rules.step_size == 0
    assert quantity == 0 or costs <= paid + a_step_s_fee(loser) + NOISE
    if paid >= -loser.profit + loser.fee_of(loser.tradable):
        assert quantity == loser.tradable


@given(HOLDINGS, decimal_of("0", "600", 2), decimal_of("0", "600", 2))
def test_more_money_never_affords_less(loser: Holding, some: Decimal, more: Decimal) -> None:
    assert affordable(loser, min(some, more)) <= affordable(loser, max(some, more))
