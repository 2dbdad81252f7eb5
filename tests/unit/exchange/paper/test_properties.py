"""What holds for every sequence of orders and prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import Quote
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.core import Core
from app.exchange.paper.journal import changes_of
from tests.unit.exchange.paper.bench import SOL, SPOT, Bench, ref

SIDES = st.sampled_from(OrderSide)
QUANTITIES = st.integers(100, 20_000).map(lambda steps: Decimal(steps).scaleb(-3))
PRICES = st.integers(8_000, 12_000).map(lambda ticks: Decimal(ticks).scaleb(-2))
TYPES = st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET])

submits = st.fixed_dictionaries(
    {
        "do": st.just("submit"),
        "side": SIDES,
        "type": TYPES,
        "quantity": QUANTITIES,
        "price": PRICES,
        "reduce_only": st.booleans(),
        "ioc": st.booleans(),
    }
)
moves = st.fixed_dictionaries({"do": st.just("price"), "price": PRICES})
cancels = st.fixed_dictionaries({"do": st.just("cancel"), "nth": st.integers(0, 10)})
amends = st.fixed_dictionaries(
    {"do": st.just("amend"), "nth": st.integers(0, 10), "quantity": QUANTITIES, "price": PRICES}
)
pairs = st.fixed_dictionaries(
    {"do": st.just("pair"), "side": SIDES, "quantity": QUANTITIES, "price": PRICES, "trigger": PRICES, "limit": PRICES}
)
book_sizes = st.fixed_dictionaries({"do": st.just("book"), "size": st.none() | QUANTITIES})
STEPS = st.lists(submits | moves | cancels | amends | pairs | book_sizes, max_size=25)
ACCOUNTS = st.sampled_from(
    [
        {"symbol": SOL, "fees": {"maker": "0.0002", "taker": "0.0005"}},
        {"symbol": SOL, "position_mode": "hedge", "slippage_bps": "7"},
        {"symbol": SPOT, "balances": {"USDT": "10000", "SOL": "50"}, "fees": {"maker": "0.001", "taker": "0.001"}},
    ]
)


def run(bench: Bench, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        apply(bench, step)


def apply(bench: Bench, step: dict[str, Any]) -> None:
    match step["do"]:
        case "submit":
            is_limit, is_market = step["type"] is OrderType.LIMIT, step["type"] is OrderType.MARKET
            bench.core.submit(
                bench.request(
                    step["side"],
                    str(step["quantity"]),
                    str(step["price"]) if is_limit else None,
                    type_=step["type"],
                    trigger=None if is_limit or is_market else str(step["price"]),
                    reduce_only=step["reduce_only"] and not bench.ledger.is_spot,
                    time_in_force=TimeInForce.IOC if step["ioc"] else TimeInForce.GTC,
                ),
                bench.at,
            )
        case "price":
            bench.price(step["price"])
        case "pair":
            submit_pair(bench, step)
        case "book" if step["size"] is None:
            bench.core.matcher.fill_sizes.clear()
        case "book":
            bench.core.matcher.fill_sizes[bench.symbol] = step["size"]
        case "cancel" | "amend":
            live = bench.core.open_orders()
            if live:
                order = ref(bench.core.report.order(live[step["nth"] % len(live)], with_fills=False))
                if step["do"] == "cancel":
                    bench.core.cancel(order, bench.at)
                else:
                    bench.core.amend(order, step["quantity"], step["price"], bench.at)


def submit_pair(bench: Bench, step: dict[str, Any]) -> None:
    """A stop with a limit in every other of them."""
    side, quantity, trigger = step["side"], str(step["quantity"]), str(step["trigger"])
    is_limited = int(step["limit"] * 100) % 2 == 0
    bench.core.submit_pair(
        bench.request(side, quantity, str(step["price"])),
        bench.request(
            side,
            quantity,
            str(step["limit"]) if is_limited else None,
            type_=OrderType.STOP_LIMIT if is_limited else OrderType.STOP_MARKET,
            trigger=trigger,
        ),
        bench.at,
    )


def worth(bench: Bench) -> Decimal:
    """Everything an account has, in quote at the present price, with the fees it has paid."""
    price = bench.ledger.quotes[bench.symbol].last
    open_result = sum(
        (position.side.gain(position.entry_value, price * position.quantity))
        for position in bench.ledger.positions.values()
    )
    coins = bench.balance("SOL") * price
    fees = sum(fill.fee * (price if fill.fee_asset == "SOL" else 1) for fill in bench.fills())
    return bench.balance() + open_result + coins + fees


@given(ACCOUNTS, STEPS)
def test_money_is_neither_made_nor_lost_by_trading_at_one_price(
    account: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    bench = Bench(**{**account, "slippage_bps": "0"})
    before = worth(bench)

    for step in steps:
        if step["do"] == "submit":
            run(bench, [{**step, "type_": OrderType.MARKET}])

    assert worth(bench) == before


@given(ACCOUNTS, STEPS)
def test_fills_never_exceed_their_order_and_add_up_to_what_it_tells(
    account: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    bench = Bench(**account)
    run(bench, steps)

    for order in bench.ledger.orders.values():
        filled = sum((fill.quantity for fill in bench.ledger.fills_of.get(order.number, [])), Decimal(0))
        assert filled == order.filled <= order.quantity


@given(ACCOUNTS, STEPS)
def test_positions_and_coins_are_the_sum_of_the_fills(account: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    bench = Bench(**account)
    coins = bench.balance("SOL")
    run(bench, steps)

    bought = sum(
        (fill.quantity if fill.side is OrderSide.BUY else -fill.quantity for fill in bench.fills()), Decimal(0)
    )
    if bench.ledger.is_spot:
        fees = sum((fill.fee for fill in bench.fills() if fill.fee_asset == "SOL"), Decimal(0))
        assert bench.balance("SOL") == coins + bought - fees
    else:
        assert bench.held(Side.LONG) - bench.held(Side.SHORT) == bought


@given(STEPS)
def test_spot_never_sells_or_spends_what_it_does_not_have(steps: list[dict[str, Any]]) -> None:
    bench = Bench(symbol=SPOT, balances={"USDT": "1000", "SOL": "10"}, slippage_bps="20")
    for step in steps:
        apply(bench, step)
        assert bench.balance() >= 0
        assert bench.balance("SOL") >= 0


@given(STEPS)
def test_of_a_pair_only_one_ever_happens(steps: list[dict[str, Any]]) -> None:
    bench = Bench(symbol=SPOT, balances={"USDT": "10000", "SOL": "50"})
    run(bench, steps)

    for order in bench.ledger.orders.values():
        other = bench.ledger.orders.get(order.paired_with or 0)
        assert other is None or other.paired_with == order.number
        assert other is None or not (order.filled and other.filled)
        assert other is None or not (order.triggered or order.filled) or not other.is_live


@given(STEPS)
def test_reduce_only_orders_never_open_or_turn_a_position(steps: list[dict[str, Any]]) -> None:
    bench = Bench()
    bench.buy("10")
    for step in steps:
        apply(bench, {**step, "reduce_only": True})
        assert bench.held(Side.SHORT) == 0
        assert bench.held() <= 10


@given(ACCOUNTS, STEPS)
def test_the_same_steps_give_the_same_books(account: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    first, second = Bench(**account), Bench(**account)
    run(first, steps)
    run(second, steps)

    assert first.ledger.written_since(0) == second.ledger.written_since(0)


@given(ACCOUNTS, STEPS, STEPS)
def test_books_loaded_from_what_was_written_go_on_alike(
    account: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    bench = Bench(**account)
    run(bench, before)
    loaded = loaded_from(bench)

    assert books(loaded) == books(bench)
    run(bench, after)
    run(loaded, after)
    assert books(loaded) == books(bench)


@given(ACCOUNTS, STEPS, STEPS)
def test_what_is_rolled_back_never_happened(
    account: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    bench = Bench(**account)
    run(bench, before)
    kept, mark, quote = books(bench), bench.ledger.mark(), bench.ledger.quotes[bench.symbol]

    run(bench, after)
    bench.ledger.roll_back(mark)

    assert books(bench) == kept
    assert bench.ledger.quotes[bench.symbol] == quote
    bench.price("81")
    bench.price("119")


@given(ACCOUNTS, STEPS)
def test_what_orders_bind_is_counted_right_as_they_change(account: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    bench = Bench(**account)
    for step in steps:
        apply(bench, step)
        fresh = loaded_from(bench)
        for asset in bench.ledger.balances:
            # a pending market order is counted at the price it met
            if not any(order.type is OrderType.MARKET for order in bench.core.open_orders()):
                assert bench.core.margin.locked(asset) == fresh.core.margin.locked(asset)


@given(ACCOUNTS, STEPS, PRICES)
def test_a_price_that_is_said_to_touch_nothing_fills_nothing(
    account: dict[str, Any], steps: list[dict[str, Any]], price: Decimal
) -> None:
    bench = Bench(**account)
    run(bench, steps)
    quote = Quote.flat(price, bench.at)
    if not bench.core.touches(bench.symbol, quote):
        before = books(bench)
        bench.ledger.quotes[bench.symbol] = quote
        bench.core.matcher.on_price(bench.symbol, bench.at)
        assert books(bench) == before


def loaded_from(bench: Bench) -> Bench:
    other = Bench(symbol=bench.symbol)
    other.core = Core(bench.ledger.config)
    other.ledger = other.core.ledger
    other.ledger.rules, other.ledger.quotes = dict(bench.ledger.rules), dict(bench.ledger.quotes)
    other.core.matcher.fill_sizes.update(bench.core.matcher.fill_sizes)
    other.ledger.load(changes_of(bench.ledger.written_since(0)))
    other.at, other._ids = bench.at, bench._ids
    return other


def books(bench: Bench) -> tuple[Any, ...]:
    """Everything in the books, in a fixed order."""
    ledger = bench.ledger
    resting = {symbol: sorted(book) for symbol, book in ledger.resting.items() if book}
    live_ids = sorted(ledger.by_client_id.items())
    return (
        [ledger.orders[number] for number in sorted(ledger.orders)],
        (list(ledger.fills), list(ledger.funding), ledger.last_order, ledger.last_fill, ledger.last_payment),
        (dict(ledger.positions), dict(ledger.leverages), dict(ledger.balances)),
        (resting, live_ids),
    )
