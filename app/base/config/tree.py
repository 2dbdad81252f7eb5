"""The whole tree, and how it is read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from app.base.config.grid import GridConfig
from app.base.config.groups import (
    AccountConfig,
    ApiConfig,
    AppConfig,
    LoggingConfig,
    OffsetConfig,
    OrderConfig,
    PaperConfig,
    PoolConfig,
    PrecisionConfig,
    ProtectionConfig,
    QueueConfig,
    ReconcileConfig,
    RiskConfig,
    WebhookConfig,
)
from app.base.config.model import Settings
from app.base.errors import OperatorActionNeeded

SCHEMA_VERSION = 1


class ConfigError(OperatorActionNeeded):
    """A configuration that cannot be used; the text names every wrong field."""


class Config(Settings):
    schema_version: int = SCHEMA_VERSION
    app: AppConfig = Field(default_factory=AppConfig)
    accounts: tuple[AccountConfig, ...] = (
        AccountConfig(id="paper"),
        AccountConfig(id="paper-spot", market_type="spot"),
    )
    grid: GridConfig = Field(default_factory=GridConfig)
    pool: PoolConfig = Field(default_factory=PoolConfig)
    queue: QueueConfig = Field(default_factory=QueueConfig)
    risk: RiskConfig = Field(default_factory=RiskConfig)
    offset: OffsetConfig = Field(default_factory=OffsetConfig)
    order: OrderConfig = Field(default_factory=OrderConfig)
    protection: ProtectionConfig = Field(default_factory=ProtectionConfig)
    reconcile: ReconcileConfig = Field(default_factory=ReconcileConfig)
    precision: PrecisionConfig = Field(default_factory=PrecisionConfig)
    webhook: WebhookConfig = Field(default_factory=WebhookConfig)
    api: ApiConfig = Field(default_factory=ApiConfig)
    paper: PaperConfig = Field(default_factory=PaperConfig)
    logging: LoggingConfig = Field(default_factory=LoggingConfig)

    @model_validator(mode="after")
    def _accounts_have_their_own_ids(self) -> Config:
        ids = [account.id for account in self.accounts]
        if len(set(ids)) != len(ids):
            raise ValueError("two accounts bear the same id")
        return self

    @cached_property
    def _accounts_by_id(self) -> dict[str, AccountConfig]:
        return {account.id: account for account in self.accounts}

    def account(self, account_id: str) -> AccountConfig | None:
        return self._accounts_by_id.get(account_id)


def deep_merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = deep_merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be laid over `old` to make it `new`; a name that is gone from `new` is not told."""
    changes: dict[str, Any] = {}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = difference(before, value)
            if inner:
                changes[name] = inner
        elif name not in old or before != value:
            changes[name] = value
    return changes


def parse_config(document: Mapping[str, Any]) -> Config:
    """The configuration in `document`, defaults filled in; ConfigError names each wrong field and the nearest name."""
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(item) for item in error.errors())) from error


def _sentence(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        return f"{path or 'configuration'}: {item['msg'].removeprefix('Value error, ')}"
    nearest = difflib.get_close_matches(str(item["loc"][-1]), _names_beside(item["loc"]), n=1)
    return f"{path}: no such setting" + (f", did you mean {nearest[0]}?" if nearest else "")


def _names_beside(location: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in location[:-1]:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            continue
        model = field.annotation
    return list(model.model_fields)
