"""A crash right after every commit, and before and after every send, ends where the uninterrupted run ends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.replay.model import Scenario, parse_scenario
from app.replay.runner import Replay, replay

HERE = Path(__file__).parent
MARKET = '{tick_size: "0.01", step_size: "0.001", min_qty: "0.001", min_notional: "5", price: "200"}'
LEVELS = "[{gap_percent: 0, weight_percent: 50, tp_percent: 3}, {gap_percent: -2, weight_percent: 50, tp_percent: 4}]"
ENTRY = "signal: {action: buy, symbol: SOLUSDT.P, timeframe: '60', price: 200, size: 400, size_type: quote}"
EXIT = "signal: {action: sell, intent: exit, symbol: SOLUSDT.P, timeframe: '60', price: 199}"
REVERSE = (
    "signal: {action: sell, intent: reverse, symbol: SOLUSDT.P, timeframe: '60', price: 199, size: 398, "
    "size_type: quote}"
)
STOP = "stop_loss: {mode: percent, percent: 10}"
PRICE = 'price: {"SOL/USDT:USDT": "%s"}'

STORIES: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "entry": ("", [(0, ENTRY)]),
    "take-profit": ("", [(0, ENTRY), (200, PRICE % "196"), (400, PRICE % "204"), (600, PRICE % "207")]),
    "stop": (STOP, [(0, ENTRY), (200, PRICE % "196"), (400, PRICE % "170")]),
    "exit": (STOP, [(0, ENTRY), (200, PRICE % "199"), (400, EXIT)]),
    "reverse": (STOP, [(0, ENTRY), (200, PRICE % "199"), (400, REVERSE)]),
    "pairs": (STOP, [(0, ENTRY), (200, PRICE % "196"), (400, PRICE % "204"), (600, PRICE % "170")]),
    "pair-exit": (STOP, [(0, ENTRY), (200, PRICE % "196"), (400, EXIT)]),
}
"""Each with time enough between its steps for everything in doubt to be looked up and sent again. Those of pairs are
told of a spot market, where each leg's take-profit shares its coins with a stop."""


def scenario(story: str, crash: str | None) -> Scenario:
    settings, steps = STORIES[story]
    lines = [f"  - {{at: 0, crash: {crash}}}"] if crash else []
    lines += [f"  - {{at: {at}, {step}}}" for at, step in steps]
    grid = f"grid: {{default: {{levels: {LEVELS}{', ' + settings if settings else ''}}}}}"
    is_spot = story.startswith("pair")
    market_type = ", market_type: spot" if is_spot else ""
    text = (
        f"name: {story}\naccounts: [{{id: paper{market_type}, fees: {{maker: '0', taker: '0'}}}}]\n"
        f'markets: {{"SOL/USDT:USDT": {MARKET}}}\n'
        f"config: {{risk: {{cooldown_sec: 0}}, webhook: {{max_age_sec: 300}}, {grid}}}\nsteps:\n"
        + "\n".join(lines)
        + f"\n  - {{at: {steps[-1][0] + 200}, command: {{reconcile: {{}}}}}}\n"
    )
    return parse_scenario(text.replace("USDT:USDT", "USDT").replace("USDT.P", "USDT") if is_spot else text, story)


def ending(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same however the run was interrupted: groups, legs, and the venue's books."""
    legs = ("price", "quantity", "status", "filled", "exit_price")
    groups = [
        {
            **{
                key: group[key] for key in ("symbol", "side", "status", "close_reason", "open_quantity", "realized_pnl")
            },
            "legs": [{key: leg[key] for key in legs} for leg in group["legs"]],
        }
        for group in document["groups"]
    ]
    orders = sorted(
        (order["role"], order["side"], str(order["price"]), str(order["trigger_price"]), order["quantity"])
        for order in document["venue"]["open_orders"]
    )
    signals = [(record["outcome"], record["reason"]) for record in document["signals"]]
    return {
        "groups": groups,
        "orders": orders,
        "signals": signals,
        "positions": document["venue"]["positions"],
        "balances": document["venue"]["balances"],
    }


@cache
def uninterrupted(story: str) -> Replay:
    return replay(scenario(story, None), HERE)


def interruptions(story: str) -> Iterator[str]:
    """Every crash there can be: until one is armed that never fires."""
    stats = uninterrupted(story).document["stats"]
    commits, sends = stats["commits"], stats["requests_sent"]
    for number in range(1, commits + 1):
        yield f"{{at_commit: {number}}}"
    for number in range(1, sends + 1):
        for when in ("before", "after"):
            yield f"{{at_send: {number}, when: {when}}}"


CASES = [(story, crash) for story in STORIES for crash in interruptions(story)]


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(("story", "crash"), CASES, ids=[f"{story}-{crash}" for story, crash in CASES])
def test_a_crash_ends_where_the_uninterrupted_run_ends(story: str, crash: str) -> None:
    whole = uninterrupted(story)
    broken = replay(scenario(story, crash), HERE)

    assert broken.document["invariant_violations"] == []
    assert ending(broken.document) == ending(whole.document)


def test_the_sweep_meets_every_story_many_times() -> None:
    assert all(sum(name == story for name, _ in CASES) >= 6 for story in STORIES)
