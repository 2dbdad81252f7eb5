"""The offset engine's arithmetic by example: who is a loser, who pays, how much."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.base.config.groups import OffsetConfig
from app.domain.offset import Evaluation, Holding, Plan, affordable, assess, evaluate, plan_for
from tests.support.strategies import MOMENT, rules_of

D = Decimal
NOW = MOMENT + timedelta(hours=2)
TIMED_OUT = MOMENT


def holding_of(group_id: str, profit: str, **facts: Any) -> Holding:
    """An open group worth about 1000, 10.000 coins of 100, its timer run out; by default without fees."""
    known: dict[str, Any] = {
        "account": "paper",
        "environment": "paper",
        "symbol": f"{group_id.upper()}/USDT:USDT",
        "timeframe": "1h",
        "quote": "USDT",
        "opened_at": MOMENT,
        "pyramids": 1,
        "max_pyramids": 1,
        "timer_at": TIMED_OUT,
        "quantity": D(10),
        "invested": D(1000),
        "price": D(100),
        "taker_fee": D(0),
        "rules": rules_of("0.01", "0.001", min_notional=D(5)),
    }
    return Holding(group_id=group_id, profit=D(profit), **{**known, **facts})


def settings_of(**changes: Any) -> OffsetConfig:
    return OffsetConfig.model_validate({"slippage_buffer_percent": 0, **changes})


def evaluated(*holdings: Holding, now: datetime = NOW, **settings: Any) -> Evaluation:
    return evaluate(holdings, settings_of(**settings), now)


def planned(*holdings: Holding, **settings: Any) -> Plan:
    plan = evaluated(*holdings, **settings).plan
    assert plan is not None
    return plan


def sold(plan: Plan) -> dict[str, Decimal]:
    return {payment.group_id: payment.quantity for payment in plan.winners}


def unmet(holding: Holding, now: datetime = NOW, **settings: Any) -> list[str]:
    return [item.name for item in assess(holding, settings_of(**settings), now).conditions if not item.met]


LOSER = holding_of("sol", "-50")
WINNER = holding_of("ltc", "200")


# ---------------------------------------------------------------------------------------------------- eligible losers


def test_a_loser_that_meets_every_condition_is_due() -> None:
    plan = planned(LOSER, WINNER)

    assert (plan.loser_id, plan.due, plan.refusal) == ("sol", True, None)


@pytest.mark.parametrize(
    ("facts", "settings", "missing"),
    [
        ({"pyramids": 1, "max_pyramids": 2}, {}, ["pyramids"]),
        ({"pyramids": 2, "max_pyramids": 5}, {"required_pyramids": 3}, ["pyramids"]),
        ({"timer_at": None}, {}, ["timer"]),
        ({"timer_at": NOW - timedelta(minutes=59)}, {}, ["timer"]),
        ({"profit": D("-49.99")}, {}, ["loss"]),
        ({"opened_at": NOW - timedelta(minutes=119)}, {"use_age_filter": True}, ["age"]),
        ({"blocked": True}, {}, ["unblocked"]),
        ({"skipped": True}, {}, ["not_skipped"]),
        ({"closing": True}, {}, ["open"]),
        ({"fresh": False}, {}, ["price"]),
        ({"price": None}, {}, ["loss", "price"]),
    ],
)
def test_one_unmet_condition_keeps_a_loser_from_being_due(
    facts: dict[str, Any], settings: dict[str, Any], missing: list[str]
) -> None:
    loser = replace(LOSER, **facts)

    assert unmet(loser, **settings) == missing
    plan = evaluated(loser, WINNER, **settings).plan
    assert plan is None or not plan.due


@pytest.mark.parametrize(
    ("facts", "settings"),
    [
        ({"pyramids": 1, "max_pyramids": 5}, {"required_pyramids": 1}),
        ({"pyramids": 1, "max_pyramids": 5}, {"require_full_pyramids": False}),
        ({"timer_at": NOW - timedelta(minutes=60)}, {}),
        ({"timer_at": NOW}, {"wait_minutes": 0}),
        ({"opened_at": NOW - timedelta(minutes=120)}, {"use_age_filter": True}),
        ({"opened_at": NOW}, {}),
    ],
)
def test_a_condition_at_its_bound_or_switched_off_is_met(facts: dict[str, Any], settings: dict[str, Any]) -> None:
    assert unmet(replace(LOSER, **facts), **settings) == []


def test_the_timer_tells_how_many_seconds_are_left() -> None:
    loser = replace(LOSER, timer_at=NOW - timedelta(minutes=59, seconds=29.5))

    assert assess(loser, settings_of(), NOW).timer_left_sec == 31
    assert assess(replace(LOSER, timer_at=None), settings_of(), NOW).timer_left_sec is None
    assert assess(LOSER, settings_of(), NOW).timer_left_sec == 0


def test_every_group_is_assessed_in_the_order_given() -> None:
    evaluation = evaluated(WINNER, LOSER)

    assert [item.group_id for item in evaluation.assessments] == ["ltc", "sol"]
    assert [item.eligible for item in evaluation.assessments] == [False, True]


def test_the_highest_loss_percent_is_chosen_before_the_most_money() -> None:
    more_money = holding_of("dot", "-120", invested=D(2000))
    worse = holding_of("xrp", "-50", invested=D(500))

    assert planned(more_money, worse, WINNER).loser_id == "xrp"


def test_at_equal_percent_the_most_money_is_chosen_and_then_the_oldest() -> None:
    small = holding_of("dot", "-50")
    large = holding_of("xrp", "-100", invested=D(2000))
    older = holding_of("ada", "-100", invested=D(2000), opened_at=MOMENT - timedelta(days=1))

    assert planned(small, large, WINNER).loser_id == "xrp"
    assert planned(small, large, older, WINNER).loser_id == "ada"


def test_where_none_is_due_the_plan_is_for_the_one_that_run_now_would_close() -> None:
    early = replace(LOSER, timer_at=None)
    slight = holding_of("dot", "-10")

    plan = planned(slight, early, WINNER)

    assert (plan.loser_id, plan.due, plan.refusal) == ("sol", False, None)


def test_run_now_skips_neither_blocks_nor_pyramids() -> None:
    assert evaluated(replace(LOSER, blocked=True), WINNER).plan is None
    assert evaluated(replace(LOSER, max_pyramids=2), WINNER).plan is None


def test_without_a_loss_there_is_no_plan() -> None:
    assert evaluated(WINNER, holding_of("dot", "0")).plan is None
    assert evaluated().plan is None


# ------------------------------------------------------------------------------------------------------------ winners


def test_a_winner_sells_only_the_part_that_is_needed() -> None:
    plan = planned(LOSER, WINNER)

    assert sold(plan) == {"ltc": D("2.500")}
    assert (plan.loss, plan.required, plan.covered) == (D(50), D(50), D(50))
    assert (plan.loser_quantity, plan.whole) == (D(10), True)


def test_the_part_is_rounded_up_to_the_step() -> None:
    plan = planned(holding_of("sol", "-50.01"), WINNER)

    assert sold(plan) == {"ltc": D("2.501")}
    assert plan.covered == D("50.02")


def test_a_part_that_lies_on_the_step_is_not_rounded_further() -> None:
    third = holding_of("ltc", "100", quantity=D(3))

    assert sold(planned(LOSER, third)) == {"ltc": D("1.5")}


def test_the_buffer_is_required_on_top_of_the_loss() -> None:
    plan = planned(LOSER, WINNER, slippage_buffer_percent="0.2")

    assert plan.required == D("50.1")
    assert sold(plan) == {"ltc": D("2.505")}


def test_the_fees_of_all_the_closes_are_required_too() -> None:
    # closing the loser costs 10 x 100 x 0.001 = 1, a coin of the winner 0.1: 51 / (20 - 0.1) = 2.5628…
    plan = planned(replace(LOSER, taker_fee=D("0.001")), replace(WINNER, taker_fee=D("0.001")))

    assert sold(plan) == {"ltc": D("2.563")}
    assert plan.required == D("51.2563")
    assert plan.covered == D("51.26")


def test_winners_pay_in_the_order_of_their_profit() -> None:
    plan = planned(LOSER, holding_of("dot", "30"), holding_of("ltc", "45"), holding_of("xrp", "25"))

    assert sold(plan) == {"ltc": D(10), "dot": D("1.667")}
    assert [payment.whole for payment in plan.winners] == [True, False]


def test_no_more_winners_are_combined_than_allowed() -> None:
    plan = planned(LOSER, holding_of("dot", "30"), holding_of("ltc", "45"), max_winners_to_combine=1)

    assert sold(plan) == {"ltc": D(10)}
    assert plan.refusal is not None
    assert "45.00 of 50.00" in plan.refusal


def test_a_skipped_winner_does_not_use_up_a_place() -> None:
    tiny = holding_of("dot", "60", quantity=D("0.1"), invested=D(1))

    assert sold(planned(LOSER, tiny, WINNER, max_winners_to_combine=1)) == {"ltc": D("2.500")}


@pytest.mark.parametrize(
    "facts",
    [
        {"blocked": True},
        {"closing": True},
        {"fresh": False},
        {"price": None},
        {"quote": "USDC"},
        {"account": "other"},
        {"profit": D(0)},
        {"quantity": D("0.0009")},
    ],
)
def test_who_takes_no_part_does_not_pay(facts: dict[str, Any]) -> None:
    plan = planned(LOSER, replace(WINNER, **facts))

    assert plan.winners == ()
    assert plan.refusal == "no group has a profit to pay with"


def test_a_group_skipped_by_hand_neither_is_closed_nor_pays() -> None:
    assert planned(LOSER, replace(WINNER, skipped=True)).winners == ()
    assert evaluated(replace(LOSER, skipped=True), WINNER).plan is None


def test_the_wider_scope_takes_other_accounts_of_the_same_environment() -> None:
    elsewhere, live = replace(WINNER, account="other"), replace(WINNER, account="other", environment="live")

    assert sold(planned(LOSER, elsewhere, scope="quote")) == {"ltc": D("2.500")}
    assert planned(LOSER, live, scope="quote").winners == ()


def test_without_partial_closes_winners_are_sold_whole() -> None:
    assert sold(planned(LOSER, WINNER, partial_close_enabled=False)) == {"ltc": D(10)}


def test_a_close_under_the_least_notional_is_enlarged() -> None:
    # 2 / 20 = 0.1, worth 10; 20 / 100 = 0.2
    assert sold(planned(holding_of("sol", "-2", invested=D(20)), WINNER)) == {"ltc": D("0.200")}


def test_a_remainder_the_venue_would_not_sell_goes_too() -> None:
    # 199 / 20 = 9.950; 0.050 x 100 is the minimum of 5, 0.049 is not
    assert sold(planned(holding_of("sol", "-199"), WINNER)) == {"ltc": D("9.950")}
    assert sold(planned(holding_of("sol", "-199.02"), WINNER)) == {"ltc": D(10)}


def test_contracts_are_worth_their_size() -> None:
    rules = rules_of("0.01", "1", contract_size=D("0.1"), min_notional=D(5))
    winner = replace(WINNER, rules=rules, quantity=D(100))

    assert sold(planned(LOSER, winner)) == {"ltc": D(25)}


def test_a_profit_that_its_own_fee_eats_pays_nothing() -> None:
    assert planned(LOSER, holding_of("ltc", "1", taker_fee=D("0.001"))).winners == ()


# -------------------------------------------------------------------------------------------------------------- cover


def test_full_cover_closes_nothing_that_is_not_paid_whole() -> None:
    plan = planned(LOSER, holding_of("ltc", "20"))

    assert plan.refusal == "the winners cover 20.00 of 50.00"
    assert not plan.whole


def test_partial_cover_closes_the_same_fraction_of_the_loser() -> None:
    plan = planned(LOSER, holding_of("ltc", "20"), cover="partial")

    assert (plan.loser_quantity, plan.whole, plan.refusal) == (D(4), False, None)


def test_partial_cover_leaves_what_can_still_be_sold() -> None:
    # 49.9 of 50 would leave 0.020 coins, worth 2
    plan = planned(LOSER, holding_of("ltc", "49.9"), cover="partial")

    assert plan.loser_quantity == D("9.950")


def test_partial_cover_of_less_than_the_market_sells_is_refused() -> None:
    loser = replace(LOSER, rules=rules_of("0.01", "1"))

    plan = planned(loser, holding_of("ltc", "4"), cover="partial")

    assert plan.loser_quantity == 0
    assert plan.refusal is not None


def test_a_loss_above_the_bound_of_one_action_is_refused() -> None:
    assert planned(LOSER, WINNER, max_loss_per_action_quote=50).refusal is None
    assert planned(LOSER, WINNER, max_loss_per_action_quote="49.99").refusal is not None


def test_partial_cover_closes_up_to_the_bound_of_one_action() -> None:
    plan = planned(LOSER, WINNER, max_loss_per_action_quote=20, cover="partial")

    assert (plan.loser_quantity, sold(plan), plan.refusal) == (D(4), {"ltc": D(1)}, None)


def test_a_plan_for_a_chosen_loser_takes_it_from_the_winners() -> None:
    plan = plan_for(LOSER, [LOSER, WINNER], settings_of(), due=True)

    assert [payment.group_id for payment in plan.winners] == ["ltc"]


# --------------------------------------------------------------------------------------------- what was really realised


def test_what_was_realised_closes_the_loser_as_far_as_it_pays() -> None:
    assert affordable(LOSER, D(50)) == D(10)
    assert affordable(LOSER, D("49.99")) == D("9.950")
    assert affordable(LOSER, D(30)) == D(6)
    assert affordable(LOSER, D(0)) == 0
    assert affordable(LOSER, D(-3)) == 0


def test_the_fee_of_the_loser_s_own_close_is_paid_too() -> None:
    loser = replace(LOSER, taker_fee=D("0.001"))

    assert affordable(loser, D(51)) == D(10)
    assert affordable(loser, D("25.5")) == D(5)


def test_a_loser_that_recovered_costs_nothing() -> None:
    assert affordable(holding_of("sol", "3"), D(0)) == D(10)
