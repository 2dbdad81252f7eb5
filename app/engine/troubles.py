"""An exchange that cannot be used: what it means for its account, and what the trader is told, once."""

from __future__ import annotations

from datetime import timedelta

from app.engine.inbox import AccountUnreachable
from app.engine.state import AccountState
from app.engine.turn import Turn
from app.messages.reports import BreakerReport

TOLD_AGAIN = timedelta(hours=1)
"""Keys may be refused for orders alone: every look at the account is well then, and every order fails anew."""
SAME_OUTAGE = timedelta(minutes=5)
"""A breaker that opens again so soon has not closed for good."""


def account_unreachable(turn: Turn, message: AccountUnreachable) -> None:
    """Nothing is changed: the account is stale, its entries are held."""
    account = turn.state.accounts[message.account]
    if account.stale_since is None:
        account.stale_since = turn.now
        turn.emit("account.stale", account=message.account, detail=message.reason)
    account.reconciled = False
    account.reason = message.reason
    if message.needs_person:
        tell_refusal(turn, account, message.reason)


def tell_refusal(turn: Turn, account: AccountState, sentence: str) -> None:
    """The account needs a person before anything is asked of it again."""
    was, account.refused = account.refused, sentence
    told_at = account.refusal_told_at
    if was is not None or (told_at is not None and turn.now - told_at < TOLD_AGAIN):
        return
    account.refusal_told_at = turn.now
    turn.alert("critical", f"{account.id} cannot trade, its exits neither: {sentence}", account=account.id)


def tell_breaker(turn: Turn, account: AccountState, report: BreakerReport) -> None:
    told_at, account.breaker_told_at = account.breaker_told_at, turn.now
    if report.is_open and (told_at is None or turn.now - told_at >= SAME_OUTAGE):
        what = f"the breaker of {account.id} is open: entries wait, exits are still tried"
        turn.alert("warning", f"{what}; {report.reason}" if report.reason else what, account=account.id)
