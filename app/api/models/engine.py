"""The engine, its accounts and what was found out about them."""

from __future__ import annotations

from app.api.models.values import Answer, Moment, Money


class Emergency(Answer):
    """`level` is normal, warning or critical."""

    level: str
    code: str | None
    reason: str | None
    since: Moment | None
    warnings: list[str]


class Account(Answer):
    """As the engine sees it. `armed` is null where the account needs no arming."""

    id: str
    venue: str
    market_type: str
    environment: str
    connected: bool
    stale: bool
    stale_since: Moment | None
    reason: str | None
    last_reconciled_at: Moment | None
    balances: dict[str, Money]
    external: dict[str, Money]
    position_mode: str
    armed: bool | None
    breaker_since: Moment | None
    conditional_refused: str | None
    hold: str | None


class ExternalOrder(Answer):
    symbol: str
    side: str
    type: str
    quantity: Money
    price: Money | None
    trigger_price: Money | None


class AccountDetail(Account):
    """With how its connection fares: `limits_used` is the part used of each kind of budget, from 0 to 1, and
    `rules_age_sec` the age of its market rules; null where there is none or it is not known."""

    external_orders: list[ExternalOrder]
    limits_used: dict[str, float]
    rules_age_sec: float | None


class ToldFlag(Answer):
    """`value` is null where the exchange does not tell, and where it could not be asked: then `failed` is true."""

    value: bool | None
    detail: str
    failed: bool


class ToldText(Answer):
    value: str | None
    detail: str
    failed: bool


class ToldNumber(Answer):
    value: int | None
    detail: str
    failed: bool


class KeyTest(Answer):
    """What the keys of an account may do, as far as its exchange tells."""

    reachable: ToldFlag
    may_trade: ToldFlag
    may_withdraw: ToldFlag
    address_restricted: ToldFlag
    position_mode: ToldText
    clock_skew_ms: ToldNumber


class Totals(Answer):
    """The accounts of the leading environment together; days are UTC."""

    environment: str
    currency: str
    equity: Money | None
    started_with: Money | None
    realized_today: Money
    realized_total: Money
    trades_today: int
    unrealized: Money
    invested: Money
    deployed: Money
    reserved: Money
    free: Money


class Status(Answer):
    revision: int
    state: str
    paused_reason: str | None
    halted_reason: str | None
    open_groups: int
    max_open_groups: int
    queued: int
    last_signal_at: Moment | None
    last_reconciled_at: Moment | None
    unknown_orders: int
    last_sequence: int
    emergency: Emergency
    slots_used: int
    promotions_wait_until: Moment | None
    accounts: list[Account]
    money: Totals


class Finding(Answer):
    account: str
    symbol: str | None
    kind: str
    before: str
    after: str
    action: str
    at: Moment
    group_id: str | None
    order_id: str | None


class Reconciliation(Answer):
    accounts: list[str]
    failed: dict[str, str]
    findings: list[Finding]
    finished_at: Moment


class Health(Answer):
    status: str
    version: str | None = None
    components: dict[str, str] | None = None
