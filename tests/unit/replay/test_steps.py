"""What is wrong in a scenario is told with file, line and field before anything runs; what replay.md allows is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.replay.model import ScenarioError, parse_scenario
from app.replay.runner import Replay, replay

SOL = '"SOL/USDT:USDT"'
HEAD = """name: a file
markets: {"SOL/USDT:USDT": {tick_size: "0.01", step_size: "0.001", min_qty: "0.001", min_notional: "5", price: "200"}}
steps:
"""
BUY = "{action: buy, symbol: SOLUSDT.P, price: 200, size: 2}"
SELECTED = f'{{symbol: {SOL}, timeframe: 60, side: "long", account: paper}}'


def played(*steps: str) -> Replay:
    lines = "".join(f"  - {step}\n" for step in steps)
    return replay(parse_scenario(f"{HEAD}{lines}", "a.yaml"), Path())


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("command: {frobnicate: {}}", "command.frobnicate: is not known here"),
        ("command: {}", "command: give one of close_group, "),
        ("command: pause", "command: Input should be a valid dictionary"),
        ("command: {close_group: {symbl: x}}", "command.close_group.symbl: is not known here; did you mean symbol?"),
        ("command: {close_group: {side: up}}", "command.close_group.side: Input should be 'long' or 'short'"),
        ("command: {close_group: {timeframe: 7x}}", "command.close_group.timeframe: is not a timeframe"),
        ("command: {close_group: {symbol: SOLUSDT.P}}", "command.close_group.symbol: SOLUSDT.P is not among"),
        ("command: {move_stop: {}}", "command.move_stop: price is missing"),
        ("command: {risk_run: {now: 1}}", "command.risk_run.now: is not known here"),
        (f"command: {{order: {{symbol: {SOL}, side: long}}}}", "command.order: give its quantity"),
        (f"command: {{order: {{symbol: {SOL}, side: long, quantity: 1, foo: 3}}}}", "command.order.foo: is not known"),
        ("command: {config: {pool: {max_open: 3}}}", "command.config.pool.max_open: pool.max_open: no such setting"),
        ("command: {config: {pool: {max_open_groups: none}}}", "command.config.pool.max_open_groups: "),
        (f"venue: {{close_position: {{symbol: {SOL}, quntity: 1}}}}", "venue.close_position.quntity: is not known"),
        ("venue: {close_position: {}}", "venue.close_position: symbol is missing"),
        ('venue: {close_position: {symbol: "FOO/USDT"}}', "venue.close_position.symbol: FOO/USDT is not among"),
        (f"venue: {{place_order: {{symbol: {SOL}, side: buy}}}}", "venue.place_order: quantity is missing"),
        (f"venue: {{place_order: {{symbol: {SOL}, side: long, quantity: 1}}}}", "venue.place_order.side: Input should"),
        (
            f"venue: {{place_order: {{symbol: {SOL}, side: buy, type: limit, quantity: 1}}}}",
            "venue.place_order: a limit order needs a price",
        ),
        (f"venue: {{funding: {{symbol: {SOL}}}}}", "venue.funding: rate is missing"),
        ("venue: {clse: {}}", "venue.clse: is not known here"),
        ("fault: {op: create_ordr, kind: reject}", "fault.op: String should match"),
        ("fault: {op: create_order, kind: rejct}", "fault.kind: Input should be"),
        ("fault: {op: create_order, kind: reject, code: nope}", "fault.code: Input should be"),
        ("fault: {op: create_order, kind: reject, role: nope}", "fault.role: Input should be"),
        ("fault: {op: create_order, kind: reject, symbol: SOL}", "fault.symbol: SOL is not among the markets"),
        ("crash: {at_send: 1, at_commit: 1}", "crash: give at_commit or at_send, not both"),
        ("crash: {when: after}", "crash: when goes with at_send"),
        (f"price: {{{SOL}: 0}}", "price.SOL/USDT:USDT: Input should be greater than 0"),
        (f"price: {{{SOL}: {{last: 3, bd: 2}}}}", "price.SOL/USDT:USDT.bd: is not known here; did you mean bid?"),
        ('price: {"FOO/USDT:USDT": 3}', "price.FOO/USDT:USDT: FOO/USDT:USDT is not among the markets"),
        ("book: {market: SOL, fill_size: 1}", "book.market: SOL is not among the markets"),
        ("prices: {market: SOL, values: [1]}", "prices.market: SOL is not among the markets"),
        (f"prices: {{market: {SOL}, values: [1, 2], every: 0}}", "prices.every: Input should be greater than 0"),
        (f"prices: {{market: {SOL}, values: [1, -2]}}", "prices.values.1: Input should be greater than 0"),
        ("signal: {webhook: {}, action: buy}", "signal.action: is not known here"),
        ("signal: {webhook: abc}", "signal.webhook: Input should be a valid dictionary"),
        ("signal: {action: buy, symbl: SOLUSDT.P, price: 3}", "signal: symbol is missing"),
        ("check: {}, signal: {webhook: {}}", "give one of signal, price, "),
        ("crash: {at_send: 1, at_send: 2}", "at_send is given twice"),
    ],
)
def test_what_cannot_be_done_is_told_with_line_and_field_before_anything_runs(step: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(f"{HEAD}  - {{at: 0, signal: {BUY}}}\n  - {{at: 1, {step}}}\n", "a.yaml")
    line = str(raised.value).splitlines()[0]
    assert line.startswith("a.yaml:5: "), line
    assert sentence in line
    assert raised.value.exit_status == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("config: {nope: 1}", "a.yaml:1: config.nope: nope: no such setting"),
        ("name: one\nname: two", "a.yaml:2: name is given twice"),
        (
            "markets: {SOLUSDT: {tick_size: 1, step_size: 1, price: 1}}",
            "a.yaml:1: markets.SOLUSDT: String should match",
        ),
        ("steps:\n- {at: 5, check: {}}\n- {at: 4, check: {}}", "a.yaml:3: steps.1.at: time goes back from 5 to 4"),
        ("steps:\n- {check: {}}", "a.yaml:2: steps.0: at is missing"),
    ],
)
def test_what_is_wrong_with_the_whole_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text, "a.yaml")
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    "step",
    [
        f"command: {{close_group: {SELECTED}}}",
        "command: {close_group: {timeframe: manual}}",
        f"command: {{skip: {SELECTED}}}",
        f"command: {{block: {{symbol: {SOL}}}}}",
        "command: {close_all: }",
        "command: {risk_run: {}}",
        "command: {pause: {reason: 3}}",
        "command: {emergency_stop: {reason: enough}}",
        f'command: {{order: {{symbol: {SOL}, side: short, quantity: "1", price: 300}}}}',
        f"command: {{decision: {{symbol: {SOL}, side: buy, size: 1, confidence: 0.9, label: a, wait_ms: 10}}}}",
        "command: {config: {pool: {max_open_groups: 3}}}",
        f"venue: {{place_order: {{symbol: {SOL}, side: sell, type: stop_market, price: 100, quantity: 1}}}}",
        f'venue: {{place_order: {{symbol: {SOL}, side: buy, quantity: "0.5"}}}}',
        f"venue: {{cancel_order: {{symbol: {SOL}, role: take_profit, account: paper}}}}",
        f"venue: {{adl: {{symbol: {SOL}, quantity: 1}}}}",
        f'venue: {{funding: {{symbol: {SOL}, rate: "-0.01"}}}}',
        "fault: {op: fetch_*, kind: unavailable, times: 3}",
        "fault: {op: fetch_positions, kind: slow, seconds: 2}",
        "fault: {op: stream, kind: drop_events}",
        f"fault: {{op: amend_order, kind: reject, code: halted, symbol: {SOL}, role: stop_loss}}",
        "crash: ",
        "crash: {at_send: 2, when: after}",
        f'price: {{{SOL}: {{last: "201", mark: 200}}}}',
        f"prices: {{market: {SOL}, random_walk: {{steps: 3, volatility: 1, every: 2}}}}",
        f"book: {{market: {SOL}}}",
        "signal: {webhook: {tv: nothing}}",
    ],
)
def test_what_the_specification_allows_is_carried_out(step: str) -> None:
    assert played(f"{{at: 0, signal: {BUY}}}", f"{{at: 1, {step}}}", "{at: 30, check: {stats: {steps: 3}}}").ok


def test_nothing_that_waits_is_an_error_that_names_its_step() -> None:
    with pytest.raises(ScenarioError, match=r"^step 1 at 1: nothing that waits is"):
        played(f"{{at: 1, command: {{promote: {SELECTED}}}}}")


def test_a_market_that_only_a_signal_brings_may_be_moved() -> None:
    assert played(
        '{at: 0, price: {"QQX/USDT:USDT": "1.5"}}',
        "{at: 1, signal: {action: buy, symbol: QQXUSDT.P, price: 1, size: 9}}",
    ).ok


@pytest.mark.parametrize("start", ["2026-01-05", '"2026-01-05T00:00:00"', "2026-01-05T02:00:00+02:00"])
def test_a_start_without_a_zone_is_in_utc(start: str) -> None:
    steps = '- {at: "2026-01-05T00:00:05", check: {groups: []}}\n- {at: 5, check: {groups: []}}'
    assert replay(parse_scenario(f"start: {start}\nsteps:\n{steps}\n", "a.yaml"), Path()).ok


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("201\n203\n", 6),
        ("time,price,volume\n1,201,9\n2,203,8\n", 6),
        ("time,open,high,low,close,volume\n1,1,1,1,201,9\n2,1,1,1,204,8\n", 8),
        ("time,value\n1,201\n2,205\n", 10),
    ],
)
def test_a_csv_gives_its_prices_its_closes_or_its_last_column(text: str, gain: int, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    steps = (
        f"  - {{at: 0, signal: {BUY}}}\n"
        f"  - {{at: 1, prices: {{market: {SOL}, file: a.csv}}}}\n"
        f"  - {{at: 3, check: {{groups: [{{unrealized_pnl: {gain}}}]}}}}\n"
    )
    level = "{gap_percent: 0, weight_percent: 100, tp_percent: 50}"
    config = f"config: {{grid: {{default: {{tp_mode: aggregate, tp_aggregate_percent: 50, levels: [{level}]}}}}}}\n"
    result = replay(parse_scenario(f"{config}{HEAD}{steps}", "a.yaml"), tmp_path)
    assert result.document["failed_checks"] == []


def test_a_row_without_a_price_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,price\n1,201\n2,\n", encoding="utf-8")
    scenario = parse_scenario(f"{HEAD}  - {{at: 1, prices: {{market: {SOL}, file: a.csv}}}}\n", "a.yaml")
    with pytest.raises(ScenarioError, match=r"a\.csv:3: the row has no price"):
        replay(scenario, tmp_path)


def test_virtual_time_is_a_number() -> None:
    document = played("{at: 30, check: {groups: {count: 0}}}").document
    assert document["stats"]["virtual_seconds"] == 30
    assert isinstance(document["stats"]["virtual_seconds"], int)
