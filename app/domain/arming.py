"""What must be settled before an account trades with the trader's own money (exchanges.md, Credentials)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from app.base.config import Config
from app.base.config.grid import GridSettings
from app.base.config.groups import AccountConfig
from app.domain.values import HUNDRED

LIMITS = ("max_exposure_quote", "daily_loss_limit_quote", "max_order_quote")


def leading_environment(accounts: Iterable[tuple[str, bool]]) -> str:
    """The one whose money matters most, of accounts as (environment, whether its money is at work).

    live where real money is; otherwise the first of testnet, paper and live in which there is an account.
    """
    known = set(accounts)
    if ("live", True) in known:
        return "live"
    there = {environment for environment, _ in known}
    return next((one for one in ("testnet", "paper", "live") if one in there), "paper")


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Quote money in everything that may be open at once, and the factors that it comes from."""

    groups: int
    pyramids: int
    capital: Decimal
    leverage: Decimal

    @property
    def total(self) -> Decimal:
        return self.groups * self.pyramids * self.capital * self.leverage


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account is armed for. `limits` by name, `keys` the fingerprint of the keys."""

    venue: str
    market_type: str
    environment: str
    allowed_symbols: tuple[str, ...]
    limits: Mapping[str, Decimal]
    without_stop: bool
    keys: str

    def to_json(self, at: str) -> str:
        """With the moment of arming."""
        limits = {name: f"{most:f}" for name, most in self.limits.items()}
        return json.dumps({**asdict(self), "limits": limits, "at": at})

    @classmethod
    def from_json(cls, text: str) -> Terms | None:
        """None where `text` is not what `to_json` wrote."""
        try:
            kept = json.loads(text)
            return cls(
                venue=kept["venue"],
                market_type=kept["market_type"],
                environment=kept["environment"],
                allowed_symbols=tuple(kept["allowed_symbols"]),
                limits={name: Decimal(kept["limits"][name]) for name in LIMITS},
                without_stop=kept["without_stop"],
                keys=kept["keys"],
            )
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            return None


def terms_of(config: Config, account: AccountConfig, keys: str) -> Terms:
    """Of an account from which nothing is `missing`."""
    limits = {name: getattr(config.risk, name) for name in LIMITS}
    return Terms(
        venue=account.venue,
        market_type=account.market_type,
        environment=account.environment,
        allowed_symbols=account.allowed_symbols or (),
        limits={name: most for name, most in limits.items() if most is not None},
        without_stop=trades_without_stop(config, account),
        keys=keys,
    )


def wider(armed: Terms, now: Terms) -> list[str]:
    """By what an account could do more than was armed, or is another one, in words; what is narrower is no matter."""
    changed = [
        f"it is another account now: {name.replace('_', ' ')} {before} became {after}"
        for name in ("venue", "market_type", "environment")
        if (before := getattr(armed, name)) != (after := getattr(now, name))
    ]
    raised = [
        f"risk.{name} was raised from {armed.limits[name]:f} to {most:f}"
        for name, most in now.limits.items()
        if most > armed.limits[name]
    ]
    added = sorted(set(now.allowed_symbols) - set(armed.allowed_symbols))
    if added:
        raised.append(f"{', '.join(added)} may be entered too")
    if now.without_stop and not armed.without_stop:
        raised.append("a grid of it has no stop any more")
    if now.keys != armed.keys:
        raised.append("its keys are others")
    return [*changed, *raised]


def missing(config: Config, account: AccountConfig) -> tuple[str, ...]:
    """The settings that are still to be made, as they are named in the configuration."""
    limits = [f"risk.{name}" for name in LIMITS if getattr(config.risk, name) is None]
    if not account.allowed_symbols:
        limits.append(f"allowed_symbols of {account.id}")
    return tuple(limits)


def trades_without_stop(config: Config, account: AccountConfig) -> bool:
    """Whether some grid of this account has no stop."""
    return any(settings.stop_loss is None for settings in _grids(config, account))


def worst_case(config: Config, account: AccountConfig, equity: Decimal | None) -> WorstCase | None:
    """Of the account's most daring grid; None while nothing bounds an order.

    A grid whose capital is neither fixed nor a share of `equity` is counted with every leg at `max_order_quote`.
    """
    most = config.risk.max_order_quote
    cases = []
    for settings in _grids(config, account):
        capital = _capital(settings, most, equity)
        if capital is None:
            return None
        leverage = min(settings.leverage, config.risk.max_leverage) if account.market_type == "linear" else Decimal(1)
        cases.append(WorstCase(config.pool.max_open_groups, settings.max_pyramids, capital, leverage))
    return max(cases, key=lambda case: case.total)


def _grids(config: Config, account: AccountConfig) -> Iterator[GridSettings]:
    """The default, and each override that may hold on the account."""
    yield config.grid.resolve(account.id, "", "")
    for override in config.grid.overrides:
        if override.account in {None, account.id}:
            yield config.grid.resolve(account.id, override.symbol or "", override.timeframe or "")


def _capital(settings: GridSettings, most: Decimal | None, equity: Decimal | None) -> Decimal | None:
    if settings.size_from == "quote":
        return settings.size_value
    if settings.size_from == "equity_percent" and settings.size_value is not None and equity is not None:
        return equity * settings.size_value / HUNDRED
    legs = max(len(levels) for levels in (settings.levels, *settings.pyramid_levels.values()))
    return None if most is None else legs * most
