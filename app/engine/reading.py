"""What a signal says here: on which account, what is wanted, and whether its key may want it."""

from __future__ import annotations

from dataclasses import dataclass

from app.base.changing import changed
from app.domain.alert_body import FieldError
from app.domain.refusal import Refusal
from app.domain.risk.worth import spent_at_most
from app.domain.signal import Intent, Signal, WhatIsWanted, interpret, venue_of
from app.domain.sizing import pyramid_capital
from app.domain.symbol import quote_of
from app.domain.values import Identity
from app.engine.arming import is_live
from app.engine.money import equity_of
from app.engine.turn import Turn
from app.messages.commands import KeyGrant

ENTERING = frozenset({Intent.ENTRY, Intent.REVERSE})


@dataclass(frozen=True, slots=True)
class Reading:
    """A signal whose account is known."""

    signal: Signal
    wanted: WhatIsWanted
    identity: Identity


def read(turn: Turn, signal: Signal, grant: KeyGrant | None) -> Reading | list[FieldError]:
    """The signal with its account, or the fields that do not fit."""
    account = _account(turn, signal)
    if isinstance(account, FieldError):
        return [account]
    wanted = interpret(signal)
    refused = (
        _not_granted(turn, grant, account, signal, wanted)
        or _lacks_size(turn, account, signal, wanted)
        or _above_grant(turn, grant, account, signal, wanted)
    )
    if refused is not None:
        return [refused]
    bounded = signal if grant is None else changed(signal, max_quote=grant.max_quote)
    return Reading(bounded, wanted, signal.identity(account, wanted.side))


def _account(turn: Turn, signal: Signal) -> str | FieldError:
    """The named account; else the one at the signal's venue; else the one on the paper exchange, which takes all."""
    if signal.account is not None:
        return _named(turn, signal, signal.account)
    fitting = [item for item in turn.config.accounts if item.market_type == signal.market_type]
    venue = venue_of(signal.exchange)
    there = [item for item in fitting if venue is None or item.venue == venue]
    found = there or [item for item in fitting if item.venue == "paper"]
    if len(found) == 1:
        return found[0].id
    how_many = "no account" if not found else "more than one account"
    return FieldError("account", " ".join(f"{how_many} for {signal.exchange} {signal.market_type}; name one".split()))


def _named(turn: Turn, signal: Signal, account_id: str) -> str | FieldError:
    named = turn.config.account(account_id)
    if named is None:
        return FieldError("account", f"there is no account {account_id}")
    if named.market_type != signal.market_type:
        return FieldError("account", f"{named.id} trades {named.market_type}, the symbol is {signal.market_type}")
    return named.id


def _lacks_size(turn: Turn, account: str, signal: Signal, wanted: WhatIsWanted) -> FieldError | None:
    if wanted.intent not in ENTERING or wanted.size is not None:
        return None
    if turn.config.grid.resolve(account, signal.symbol, signal.timeframe).size_from != "signal":
        return None
    return FieldError("tv.order_size", "is missing: the grid takes its size from the signal")


def _not_granted(
    turn: Turn, grant: KeyGrant | None, account: str, signal: Signal, wanted: WhatIsWanted
) -> FieldError | None:
    if grant is None:
        return None
    if grant.accounts and account not in grant.accounts:
        return FieldError("account", f"this key may not trade on {account}")
    if is_live(turn.config, account) and not grant.allows_live:
        return FieldError("account", f"this key may not trade on {account}, which is live")
    if grant.symbols and signal.symbol not in grant.symbols:
        return FieldError("tv.symbol", f"this key may not trade {signal.symbol}")
    intents = {wanted.intent.value, signal.intent_type}
    if grant.intents and not intents & set(grant.intents):
        return FieldError("execution_intent.type", f"this key may not send {signal.intent_type}")
    return None


def _above_grant(
    turn: Turn, grant: KeyGrant | None, account: str, signal: Signal, wanted: WhatIsWanted
) -> FieldError | None:
    """What is plain at once, so that the sender is answered 422; the checks bound what is really sent."""
    if grant is None or grant.max_quote is None or wanted.intent not in ENTERING:
        return None
    settings = turn.config.grid.resolve(account, signal.symbol, signal.timeframe)
    quote = turn.state.quote(account, signal.symbol)
    price = signal.reference_price
    if settings.entry_reference == "market" and quote is not None:
        price = quote.executable(wanted.side.entry_order_side)
    equity = equity_of(turn.state, turn.open_groups(), account, quote_of(signal.symbol))
    capital = pyramid_capital(settings, wanted.size, signal.size_type, price, equity, wanted.side, 0, signal.stop_loss)
    if isinstance(capital, Refusal):
        return None
    spent = spent_at_most(settings, wanted.side, price, capital, quote)
    if spent <= grant.max_quote:
        return None
    return FieldError("tv.order_size", f"this key may not spend {spent:.2f}, at most {grant.max_quote:f}")


def refusal_code(errors: list[FieldError]) -> str:
    """The code under which what `read` found is recorded."""
    if errors and "this key may not" in errors[0].reason:
        return "key_not_allowed"
    return "unknown_account" if errors and errors[0].field == "account" else "invalid"
