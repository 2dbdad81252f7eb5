"""The scenario file: YAML or JSON, validated; errors name file, line and field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules, PriceBand
from app.domain.values import MarketType

KINDS = ("signal", "price", "prices", "book", "command", "venue", "fault", "crash", "check")


class ScenarioError(OperatorActionNeeded):
    """The file cannot be replayed; the text names line and field."""

    exit_status = 2


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _text(value: Any) -> Any:
    """Numbers become text, as a webhook's placeholders do."""
    return value if isinstance(value, str | bool) or value is None else f"{value}"


Text = Annotated[str, BeforeValidator(_text)]


class ShortSignal(Part):
    """A signal in short form; it is stamped with the virtual now."""

    action: Literal["buy", "sell", "long", "short"]
    symbol: str
    timeframe: Text = "60"
    price: Decimal
    size: Decimal = Decimal(0)
    size_type: Literal["contracts", "base", "quote"] = "contracts"
    intent: Literal["signal", "exit", "reduce", "reverse"] = "signal"
    account: str | None = None
    market_position: str | None = None
    market_position_size: Decimal | None = None
    prev_market_position: str | None = None
    prev_market_position_size: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    max_slippage_percent: Decimal | None = None
    leverage: Decimal | None = None
    strategy_id: Text | None = None


class QuoteStep(Part):
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None


class RandomWalkStep(Part):
    steps: Annotated[int, Field(ge=1)]
    volatility: Decimal
    every: Decimal = Decimal(1)


class PricesStep(Part):
    """A path of prices: `values` or a CSV `file`, a point each `every` seconds, or a seeded random walk."""

    market: str
    values: tuple[Decimal, ...] = ()
    file: str | None = None
    random_walk: RandomWalkStep | None = None
    every: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _one_source(self) -> PricesStep:
        if bool(self.values) + (self.file is not None) + (self.random_walk is not None) != 1:
            raise ValueError("give one of values, file and random_walk")
        return self


class BookStep(Part):
    market: str
    fill_size: Decimal | None = None


class FaultStep(Part):
    op: str
    kind: str
    times: Annotated[int, Field(ge=1)] = 1
    code: str | None = None
    symbol: str | None = None
    role: str | None = None
    seconds: Decimal | None = None


class PlacedStep(Part):
    """An order by hand or a decision: the API's fields; `size` is a decision's word for the quantity, in base units."""

    symbol: str
    side: Literal["long", "short", "buy", "sell"]
    quantity: Decimal | None = None
    size: Decimal | None = None
    account: str | None = None
    price: Decimal | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    confidence: Decimal | None = None


class CrashStep(Part):
    at_commit: Annotated[int, Field(ge=1)] | None = None
    at_send: Annotated[int, Field(ge=1)] | None = None
    when: Literal["before", "after"] = "before"


class BandModel(Part):
    """How far from the price limits may rest, as factors of it."""

    lowest_buy: Decimal | None = None
    highest_sell: Decimal | None = None


class MarketModel(Part):
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal | None = None
    min_notional: Decimal = Decimal(5)
    max_qty: Decimal | None = None
    contract_size: Decimal = Decimal(1)
    max_conditional_orders: int | None = None
    band: BandModel | None = None
    price: Decimal

    def rules(self, symbol: str) -> MarketRules:
        pair, _, settle = symbol.partition(":")
        base, _, quote = pair.partition("/")
        return MarketRules(
            symbol=symbol,
            market_type=MarketType.LINEAR if settle else MarketType.SPOT,
            base=base,
            quote=quote,
            tick_size=self.tick_size,
            step_size=self.step_size,
            min_qty=self.min_qty if self.min_qty is not None else self.step_size,
            min_notional=self.min_notional,
            max_qty=self.max_qty,
            contract_size=self.contract_size,
            max_conditional_orders=self.max_conditional_orders,
            band=None if self.band is None else PriceBand(self.band.lowest_buy, self.band.highest_sell),
        )


class Step(Part):
    """What happens at one moment; exactly one kind."""

    at: Decimal | datetime
    signal: dict[str, Any] | None = None
    price: dict[str, Decimal | QuoteStep] | None = None
    prices: PricesStep | None = None
    book: BookStep | None = None
    command: dict[str, Any] | None = None
    venue: dict[str, Any] | None = None
    fault: FaultStep | None = None
    crash: CrashStep | None = None
    check: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a step is one of {', '.join(KINDS)}; found {', '.join(given) or 'none'}")
        if self.signal is not None and "webhook" not in self.signal:
            ShortSignal.model_validate(self.signal)
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class Scenario(Part):
    name: str = "unnamed"
    seed: int = 1
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    accounts: tuple[AccountConfig, ...] = (AccountConfig(id="paper"),)
    markets: dict[str, MarketModel] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _time_goes_on(self) -> Scenario:
        last = Decimal(0)
        for number, step in enumerate(self.steps):
            at = self.seconds(step)
            if at < last:
                raise ValueError(f"steps.{number}: time goes back from {last} to {at}")
            last = at
        return self

    def seconds(self, step: Step) -> Decimal:
        """When a step happens, in seconds from the start."""
        if isinstance(step.at, Decimal):
            return step.at
        at = step.at if step.at.tzinfo else step.at.replace(tzinfo=UTC)
        return Decimal(str((at - self.start).total_seconds()))


class _Loader(yaml.SafeLoader):
    """Safe YAML whose numbers with a point are Decimals and whose dates stay text."""


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return Decimal(loader.construct_scalar(node).replace("_", ""))
    except InvalidOperation:
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_scenario(path: Path) -> Scenario:
    """The scenario in a file. ScenarioError names the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read: {error.strerror}") from error
    return parse_scenario(text, path.name)


def parse_scenario(text: str, name: str) -> Scenario:
    """As `load_scenario`, from text; `name` stands in the errors."""
    try:
        tree = yaml.compose(text, Loader=_Loader)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with other numbers
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{name}:{line}: {error.problem}") from error
    if not isinstance(document, dict):
        raise ScenarioError(f"{name}:1: a scenario is a mapping")
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError("\n".join(_sentence(name, tree, dict(item)) for item in error.errors())) from error


def _sentence(name: str, tree: Any, item: Mapping[str, Any]) -> str:
    location = tuple(part for part in item["loc"])
    node, known = _deepest(tree, location)
    hint = ""
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _NAMES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name}:{node.start_mark.line + 1}: {'.'.join(map(str, known)) or 'scenario'}: {item['msg']}{hint}"


_NAMES = sorted(
    {
        field
        for model in (Scenario, Step, ShortSignal, PricesStep, BookStep, FaultStep, CrashStep, MarketModel, QuoteStep)
        for field in model.model_fields
    }
)


def _deepest(node: Any, location: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """The node that a pydantic location points to, as far as the file goes along with it."""
    walked: list[Any] = []
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == str(part)), None)
            if child is None:
                continue
            node = child
        else:
            continue
        walked.append(part)
    return node, walked or list(location)
