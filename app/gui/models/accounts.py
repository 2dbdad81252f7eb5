"""How accounts stand, and what tests of their keys found: snapshots in, words and icons out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.gui import formats
from app.messages.reports import NOTABLE_SKEW_MS
from app.messages.snapshots import AccountSnapshot, EngineSnapshot, ExternalOrderSnapshot
from app.ports.accounts import KeyReport, Told, Wire

NO_KEYS = "none"
"""How a masked key is written where the vault has none."""
NO_STOP = "none"
"""What is typed where nothing cuts a loss short."""
NEARLY_USED = 0.8
ENVIRONMENTS = {"paper": "PAPER", "testnet": "TESTNET", "live": "LIVE"}
VENUES = {
    "paper": "Paper",
    "binance": "Binance",
    "bybit": "Bybit",
    "aster": "Aster",
    "okx": "OKX",
    "kucoin": "KuCoin",
    "gate": "Gate",
    "mexc": "MEXC",
}
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands. `icon` is None for a plain light; `word` is short and empty where all is well."""

    state: str
    """breaker, away, no_keys, held, stale, no_stops, clock, read_only or connected: the worst first."""
    icon: str | None
    color: str
    word: str
    sentence: str

    @property
    def rank(self) -> int:
        return _STATES.index(self.state)

    @property
    def is_trouble(self) -> bool:
        """Whether a person should look; an account that waits for its arming is none."""
        return self.state not in {"read_only", "connected"}


_STATES = ("breaker", "away", "no_keys", "held", "stale", "no_stops", "clock", "read_only", "connected")


def standing(account: AccountSnapshot, now: datetime, *, has_keys: bool = True) -> Standing:
    if not has_keys:
        return Standing("no_keys", "key-round", "warning", "no keys", "There are no keys for it; add them.")
    if account.breaker_since is not None:
        passed = formats.spoken_age(now - account.breaker_since)
        said = f"The exchange has not answered for {passed}; requests fail at once until it does."
        return Standing("breaker", "unplug", "critical", f"breaker {passed}", said)
    since = formats.spoken_age(now - account.stale_since) if account.stale_since is not None else ""
    reason = formats.sentence(account.reason or "")
    if not account.connected:
        return Standing("away", "unplug", "critical", f"away {since}".strip(), f"Not connected. {reason}".strip())
    if account.hold is not None:
        return Standing("held", "octagon-x", "critical", "entries held", f"It takes no entries: {account.reason}.")
    if account.stale:
        said = f"Stale {f'since {since}' if since else ''}".strip()
        return Standing("stale", "triangle-alert", "warning", f"stale {since}".strip(), f"{said}. {reason}".strip())
    return _settled(account)


def _settled(account: AccountSnapshot) -> Standing:
    """Of an account that is connected and read."""
    if account.conditional_refused is not None:
        said = f"It takes no stops ({account.conditional_refused}): they are watched here, only while Ziggurat runs."
        return Standing("no_stops", "triangle-alert", "warning", "stops watched", said)
    skew = account.clock_skew_ms
    if skew is not None and abs(skew) > NOTABLE_SKEW_MS:
        off = f"{abs(skew) / 1000:.1f} s"
        said = f"This computer's clock is {off} {'ahead of' if skew > 0 else 'behind'} the exchange's; set it right."
        return Standing("clock", "clock", "warning", f"clock {off} off", said)
    if is_read_only(account):
        return Standing("read_only", "lock", "text_secondary", "read-only", "Read-only until it is armed.")
    return Standing("connected", None, "positive", "", "Connected.")


def is_read_only(account: AccountSnapshot) -> bool:
    return account.armed is False


@dataclass(frozen=True, slots=True)
class Choice:
    """A way out of a hold: its button, and the page that asks before it is gone."""

    name: str
    button: str
    title: str
    sentences: tuple[str, ...]
    do: str


def hold_choices(account: AccountSnapshot) -> tuple[Choice, ...]:
    """What a person may decide where the account's entries are held; none where they are not."""
    name = account.id
    if account.hold == "foreign":
        return (
            Choice(
                "ignore",
                "Leave them alone\u2026",
                f"Leave the other instance's orders on {name} alone?",
                (
                    "They are never touched, now and later, and what they buy or sell is not counted as Ziggurat's.",
                    f"{name} takes entries beside them. Right when the other Ziggurat still runs on it.",
                ),
                "Leave them alone",
            ),
            Choice(
                "adopt",
                "Take them over\u2026",
                f"Take over the other instance's orders on {name}?",
                (
                    "They count as ours: those of groups that are open here are taken over. Of the others, entries are "
                    "cancelled at the exchange; exits of a position that stays are left there, and nothing here "
                    "watches it.",
                    "Right only when the other Ziggurat is gone for good; two that manage the same orders undo each "
                    "other's work.",
                ),
                "Take them over",
            ),
        )
    if account.hold == "difference":
        return (
            Choice(
                "accept",
                "They are gone\u2026",
                f"Accept what {name} has lost?",
                (
                    "Look at the exchange first: a wrong key or an empty answer looks the same.",
                    "Groups that the next reading still does not find there are shrunk or closed at the last price; "
                    "their result is an estimate.",
                ),
                "They are gone",
            ),
        )
    return ()


def others_of(account: AccountSnapshot) -> list[tuple[str, str, str, str, str]]:
    """What lies on the account that is not Ziggurat's, as (symbol, side, type, quantity, price)."""
    positions = [
        (symbol, side or ("long" if quantity > 0 else "short"), "position", formats.plain(abs(quantity)), "")
        for (symbol, side), quantity in ((_book(name), quantity) for name, quantity in account.external.items())
    ]
    orders = [
        (order.symbol, order.side, order.type.replace("_", " "), formats.plain(order.quantity), _price(order))
        for order in account.external_orders
    ]
    return [*positions, *orders]


