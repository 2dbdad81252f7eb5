"""How a group is built: legs, take-profits, stops (grid.md)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from app.base.config.model import Settings
from app.base.timeframe import of_group

Percent = Annotated[Decimal, Field(ge=0, le=1000)]
PositivePercent = Annotated[Decimal, Field(gt=0, le=1000)]


class TakeProfitMode(StrEnum):
    PER_LEG = "per_leg"
    AGGREGATE = "aggregate"
    PYRAMID_AGGREGATE = "pyramid_aggregate"
    HYBRID = "hybrid"


class Level(Settings):
    """One rung of the grid."""

    gap_percent: Annotated[Decimal, Field(gt=-100, lt=100)]
    """Distance against the position from the pyramid's entry; its sign does not matter."""
    weight_percent: Annotated[Decimal, Field(gt=0, le=100)]
    """Share of the pyramid's capital."""
    tp_percent: PositivePercent
    """Take-profit distance from the leg's average fill."""


Levels = Annotated[tuple[Level, ...], Field(min_length=1, max_length=7)]


class Trailing(Settings):
    activation_percent: Percent
    """Profit from the average entry at which the stop begins to trail."""
    callback_percent: Annotated[Decimal, Field(gt=0, lt=100)]
    """Distance of the trailing stop from the best price."""


class StopLoss(Settings):
    mode: Literal["percent", "signal"]
    percent: Annotated[Decimal, Field(gt=0, lt=100)] | None = None
    """Distance from the average entry, for mode percent."""
    breakeven_after_tp: Annotated[int, Field(ge=1, le=100)] | None = None
    """After this many exit fills the stop moves to the average entry plus fees."""
    trailing: Trailing | None = None

    @model_validator(mode="after")
    def _percent_with_its_mode(self) -> StopLoss:
        if (self.mode == "percent") != (self.percent is not None):
            raise ValueError("percent is given with mode percent, and only then")
        return self


def _check_levels(levels: tuple[Level, ...]) -> None:
    total = sum(level.weight_percent for level in levels)
    if total != 100:
        raise ValueError(f"weights sum to {total}, not to 100")
    gaps = [abs(level.gap_percent) for level in levels]
    if any(deeper <= shallower for shallower, deeper in pairwise(gaps)):
        raise ValueError("gaps must get strictly deeper leg by leg")


def _default_levels() -> tuple[Level, ...]:
    gaps = ("0", "-0.5", "-1", "-1.5", "-2")
    targets = ("1", "0.5", "2", "1.5", "1")
    return tuple(
        Level(gap_percent=Decimal(gap), weight_percent=Decimal(20), tp_percent=Decimal(target))
        for gap, target in zip(gaps, targets, strict=True)
    )


class GridSettings(Settings):
    entry_order_type: Literal["market", "limit"] = "market"
    """How leg 0 enters; the other legs rest as limit orders."""
    size_from: Literal["signal", "quote", "equity_percent", "risk_percent"] = "signal"
    """Where a pyramid's capital comes from."""
    size_value: Annotated[Decimal, Field(gt=0)] | None = None
    """Quote amount or percent, for every size_from but signal."""
    on_leg_below_minimum: Literal["refuse", "merge"] = "refuse"
    levels: Levels = Field(default_factory=_default_levels)
    pyramid_levels: dict[Annotated[int, Field(ge=0, le=34)], Levels] = Field(default_factory=dict)
    """Other legs for a pyramid index."""
    max_pyramids: Annotated[int, Field(ge=1, le=35)] = 5
    """Entries into one group, the first counted."""
    tp_mode: TakeProfitMode = TakeProfitMode.PER_LEG
    tp_aggregate_percent: PositivePercent = Decimal(1)
    """Take-profit distance from the average entry in the aggregate modes and hybrid."""
    pyramid_tp_percents: dict[Annotated[int, Field(ge=0, le=34)], PositivePercent] = Field(default_factory=dict)
    """Other distances by pyramid index, for pyramid_aggregate."""
    tp_order: Literal["limit", "trigger"] = "limit"
    hybrid_tolerance_percent: Percent = Decimal("0.05")
    max_resting_legs: Annotated[int, Field(ge=1, le=7)] | None = None
    """Unfilled legs of a pyramid that rest at once; all when not set."""
    cancel_entries_when_flat: bool = True
    cancel_beyond_percent: PositivePercent | None = None
    """Cancel unfilled entries once price is this far beyond the last leg."""
    max_holding_minutes: Annotated[int, Field(ge=1)] | None = None
    stop_loss: StopLoss | None = None
    stop_sizing: Literal["filled", "planned"] = "filled"
    min_distance_percent: Percent = Decimal("0.1")
    """Least distance of stop and take-profit from the entry."""
    on_too_near: Literal["adjust", "refuse"] = "adjust"
    entry_reference: Literal["signal", "market"] = "signal"
    leverage: Annotated[Decimal, Field(ge=1, le=25)] = Decimal(1)
    margin_mode: Literal["isolated", "cross"] = "isolated"

    @model_validator(mode="after")
    def _consistent(self) -> GridSettings:
        for levels in (self.levels, *self.pyramid_levels.values()):
            _check_levels(levels)
        if (self.size_from == "signal") != (self.size_value is None):
            raise ValueError("size_value is given with every size_from but signal, and only then")
        if self.size_from == "risk_percent" and self.stop_loss is None:
            raise ValueError("size_from risk_percent needs a stop_loss")
        return self

    def levels_of(self, pyramid: int) -> tuple[Level, ...]:
        return self.pyramid_levels.get(pyramid, self.levels)

    def aggregate_percent_of(self, pyramid: int) -> Decimal:
        return self.pyramid_tp_percents.get(pyramid, self.tp_aggregate_percent)


class GridOverride(Settings):
    """Settings that hold where all the given keys match."""

    account: str | None = None
    symbol: str | None = None
    timeframe: Annotated[str, AfterValidator(of_group)] | None = None
    settings: dict[str, Any]

    def matches(self, key: tuple[str, str, str]) -> bool:
        wanted = (self.account, self.symbol, self.timeframe)
        return all(want is None or want == have for want, have in zip(wanted, key, strict=True))

    @cached_property
    def specificity(self) -> tuple[int, bool, bool, bool]:
        given = (self.symbol is not None, self.timeframe is not None, self.account is not None)
        return (sum(given), *given)


def _merged(base: GridSettings, changes: Mapping[str, Any]) -> GridSettings:
    kept = {name: getattr(base, name) for name in base.model_fields_set if name not in changes}
    return GridSettings.model_validate({**kept, **changes})


class GridConfig(Settings):
    default: GridSettings = Field(default_factory=GridSettings)
    overrides: tuple[GridOverride, ...] = ()
    _resolved: dict[tuple[str, str, str], GridSettings] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _overrides_are_valid(self) -> GridConfig:
        for override in self.overrides:
            _merged(self.default, override.settings)
        return self

    def resolve(self, account: str, symbol: str, timeframe: str) -> GridSettings:
        """The most specific override over the default: more keys first, then symbol, timeframe, account."""
        if not self.overrides:
            return self.default
        key, resolved = (account, symbol, timeframe), self._resolved
        if key not in resolved:
            found = [override for override in self.overrides if override.matches(key)]
            best = max(found, key=lambda override: override.specificity, default=None)
            resolved[key] = self.default if best is None else _merged(self.default, best.settings)
        return resolved[key]
