"""The smaller groups of settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.base.config.model import Settings

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Minutes = Annotated[int, Field(ge=1, le=1440)]


class Fees(Settings):
    maker: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal("0.0002")
    taker: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal("0.0005")


VenueName = Literal["paper", "binance", "bybit", "aster", "okx", "kucoin", "gate", "mexc"]
WITHOUT_TESTNET = frozenset({"aster", "kucoin", "mexc"})
PAPER_ONLY = ("balances", "position_mode", "fees", "slippage_bps", "fill_size_quote", "funding_rate")


class AccountConfig(Settings):
    """An account at an exchange; its keys are in the vault. The paper exchange's settings are refused on a real one."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    """Name of the account, as signals give it."""
    venue: VenueName = "paper"
    market_type: Literal["spot", "linear"] = "linear"
    environment: Literal["paper", "testnet", "live"] = "paper"
    """Whose money it is: nobody's (`paper` on the paper exchange, `testnet` elsewhere) or the trader's (`live`)."""
    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=lambda: {"USDT": Decimal(10_000)})
    """What a new paper account holds, by asset."""
    position_mode: Literal["one_way", "hedge"] = "one_way"
    fees: Fees = Field(default_factory=Fees)
    """Paper fees as fractions of the notional."""
    slippage_bps: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(0)
    """Slippage of paper market orders, in basis points."""
    fill_size_quote: Annotated[Decimal, Field(gt=0)] | None = None
    """How much of the quote currency one paper order fills at each price; all of it when not set."""
    funding_rate: Annotated[Decimal, Field(ge=Decimal("-0.05"), le=Decimal("0.05"))] = Decimal(0)
    """What a paper long pays a paper short every eight hours, as a fraction of the position's worth."""
    allowed_symbols: tuple[str, ...] | None = None
    """Markets that may be entered, in ccxt's spelling; all when not set."""

    @model_validator(mode="after")
    def _environment_is_the_venues(self) -> AccountConfig:
        if self.venue == "paper" and self.environment != "paper":
            raise ValueError(f"the paper exchange has no {self.environment} environment")
        if self.venue != "paper" and self.environment == "paper":
            raise ValueError(f"an account at {self.venue} says whether its environment is testnet or live")
        if self.environment == "testnet" and self.venue in WITHOUT_TESTNET:
            raise ValueError(f"{self.venue} has no test network that can be reached")
        return self

    @model_validator(mode="after")
    def _paper_settings_are_for_paper(self) -> AccountConfig:
        fields = type(self).model_fields
        set_here = [
            name for name in PAPER_ONLY if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        ]
        if self.venue != "paper" and set_here:
            raise ValueError(f"{', '.join(set_here)}: only the paper exchange is told this, {self.venue} has its own")
        return self


RankRule = Literal[
    "pyramid_continuation", "deepest_loss_percent", "highest_replacement_count", "highest_expected_profit", "fifo"
]
Quote = Annotated[Decimal, Field(gt=0)]
Percent = Annotated[Decimal, Field(gt=0, le=100)]


class PoolConfig(Settings):
    max_open_groups: Annotated[int, Field(ge=1, le=1000)] = 10
    """Groups that may be open at once."""
    count_pyramids: bool = False
    """Whether every pyramid takes a slot, not only every group."""


class QueueConfig(Settings):
    replace_same_identity: bool = True
    """A new entry for a queued identity replaces it; otherwise it is ignored."""
    max_size: Annotated[int, Field(ge=1, le=10_000)] = 50
    reprice: Literal["current", "original"] = "current"
    """From which price size, gaps and slippage are counted at promotion."""
    selection_priority: tuple[RankRule, ...] = (
        "pyramid_continuation",
        "deepest_loss_percent",
        "highest_replacement_count",
        "fifo",
    )
    """Rules of rank, the first decides first; one that is not named is off."""
    max_age_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    """Age since the last replacement at which an entry expires; three bars of its timeframe when not set."""
    max_drift_percent: Annotated[Decimal, Field(gt=0, le=100)] | None = None
    """How far the price may move from an entry's before it expires."""
    pause_after_stop_sec: Annotated[int, Field(ge=0, le=86_400)] = 300
    """How long nothing is promoted after a stop-loss close."""

    @model_validator(mode="after")
    def _rules_are_named_once(self) -> QueueConfig:
        if len(set(self.selection_priority)) != len(self.selection_priority):
            raise ValueError("selection_priority names a rule twice")
        return self


