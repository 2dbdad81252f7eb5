"""The smaller groups of settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from app.base.config.model import Settings

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Fraction = Annotated[Decimal, Field(ge=0, lt=1)]


class Fees(Settings):
    maker: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal("0.0002")
    taker: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal("0.0005")


class AccountConfig(Settings):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    """Name of the account, as signals give it."""
    venue: Literal["paper"] = "paper"
    market_type: Literal["spot", "linear"] = "linear"
    environment: Literal["paper"] = "paper"
    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=lambda: {"USDT": Decimal(10_000)})
    """What a new paper account holds, by asset."""
    position_mode: Literal["one_way", "hedge"] = "one_way"
    fees: Fees = Field(default_factory=Fees)
    """Paper fees as fractions of the notional."""
    slippage_bps: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(0)
    """Slippage of paper market orders, in basis points."""


class PoolConfig(Settings):
    max_open_groups: Annotated[int, Field(ge=1, le=1000)] = 10
    """Groups that may be open at once."""


class QueueConfig(Settings):
    replace_same_identity: bool = True
    """A new entry for a queued identity replaces it; otherwise it is ignored."""
    max_size: Annotated[int, Field(ge=1, le=10_000)] = 50
    reprice: Literal["current", "original"] = "current"
    """From which price size, gaps and slippage are counted at promotion."""


class RiskConfig(Settings):
    max_slippage_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(1)
    """How far the current price may be worse than the signal's."""
    max_leverage: Annotated[Decimal, Field(ge=1, le=25)] = Decimal(25)
    leverage_action: Literal["cap", "reject"] = "cap"
    cooldown_sec: Annotated[int, Field(ge=0, le=86_400)] = 300
    """Pause per account and symbol after a new group's entry or a losing close."""
    cooldown_applies_to_pyramids: bool = False


class OrderConfig(Settings):
    timeout_sec: Seconds = 5
    """How long an order request may take before its outcome counts as unknown."""
    unknown_grace_sec: Seconds = 30
    """How long an order of unknown outcome is looked for before it counts as lost."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Tries of one entry."""


class ProtectionConfig(Settings):
    grace_sec: Seconds = 30
    """How long a position may be without its stop."""
    on_failure: Literal["close_position", "alert_only"] = "close_position"
    monitor_interval_sec: Seconds = 10
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 5
    """Tries of one exit before the policy for failures runs."""


class ReconcileConfig(Settings):
    interval_sec: Seconds = 60
    confirm_after_sec: Seconds = 5
    """How long after a surprising read the second one is made."""


class PrecisionConfig(Settings):
    refresh_seconds: Annotated[int, Field(ge=60)] = 172_800
    """Age at which market rules are fetched again."""
    block_on_missing_metadata: bool = True
    """Refuse entries in markets whose rules cannot be fetched; otherwise the fallback rules are used."""
    fallback_tick_size: Annotated[Decimal, Field(gt=0)] = Decimal("0.0001")
    fallback_step_size: Annotated[Decimal, Field(gt=0)] = Decimal("0.001")
    fallback_min_qty: Annotated[Decimal, Field(ge=0)] = Decimal("0.001")
    fallback_min_notional: Annotated[Decimal, Field(ge=0)] = Decimal(10)


class WebhookConfig(Settings):
    host: str = "127.0.0.1"
    port: Port = 8003
    max_age_sec: Seconds = 60
    """Age at which an entry is refused as stale."""
    exit_max_age_sec: Seconds = 900
    """Age at which an exit or a reduction is refused as stale."""
    one_per_bar: bool = True
    """Refuse a second signal of one identity, bar, trade id, action and resulting position."""
    on_addon_without_group: Literal["ignore", "open"] = "ignore"
    """What becomes of an addition to a position that is not open here."""
    drift_action: Literal["alert", "close", "ignore"] = "alert"
    """What is done when the strategy's previous position differs from ours."""
    allow_list_enabled: bool = False
    allow_list: tuple[str, ...] = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
    """Sender addresses that may post; TradingView's four by default."""


class ApiConfig(Settings):
    host: str = "127.0.0.1"
    port: Port = 8002
    docs: bool = False
    """Whether the interactive API pages are served at /docs."""


class PaperConfig(Settings):
    feed: Literal["auto", "random_walk", "file", "script", "manual"] = "auto"
    """Where paper prices come from."""
    feed_file: str | None = None
    """CSV of recorded prices (time, symbol, price) for the feed `file`."""
    interval_sec: Annotated[float, Field(ge=0.01, le=3600)] = 1.0
    """Pause between the steps of the random walk."""
    volatility_percent: Annotated[Decimal, Field(ge=0, le=10)] = Decimal("0.02")
    """Standard deviation of one step of the random walk."""
    seed: int = 1
    latency_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    """Time that the paper exchange takes to answer."""


class LoggingConfig(Settings):
    level: Literal["debug", "info", "warning", "error"] = "info"
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
