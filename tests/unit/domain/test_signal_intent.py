"""What is wanted: every row of the table, and every sentence under it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.signal import Intent, PositionWord, Signal, WhatIsWanted, interpret
from app.domain.values import Identity, MarketType, OrderSide, Side

D = Decimal
LONG, SHORT = Side.LONG, Side.SHORT
ENTRY, EXIT, REDUCE, REVERSE = Intent.ENTRY, Intent.EXIT, Intent.REDUCE, Intent.REVERSE

NUMBERS = ("market_position_size", "prev_market_position_size", "order_size", "entry_price", "close_price")


def signal_of(action: str, **fields: Any) -> Signal:
    words: dict[str, Any] = {"close_price": "100", **fields}
    words.update({name: D(words[name]) for name in NUMBERS if words.get(name) is not None})
    for name in ("market_position", "prev_market_position"):
        if words.get(name) is not None:
            words[name] = PositionWord(words[name])
    if words.get("intent_side") is not None:
        words["intent_side"] = OrderSide(words["intent_side"])
    return Signal(
        timestamp=datetime(2026, 1, 5, tzinfo=UTC),
        account=None,
        exchange="BINANCE",
        symbol="BTC/USDT:USDT",
        market_type=MarketType.LINEAR,
        timeframe="1h",
        action=OrderSide(action),
        **words,
    )


def told(action: str, before: str | None, after: str | None, order: str | None = "9", kind: str = "signal") -> Signal:
    """`before` and `after` are a position word, with its size when that was told: `long 2`, `long`, `flat 0`."""
    previous, _, previous_size = (before or "").partition(" ")
    now, _, size = (after or "").partition(" ")
    return signal_of(
        action,
        prev_market_position=previous or None,
        prev_market_position_size=previous_size or None,
        market_position=now or None,
        market_position_size=size or None,
        order_size=order,
        intent_type=kind,
    )


def meaning(signal: Signal) -> tuple[Intent, Side, str | None, str | None]:
    """Intent, side, size, fraction."""
    wanted = interpret(signal)
    size, fraction = (None if number is None else format(number, "f") for number in (wanted.size, wanted.fraction))
    return wanted.intent, wanted.side, size, fraction


@pytest.mark.parametrize(
    ("action", "before", "after", "expected"),
    [
        pytest.param("buy", "flat 0", "long 2", (ENTRY, LONG, "9", None), id="flat to long is an entry of the order"),
        pytest.param(
            "sell", "flat 0", "short 2", (ENTRY, SHORT, "9", None), id="flat to short is an entry of the order"
        ),
        pytest.param(
            "buy", "long 2", "long 5", (ENTRY, LONG, "3", None), id="a larger long is an entry of the increase"
        ),
        pytest.param("sell", "short 2", "short 3", (ENTRY, SHORT, "1", None), id="a larger short is an entry"),
        pytest.param("sell", "long 4", "long 3", (REDUCE, LONG, None, "0.25"), id="a smaller long is a reduction"),
        pytest.param("buy", "short 4", "short 1", (REDUCE, SHORT, None, "0.75"), id="a smaller short is a reduction"),
        pytest.param("sell", "long 2", "flat 0", (EXIT, LONG, None, None), id="long to flat is an exit of the long"),
        pytest.param("buy", "short 2", "flat 0", (EXIT, SHORT, None, None), id="short to flat is an exit of the short"),
        pytest.param(
            "sell", None, "flat", (EXIT, LONG, None, None), id="flat alone, by a sell, is an exit of the long"
        ),
        pytest.param(
            "buy", None, "flat", (EXIT, SHORT, None, None), id="flat alone, by a buy, is an exit of the short"
        ),
        pytest.param("sell", "long 2", "short 3", (REVERSE, SHORT, "3", None), id="long to short is a reverse"),
        pytest.param("buy", "short 2", "long 1", (REVERSE, LONG, "1", None), id="short to long is a reverse"),
    ],
)
def test_the_positions_before_and_after_decide(action: str, before: str, after: str, expected: Any) -> None:
    assert meaning(told(action, before, after)) == expected


@pytest.mark.parametrize(
    ("action", "before", "after", "expected"),
    [
        pytest.param("buy", "long 2", "flat", (EXIT, LONG, None, None), id="the side told counts, not the action"),
        pytest.param("sell", "flat 0", "flat 0", (EXIT, LONG, None, None), id="flat to flat is an exit by the action"),
        pytest.param("buy", "flat", "long", (ENTRY, LONG, "9", None), id="flat to long needs no sizes"),
        pytest.param("sell", "flat 0", "long 2", (ENTRY, LONG, "9", None), id="complete positions outweigh the action"),
        pytest.param(
            "sell", "long 0", "long 2", (ENTRY, LONG, "2", None), id="a long of nothing that grows is an entry"
        ),
        pytest.param(
            "sell", "long 2", "long 0", (EXIT, LONG, None, None), id="a long that shrinks to nothing is an exit"
        ),
        pytest.param("buy", "long 2", "long 2.00", (REDUCE, LONG, None, "0.00"), id="an unchanged long adds nothing"),
        pytest.param("sell", "long 2", "long 2", (REDUCE, LONG, None, "0"), id="an unchanged long loses nothing"),
        pytest.param("sell", "long 0", "long 0", (REDUCE, LONG, None, "0"), id="nothing and nothing is no change"),
        pytest.param(
            "buy", "short 2", "long", (REVERSE, LONG, "7", None), id="a reverse holds the old size and the new"
        ),
        pytest.param("buy", "short", "long", (REVERSE, LONG, "9", None), id="a reverse without sizes is the order's"),
        pytest.param(
            "buy", "short 20", "long", (REVERSE, LONG, "9", None), id="an order too small to hold both counts"
        ),
    ],
)
def test_corners_of_the_table(action: str, before: str, after: str, expected: Any) -> None:
    assert meaning(told(action, before, after)) == expected


def test_an_entry_from_flat_without_an_order_size_is_the_whole_position() -> None:
    assert meaning(told("buy", "flat 0", "long 2", order=None)) == (ENTRY, LONG, "2", None)


@pytest.mark.parametrize(
    ("action", "position", "expected"),
    [
        ("buy", None, (ENTRY, LONG, "9", None)),
        ("sell", None, (ENTRY, SHORT, "9", None)),
        ("buy", "long", (ENTRY, LONG, "9", None)),
        ("sell", "short", (ENTRY, SHORT, "9", None)),
    ],
)
def test_without_a_previous_position_it_is_an_entry(action: str, position: str | None, expected: Any) -> None:
    assert meaning(told(action, None, position)) == expected


@pytest.mark.parametrize(("action", "side"), [("sell", "long"), ("buy", "short")])
@pytest.mark.parametrize(
    ("before", "after_size"),
    [*product([None, "flat", "same", "other"], ["", " 7"]), ("flat 0", ""), ("same 5", ""), ("other 5", "")],
)
def test_an_action_against_an_incomplete_position_only_reduces_it(
    action: str, side: str, before: str | None, after_size: str
) -> None:
    other = "short" if side == "long" else "long"
    before = before and before.replace("same", side).replace("other", other)
    assert meaning(told(action, before, side + after_size)) == (REDUCE, Side(side), "9", None)


def test_a_reduction_with_both_sizes_but_no_previous_side_goes_by_the_sizes() -> None:
    signal = signal_of("sell", market_position="long", market_position_size="3", prev_market_position_size="4")
    assert meaning(signal) == (REDUCE, LONG, None, "0.25")


def test_an_action_with_the_side_but_without_sizes_adds_the_order() -> None:
    wanted = interpret(told("buy", "long", "long"))
    assert (wanted.intent, wanted.size, wanted.is_addon) == (ENTRY, D(9), True)


@pytest.mark.parametrize(("action", "before", "side"), [("sell", "long", LONG), ("buy", "short 3", SHORT)])
def test_an_action_against_the_position_before_reduces_it_when_the_one_after_was_not_told(
    action: str, before: str, side: Side
) -> None:
    assert meaning(told(action, before, None)) == (REDUCE, side, "9", None)


@pytest.mark.parametrize(("action", "side"), [("sell", LONG), ("buy", SHORT)])
def test_a_typed_exit_acts_on_the_side_its_action_closes(action: str, side: Side) -> None:
    assert meaning(told(action, None, None, kind="exit")) == (EXIT, side, None, None)
    assert meaning(told(action, "flat 0", "long 2", kind="exit")) == (EXIT, side, None, None)


@pytest.mark.parametrize(("action", "side"), [("sell", LONG), ("buy", SHORT)])
def test_a_typed_reduce_without_sizes_is_by_the_order(action: str, side: Side) -> None:
    assert meaning(told(action, None, None, kind="reduce")) == (REDUCE, side, "9", None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("long 4", "long 3", (REDUCE, LONG, None, "0.25"), id="a fraction when the sizes came"),
        pytest.param("long 4", "long 4", (REDUCE, LONG, None, "0"), id="nothing when they are equal"),
        pytest.param("long 4", "long 6", (REDUCE, LONG, None, "-0.5"), id="less than nothing when the position grew"),
        pytest.param("long 4", "long 0", (EXIT, LONG, None, None), id="an exit when nothing is left"),
        pytest.param("long 4", "flat", (EXIT, LONG, None, None), id="an exit when flat came without a size"),
        pytest.param("long 4", "short 1", (EXIT, LONG, None, None), id="an exit when the other side came"),
        pytest.param("long", "long", (REDUCE, LONG, "9", None), id="the order without sizes"),
        pytest.param("long 4", "long", (REDUCE, LONG, "9", None), id="the order with half of the sizes"),
        pytest.param("flat 0", "flat 0", (REDUCE, LONG, "9", None), id="the order when the strategy held nothing"),
        pytest.param(
            "short 2", "short 1", (REDUCE, LONG, "9", None), id="the order when the sizes are the other side's"
        ),
    ],
)
def test_a_typed_reduce_of_the_long(before: str, after: str, expected: Any) -> None:
    assert meaning(told("sell", before, after, kind="reduce")) == expected


@pytest.mark.parametrize(("action", "side"), [("sell", SHORT), ("buy", LONG)])
def test_a_typed_reverse_opens_the_new_side_with_the_order_size(action: str, side: Side) -> None:
    assert meaning(told(action, None, None, kind="reverse")) == (REVERSE, side, "9", None)
    assert meaning(told(action, "long 2", "flat 0", kind="reverse")) == (REVERSE, side, "9", None)


@pytest.mark.parametrize(("kind", "side"), [("exit", SHORT), ("reduce", SHORT), ("reverse", LONG)])
def test_a_typed_intent_acts_by_its_own_side_when_it_has_one(kind: str, side: Side) -> None:
    assert interpret(signal_of("sell", intent_type=kind, intent_side="buy")).side is side


@pytest.mark.parametrize(
    ("before", "after", "told_previous", "previous_side", "is_addon"),
    [
        (None, "long", False, None, False),
        ("flat 0", "long 1", True, None, False),
        ("long 1", "long 2", True, LONG, True),
        ("short 1", "long 2", True, SHORT, False),
        ("long 2", "long 1", True, LONG, False),
        ("long", None, True, LONG, True),
    ],
)
def test_the_previous_position_is_passed_on(
    before: str | None, after: str | None, told_previous: bool, previous_side: Side | None, is_addon: bool
) -> None:
    wanted = interpret(told("buy", before, after))
    assert (wanted.told_previous, wanted.previous_side, wanted.is_addon) == (told_previous, previous_side, is_addon)


def test_the_reference_price_is_the_entry_price_when_positive() -> None:
    assert signal_of("buy", entry_price="101").reference_price == 101
    assert signal_of("buy", entry_price="0").reference_price == 100
    assert signal_of("buy", entry_price="-1").reference_price == 100
    assert signal_of("buy").reference_price == 100


def test_the_identity_holds_what_tells_groups_apart() -> None:
    signal = signal_of("buy", strategy_id="s1")
    assert signal.identity("paper", SHORT) == Identity("paper", "BTC/USDT:USDT", "1h", SHORT, "s1")


def test_a_short_grows_and_shrinks_as_a_long_does() -> None:
    mirror = {"buy": "sell", "sell": "buy"}
    words = {"long": "short", "short": "long", "flat": "flat"}
    positions = [None, "flat 0", "long", "long 1", "long 2", "short", "short 1", "short 2"]
    for action, before, after, kind in product(mirror, positions, positions, ["signal", "exit", "reduce", "reverse"]):
        flipped_before, flipped_after = (
            text and " ".join(words.get(word, word) for word in text.split()) for text in (before, after)
        )
        one = interpret(told(action, before, after, kind=kind))
        other = interpret(told(mirror[action], flipped_before, flipped_after, kind=kind))
        assert (one.intent, one.side, one.size, one.fraction) == (
            other.intent,
            other.side.opposite,
            other.size,
            other.fraction,
        )


sizes = st.none() | st.decimals(0, 1000, places=3)
positions = st.none() | st.sampled_from(["long", "short", "flat"])


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    return signal_of(
        draw(st.sampled_from(["buy", "sell"])),
        market_position=draw(positions),
        market_position_size=draw(sizes),
        prev_market_position=draw(positions),
        prev_market_position_size=draw(sizes),
        order_size=draw(sizes),
        intent_type=draw(st.sampled_from(["signal", "exit", "reduce", "reverse"])),
        intent_side=draw(st.sampled_from([None, "buy", "sell"])),
    )


@given(signals())
def test_every_signal_means_something_that_can_be_acted_on(signal: Signal) -> None:
    wanted = interpret(signal)
    assert wanted.size is None or wanted.size >= 0
    assert wanted.fraction is None or (wanted.intent is REDUCE and wanted.fraction < 1 and wanted.size is None)
    assert wanted.intent is not EXIT or wanted == WhatIsWanted(
        EXIT, wanted.side, told_previous=wanted.told_previous, previous_side=wanted.previous_side
    )


@given(signals())
def test_a_strategy_that_says_it_is_smaller_or_flat_never_opens_anything(signal: Signal) -> None:
    now, before = signal.market_position, signal.prev_market_position
    size, previous_size = signal.market_position_size, signal.prev_market_position_size
    shrank = now is before and size is not None and previous_size is not None and size <= previous_size
    if signal.intent_type == "signal" and (now is PositionWord.FLAT or (now is not None and shrank)):
        assert interpret(signal).intent in {EXIT, REDUCE}