def _book(name: str) -> tuple[str, str]:
    """The symbol of a position, and its side where it is told."""
    symbol, _, side = name.rpartition("/")
    return (symbol, side) if side in {"long", "short"} else (name, "")


def _price(order: ExternalOrderSnapshot) -> str:
    if order.trigger_price is not None:
        return f"from {formats.plain(order.trigger_price)}"
    return formats.plain(order.price) if order.price is not None else formats.NOTHING


def read_only_reason(accounts: Iterable[AccountSnapshot], account_id: str) -> str | None:
    """Why nothing may be opened on the account by hand, with the way out; None where it may."""
    if any(account.id == account_id and is_read_only(account) for account in accounts):
        return f"{account_id} is read-only: its live trading is not armed. Arm it under Accounts (Ctrl+Shift+A)."
    return None


def money_unit(engine: EngineSnapshot) -> str:
    """The currency, and whose money it is where accounts of another environment are left out."""
    money = engine.money
    is_whole = all(account.environment == money.environment for account in engine.accounts)
    return money.currency if is_whole else f"{money.currency} {money.environment}"


def worst_first(accounts: Sequence[AccountSnapshot], standings: Mapping[str, Standing]) -> list[AccountSnapshot]:
    """Troubles first, then armed live accounts, in the configuration's order otherwise."""
    return sorted(accounts, key=lambda account: (_order(standings[account.id]), not account.armed))


def _order(stands: Standing) -> int:
    return stands.rank if stands.is_trouble else len(_STATES)


def used(wire: Wire) -> float | None:
    """The fullest part used of the exchange's limits; None where there are none."""
    return max(wire.limits_used.values(), default=None)


def used_text(wire: Wire) -> str:
    """`weight 18%, orders 2%`."""
    return ", ".join(f"{kind} {part:.0%}" for kind, part in wire.limits_used.items()) or formats.NOTHING


def rules_text(wire: Wire, now: datetime) -> str:
    if wire.rules_at is None:
        return formats.NOTHING
    return formats.spoken_age(max(now - wire.rules_at, timedelta(0)))


# ---------------------------------------------------------------------- tests of keys


@dataclass(frozen=True, slots=True)
class Finding:
    icon: str
    color: str
    sentence: str


_GOOD = ("circle-check", "positive")
_BAD = ("octagon-x", "critical")
_DOUBTFUL = ("triangle-alert", "warning")
_UNKNOWN = ("circle-help", "text_secondary")
_NEUTRAL = ("info", "text_secondary")


def findings(report: KeyReport) -> list[Finding]:
    """One sentence for each thing that was asked."""
    skew = report.clock_skew_ms.value
    is_off = skew is not None and abs(skew) > NOTABLE_SKEW_MS
    return [
        _finding(report.reachable, {True: _GOOD, False: _BAD}),
        _finding(report.may_trade, {True: _GOOD, False: _BAD}),
        _finding(report.may_withdraw, {True: _BAD, False: _GOOD}),
        _finding(report.address_restricted, {True: _GOOD, False: _DOUBTFUL}),
        _finding(report.position_mode, {"one_way": _NEUTRAL, "hedge": _NEUTRAL}),
        _finding(report.clock_skew_ms, {skew: _DOUBTFUL if is_off else _GOOD} if skew is not None else {}),
    ]


def _finding(told: Told[Any], marks: Mapping[Any, tuple[str, str]]) -> Finding:
    icon, color = marks.get(told.value, _UNKNOWN)
    return Finding(icon, color, formats.sentence(told.detail))


def key_refusal(report: KeyReport, *, withdrawal_accepted: bool) -> str | None:
    """Why keys that were tested so are not kept; None where they are."""
    if report.reachable.value is False:
        return "The exchange must answer before keys are kept."
    if report.may_trade.value is False:
        return "Keys that may not trade are not kept."
    if report.unasked is not None:
        return "It could not be asked what these keys may do. Test them again."
    if report.may_withdraw.value and not withdrawal_accepted:
        return "These keys may withdraw. Make keys without it, or accept the danger."
    return None


# ---------------------------------------------------------------------- what is typed


def id_fault(text: str, taken: Iterable[str]) -> str | None:
    """What is wrong with the name of a new account; None where it will do."""
    if not text:
        return "Give the account a name; alerts call it by it."
    if _ID.fullmatch(text) is None:
        return "A name has up to 32 small letters, digits, - and _, and begins with a letter or digit."
    return f"There is an account {text} already." if text in set(taken) else None


def symbols_of(text: str) -> list[str] | None:
    """Markets separated by commas or spaces; None where none is named."""
    return re.split(r"[,\s]+", text.strip(", \t\n").upper()) if text.strip(", \t\n") else None


LIMIT_WORDS = {
    "risk.max_order_quote": "The most that a single entry order may be worth",
    "risk.max_exposure_quote": "The most that all that is open and rests may come to, all live accounts together",
    "risk.daily_loss_limit_quote": "The loss of a day (UTC) that trips the emergency stop",
}


def missing_limits(plan: Mapping[str, Any]) -> list[str]:
    """Those that are set once for all live accounts."""
    return [name for name in plan["missing"] if name in LIMIT_WORDS]


def arm_refusal(plan: Mapping[str, Any], account_id: str, typed_name: str, typed_stop: str) -> str | None:
    """Why the account cannot be armed with what was typed; None where it can."""
    if plan["missing"]:
        return f"Set {', '.join(plan['missing'])} first."
    if typed_name != account_id:
        return f"Type {account_id} first."
    if plan["without_stop"] and typed_stop != NO_STOP:
        return f"Type {NO_STOP} first: a grid of it has no stop."
    return None
