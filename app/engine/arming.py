"""Live accounts: none takes entries before a person has armed it (exchanges.md, Credentials)."""

from __future__ import annotations

from app.base.clock import iso
from app.base.config import Config
from app.domain.arming import missing, trades_without_stop
from app.engine.closing import end_entries
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.commands import ArmAccount, CommandResult, DisarmAccount
from app.ports.engine import CommandRefused

NO_STOP = "none"
"""What is typed where a grid of the account has no stop."""


def armed_fact(account: str) -> str:
    return f"armed/{account}"


def is_live(config: Config, account_id: str) -> bool:
    """Whether the account trades with the trader's own money."""
    account = config.account(account_id)
    return account is not None and account.environment == "live"


def armed_in(state: EngineState, account_id: str) -> bool | None:
    """None where the account needs no arming."""
    return bool(state.facts.get(armed_fact(account_id))) if is_live(state.config, account_id) else None


def may_enter(turn: Turn, account_id: str) -> bool:
    return not is_live(turn.config, account_id) or turn.fact(armed_fact(account_id)) is not None


def arm(turn: Turn, command: ArmAccount) -> CommandResult:
    account = turn.config.account(command.account)
    if account is None:
        raise CommandRefused("unknown_account", f"there is no account {command.account}")
    if not is_live(turn.config, account.id):
        raise CommandRefused("not_live", f"{account.id} does not trade live and needs no arming")
    if command.typed_name != account.id:
        raise CommandRefused("wrong_name", f"what was typed is not the account's name, {account.id}")
    lacking = missing(turn.config, account)
    if lacking:
        raise CommandRefused("not_ready", f"to arm {account.id}, set {', '.join(lacking)}")
    if trades_without_stop(turn.config, account) and command.typed_stop != NO_STOP:
        raise CommandRefused("stop_not_set", f"a grid of {account.id} has no stop; set one, or type {NO_STOP}")
    turn.facts.put(armed_fact(account.id), iso(turn.now))
    turn.emit("account.armed", account=account.id)
    turn.wants_promotion = True
    return CommandResult(f"{account.id} trades live from now on")


def disarm(turn: Turn, command: DisarmAccount) -> CommandResult:
    """Unfilled entries are cancelled; exits of open groups go on."""
    if turn.fact(armed_fact(command.account)) is None:
        return CommandResult(f"{command.account} was not armed")
    _disarm(turn, command.account, command.reason)
    return CommandResult(f"{command.account} takes no entries any more; open groups are still managed to their exit")


def follow_config(turn: Turn) -> None:
    """An armed account whose settings are no longer complete, or that is another's now, is disarmed."""
    for account_id in [account.id for account in turn.state.config.accounts if turn.fact(armed_fact(account.id))]:
        reason = _no_longer(turn, account_id)
        if reason is not None:
            _disarm(turn, account_id, reason)
            turn.alert("warning", f"{account_id} was disarmed: {reason}", account=account_id)


def _no_longer(turn: Turn, account_id: str) -> str | None:
    """Why the new settings do not let the account stay armed."""
    before, after = turn.state.config.account(account_id), turn.config.account(account_id)
    if before is None or after is None:
        return "the account was removed"
    if (before.venue, before.market_type, before.environment) != (after.venue, after.market_type, after.environment):
        return "it is another account now"
    lacking = missing(turn.config, after)
    if lacking:
        return f"{', '.join(lacking)} must be set"
    if trades_without_stop(turn.config, after) and not trades_without_stop(turn.state.config, before):
        return "a grid of it has no stop any more"
    return None


def _disarm(turn: Turn, account_id: str, reason: str) -> None:
    turn.facts.put(armed_fact(account_id), "")
    turn.emit("account.disarmed", account=account_id, detail=reason)
    for group in turn.open_groups():
        if group.account == account_id and group.closing is None:
            end_entries(turn, group)