class RiskConfig(Settings):
    max_slippage_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(1)
    """How far the current price may be worse than the signal's."""
    slippage_action: Literal["warn", "ignore"] = "warn"
    """What is done when a market exit filled further off than that."""
    max_leverage: Annotated[Decimal, Field(ge=1, le=25)] = Decimal(25)
    leverage_action: Literal["cap", "reject"] = "cap"
    cooldown_sec: Annotated[int, Field(ge=0, le=86_400)] = 300
    """Pause per account and symbol after a new group's entry or a losing close."""
    cooldown_applies_to_pyramids: bool = False
    stop_guard_count: Annotated[int, Field(ge=1, le=1000)] | None = None
    """So many stop-loss closes within the window pause entries; off when not set."""
    stop_guard_window_minutes: Minutes = 60
    stop_guard_pause_minutes: Minutes = 60
    """How long entries pause, counted from the last of those stops."""
    stop_guard_scope: Literal["symbol", "all"] = "symbol"
    low_profit_bound_quote: Decimal | None = None
    """A symbol that realised less than this within the window is left alone; off when not set."""
    low_profit_window_minutes: Minutes = 1440
    low_profit_min_trades: Annotated[int, Field(ge=1, le=1000)] = 2
    """Closed trades within the window before the bound counts."""
    max_order_quote: Quote | None = None
    """The largest single entry order."""
    max_open_groups_per_symbol: Annotated[int, Field(ge=1, le=1000)] | None = None
    max_open_groups_per_account: Annotated[int, Field(ge=1, le=1000)] | None = None
    max_exposure_quote: Quote | None = None
    """Worst case of everything that is open or may still fill, all accounts of one environment together."""
    max_exposure_per_symbol_quote: Quote | None = None
    max_exposure_per_account_quote: Quote | None = None
    daily_loss_limit_quote: Quote | None = None
    """Loss since 00:00 UTC that trips the emergency stop."""
    daily_loss_basis: Literal["total", "realized"] = "total"
    """Whether the change in unrealised P&L counts."""
    daily_loss_reset: Literal["manual", "next_day"] = "manual"
    """Whether a stop for the daily loss ends by itself at the next UTC day."""
    max_drawdown_percent: Percent | None = None
    """Fall of equity from its peak that trips the emergency stop."""
    drawdown_window_days: Annotated[int, Field(ge=1, le=365)] = 30
    """How far back the peak is looked for."""
    liquidation_buffer_percent: Annotated[Decimal, Field(ge=0, le=50)] = Decimal(1)
    """How far beyond the stop and the deepest leg the liquidation price must lie."""
    max_entries_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 60
    order_rate_hold_sec: Seconds = 10
    """How long an entry above that rate waits before it is refused."""
    emergency_cancels_entries: bool = True
    """Whether unfilled entries are cancelled when the emergency stop trips."""
    max_protection_failures: Annotated[int, Field(ge=1, le=100)] | None = 3
    """So many failed protections within an hour trip the emergency stop."""
    max_clock_skew_sec: Seconds = 30
    """How far this machine's clock may be off an exchange's before the emergency stop trips."""
    breaker_trip_minutes: Minutes = 15
    """How long a venue's breaker may stay open before the emergency stop trips."""


