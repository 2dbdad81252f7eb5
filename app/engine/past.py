"""What an account leaves behind: none of it is the past of another one that gets its name."""

from __future__ import annotations

from app.engine.figures import forget_peaks
from app.engine.forgetting import watermark_fact
from app.engine.holds import difference_fact, foreign_prefix
from app.engine.money import started_fact
from app.engine.state import external_prefix
from app.engine.turn import Turn


def forget_past(turn: Turn, account: str) -> None:
    """What it was worth, held that is not ours, and was read until. What groups earned on it stays booked."""
    forget_peaks(turn, account)
    single = (started_fact(account), difference_fact(account), watermark_fact(account))
    listed = (*turn.facts_under(foreign_prefix(account)), *turn.facts_under(external_prefix(account)))
    for name in (*single, *listed):
        if turn.fact(name) is not None:
            turn.facts.put(name, "")
    if account in turn.state.balances:
        turn.journal.keep(turn.state, "balances")
        turn.state.balances = {other: told for other, told in turn.state.balances.items() if other != account}
