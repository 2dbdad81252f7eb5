"""What must be settled before an account trades with the trader's own money (exchanges.md, Credentials)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from app.base.config import Config
from app.base.config.grid import GridSettings
from app.base.config.groups import AccountConfig
from app.domain.values import HUNDRED

LIMITS = ("max_exposure_quote", "daily_loss_limit_quote", "max_order_quote")


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
