"""Live accounts: none takes entries before a person has armed it (exchanges.md, Credentials)."""

from __future__ import annotations

from collections.abc import Mapping

from app.base.clock import iso
from app.base.config import Config
from app.domain.arming import Terms, missing, terms_of, trades_without_stop, wider
from app.engine.closing import end_entries
from app.engine.past import forget_past
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.commands import ArmAccount, ChangeKeys, CommandResult, DisarmAccount
from app.ports.engine import CommandRefused

NO_STOP = "none"
"""What is typed where a grid of the account has no stop."""


_PREFIX = "armed/"


def armed_fact(account: str) -> str:
    """What was armed, as the JSON of its `Terms`; empty where it is not."""
    return _PREFIX + account


def is_live(config: Config, account_id: str) -> bool:
    """Whether the account trades with the trader's own money."""
    account = config.account(account_id)
    return account is not None and account.environment == "live"


def armed_in(state: EngineState, account_id: str) -> bool | None:
    """None where the account needs no arming."""
    if not is_live(state.config, account_id):
        return None
    return _is_armed(state.config, account_id, state.facts.get(armed_fact(account_id)), state.key_prints)


def may_enter(turn: Turn, account_id: str) -> bool:
    """An account that is not in the configuration takes nothing: it was removed."""
    account = turn.config.account(account_id)
    if account is None or account.environment != "live":
        return account is not None
    return _is_armed(turn.config, account_id, turn.fact(armed_fact(account_id)), turn.state.key_prints)


def _is_armed(config: Config, account_id: str, fact: str | None, key_prints: Mapping[str, str]) -> bool:
    """Armed, and still for what was armed: the configuration may have been edited on disk."""
    return bool(fact) and _no_longer(config, account_id, fact or "", key_prints) is None


def arm(turn: Turn, command: ArmAccount) -> CommandResult:
    account = turn.config.account(command.account)
    if account is None:
        raise CommandRefused("unknown_account", f"there is no account {command.account}")
    if not is_live(turn.config, account.id):
        raise CommandRefused("not_live", f"{account.id} does not trade live and needs no arming")
    if command.typed_name != account.id:
        raise CommandRefused("wrong_name", f"what was typed is not the account's name, {account.id}")
    state = turn.state.accounts.get(account.id)
    if state is not None and state.refused is not None:
        raise CommandRefused("keys_refused", f"{account.id} cannot be armed: {state.refused}")
    lacking = missing(turn.config, account)
    if lacking:
        raise CommandRefused("not_ready", f"to arm {account.id}, set {', '.join(lacking)}")
    if trades_without_stop(turn.config, account) and command.typed_stop != NO_STOP:
        raise CommandRefused("stop_not_set", f"a grid of {account.id} has no stop; set one, or type {NO_STOP}")
    terms = terms_of(turn.config, account, turn.state.key_prints.get(account.id, ""))
    turn.facts.put(armed_fact(account.id), terms.to_json(iso(turn.now)))
    turn.emit("account.armed", account=account.id)
    turn.wants_promotion = True
    return CommandResult(f"{account.id} trades live from now on")


def disarm(turn: Turn, command: DisarmAccount) -> CommandResult:
    """Unfilled entries are cancelled; exits of open groups go on."""
    if turn.fact(armed_fact(command.account)) is None:
        return CommandResult(f"{command.account} was not armed")
    _disarm(turn, command.account, command.reason)
    return CommandResult(f"{command.account} takes no entries any more; open groups are still managed to their exit")


def change_keys(turn: Turn, change: ChangeKeys) -> None:
    """Other keys may be of another account, on which the open groups have no position."""
    account = change.account
    if not change.same_account and any(group.account == account for group in turn.open_groups()):
        raise other_keys_refused(account)
    if not change.same_account:
        forget_past(turn, account)
        _note_another(turn, account)
    turn.journal.keep(turn.state, "key_prints")
    turn.state.key_prints = {**turn.state.key_prints, account: change.key_print}
    if turn.fact(armed_fact(account)) is not None:
        _disarm(turn, account, "its keys were changed")


def _note_another(turn: Turn, account: str) -> None:
    state = turn.state.accounts.get(account)
    if state is not None:
        turn.journal.keep(state, "is_another")
        state.is_another = True


def other_keys_refused(account: str) -> CommandRefused:
    return CommandRefused(
        "account_in_use",
        f"groups are open on {account}: close them first; or, if the new keys are of the same account at the "
        "exchange, give them on the command line with --same-account",
    )


def follow_config(turn: Turn) -> None:
    """Disarm what may do more than was armed, or is another's now: at the start, and with every configuration."""
    names = [name for name in {**turn.facts.base, **turn.facts.changes} if name.startswith(_PREFIX)]
    for account_id in [name.removeprefix(_PREFIX) for name in names]:
        fact = turn.fact(armed_fact(account_id))
        reason = None if fact is None else _no_longer(turn.config, account_id, fact, turn.state.key_prints)
        if reason is not None:
            _disarm(turn, account_id, reason)
            turn.alert("warning", f"{account_id} was disarmed: {reason}", account=account_id)


def _no_longer(config: Config, account_id: str, fact: str, key_prints: Mapping[str, str]) -> str | None:
    """Why what was armed is not what would trade now."""
    account = config.account(account_id)
    if account is None:
        return "the account was removed"
    lacking = missing(config, account)
    if lacking:
        return f"{', '.join(lacking)} must be set"
    armed = Terms.from_json(fact)
    if armed is None:
        return "what was armed cannot be read"
    return "; ".join(wider(armed, terms_of(config, account, key_prints.get(account_id, "")))) or None


def _disarm(turn: Turn, account_id: str, reason: str) -> None:
    turn.facts.put(armed_fact(account_id), "")
    turn.emit("account.disarmed", account=account_id, detail=reason)
    for group in turn.open_groups():
        if group.account == account_id and group.closing is None:
            end_entries(turn, group)