class OffsetConfig(Settings):
    """The offset engine: winners pay for a loser (risk.md)."""

    mode: Literal["off", "suggest", "auto"] = "suggest"
    scope: Literal["account", "quote"] = "account"
    """Whether only the loser's own account pays, or every account of its environment and quote currency."""
    max_actions_per_day: Annotated[int, Field(ge=1, le=1000)] = 3
    min_interval_minutes: Annotated[int, Field(ge=0, le=1440)] = 30
    max_loss_per_action_quote: Quote | None = None
    timer_start: Literal["after_all_pyramids", "after_all_dca_submitted", "after_all_dca_filled"] = (
        "after_all_dca_filled"
    )
    wait_minutes: Annotated[int, Field(ge=0, le=100_000)] = 60
    reset_timer_on_replacement: bool = False
    require_full_pyramids: bool = True
    required_pyramids: Annotated[int, Field(ge=1, le=35)] | None = None
    """Pyramids a loser must have; the grid's max_pyramids when not set."""
    loss_threshold_percent: Annotated[Decimal, Field(lt=0, ge=-100)] = Decimal(-5)
    use_age_filter: bool = False
    age_threshold_minutes: Annotated[int, Field(ge=0, le=1_000_000)] = 120
    max_winners_to_combine: Annotated[int, Field(ge=1, le=100)] = 3
    slippage_buffer_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal("0.2")
    min_close_notional: Annotated[Decimal, Field(ge=0)] = Decimal(20)
    partial_close_enabled: bool = True
    cover: Literal["full", "partial"] = "full"
    evaluate_on_fill: bool = True
    evaluate_interval_sec: Seconds = 10


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
    on_suspend: Literal["cancel_unprotected", "cancel_all", "keep"] = "cancel_unprotected"
    """Which waiting entries are cancelled when the program ends on purpose."""


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
    """Age at which an entry is refused as stale, and a reverse only exits."""
    exit_max_age_sec: Seconds = 900
    """Age at which an exit, a reduction or a reverse is refused as stale."""
    one_per_bar: bool = True
    """Refuse a second signal of one identity, bar, trade id, action and resulting position."""
    on_addon_without_group: Literal["ignore", "open"] = "ignore"
    """What becomes of an addition to a position that is not open here."""
    drift_action: Literal["alert", "close", "ignore"] = "alert"
    """What is done when the strategy's previous position differs from ours."""
    allow_list_enabled: bool = False
    """Whether only `allow_list` may post; through a tunnel on this machine the address that it forwards counts."""
    allow_list: tuple[str, ...] = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
    """Sender addresses that may post; TradingView's four by default."""


class ApiConfig(Settings):
    host: str = "127.0.0.1"
    port: Port = 8002
    docs: bool = False
    """Whether the interactive API pages are served at /docs."""


class PaperConfig(Settings):
    feed: Literal["auto", "live", "random_walk", "file", "script", "manual"] = "auto"
    """Where paper prices come from; `auto` is the signal's exchange where it is reached, else the random walk."""
    feed_venue: Literal["binance", "bybit", "aster", "okx", "kucoin", "gate", "mexc"] | None = None
    """Whose public prices the feed `live` shows."""
    feed_file: str | None = None
    """CSV of recorded prices (time, symbol, price) for the feed `file`."""
    interval_sec: Annotated[float, Field(ge=0.01, le=3600)] = 1.0
    """Pause between the steps of the random walk."""
    volatility_percent: Annotated[Decimal, Field(ge=0, le=10)] = Decimal("0.02")
    """Standard deviation of one step of the random walk."""
    seed: int = 1
    latency_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    """Time that the paper exchange takes to answer."""

    @model_validator(mode="after")
    def _a_live_feed_has_its_venue(self) -> PaperConfig:
        if self.feed == "live" and self.feed_venue is None:
            raise ValueError("the feed `live` needs feed_venue: the exchange to follow")
        return self


class AppConfig(Settings):
    hold_off_sleep: bool = True
    """Whether this computer is kept from falling asleep by itself while positions are open."""


class LoggingConfig(Settings):
    level: Literal["debug", "info", "warning", "error"] = "info"
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
