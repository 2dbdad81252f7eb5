"""The scenario file: YAML or JSON, validated; errors name file, line and field."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, ClassVar

import yaml
from pydantic import Field, ValidationError

from app.base.config import ConfigError, parse_config
from app.base.config.groups import AccountConfig
from app.base.config.tree import deep_merged
from app.domain.symbol import unify
from app.replay.deeds import Command, VenueDeed
from app.replay.parts import (
    BookStep,
    CrashStep,
    FaultStep,
    MarketModel,
    Moment,
    OneOf,
    OrNothing,
    Part,
    Price,
    PricesStep,
    ScenarioError,
    SignalStep,
)

__all__ = ["Scenario", "ScenarioError", "Step", "load_scenario", "parse_scenario"]

Location = tuple[str | int, ...]
Symbol = Annotated[str, Field(pattern=r"^[^/:\s]+/[^/:\s]+(:[^/:\s]+)?$")]


class Step(OneOf):
    """What happens at one moment."""

    common: ClassVar[frozenset[str]] = frozenset({"at"})

    at: Decimal | Moment
    signal: SignalStep | None = None
    price: Annotated[dict[str, Price], Field(min_length=1)] | None = None
    prices: PricesStep | None = None
    book: BookStep | None = None
    command: Command | None = None
    venue: VenueDeed | None = None
    fault: FaultStep | None = None
    crash: OrNothing[CrashStep] = None
    check: dict[str, Any] | None = None

    def traded(self) -> str | None:
        """The symbol a signal or an order brings, in its own spelling."""
        if self.signal is not None:
            return self.signal.symbol
        placed = None if self.command is None else self.command.order or self.command.decision
        return None if placed is None else placed.symbol

    def markets(self) -> Iterator[tuple[Location, str]]:
        """The markets it names, each with where it does."""
        for symbol in self.price or ():
            yield ("price", symbol), symbol
        if self.prices is not None:
            yield ("prices", "market"), self.prices.market
        if self.book is not None:
            yield ("book", "market"), self.book.market
        if self.venue is not None:
            yield ("venue", self.venue.kind, "symbol"), self.venue.what.symbol
        if self.fault is not None and self.fault.symbol is not None:
            yield ("fault", "symbol"), self.fault.symbol
        if self.command is not None:
            for name, symbol in self.command.symbols():
                yield ("command", name, "symbol"), symbol


class Scenario(Part):
    name: str = "unnamed"
    seed: int = 1
    start: Moment = datetime(2026, 1, 5, tzinfo=UTC)
    accounts: tuple[AccountConfig, ...] = (AccountConfig(id="paper"),)
    markets: dict[Symbol, MarketModel] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    at_rest: bool = False
    """Whether `settled` is held too, as in a simulation."""

    def seconds(self, step: Step) -> Decimal:
        """When a step happens, in seconds from the start."""
        if isinstance(step.at, Decimal):
            return step.at
        return Decimal(str((step.at - self.start).total_seconds()))

    def document(self) -> dict[str, Any]:
        """The configuration it begins with."""
        return deep_merged({"accounts": [account.model_dump() for account in self.accounts]}, self.config)

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """What is wrong with its parts taken together: where, and why."""
        yield from self._times()
        yield from self._strange_markets()
        yield from self._settings()

    def _times(self) -> Iterator[tuple[Location, str]]:
        last = Decimal(0)
        for number, step in enumerate(self.steps):
            at = self.seconds(step)
            if at < last:
                yield ("steps", number, "at"), f"time goes back from {last} to {at}"
            last = max(at, last)

    def _strange_markets(self) -> Iterator[tuple[Location, str]]:
        """Markets that are neither described nor traded: what a step does to them would do nothing."""
        known = set(self.markets)
        for symbol in {step.traded() for step in self.steps} - {None}:
            with suppress(ValueError):
                known.add(unify(str(symbol))[0])
        for number, step in enumerate(self.steps):
            for where, symbol in step.markets():
                if symbol not in known:
                    near = _nearest(symbol, known)
                    yield ("steps", number, *where), f"{symbol} is not among the markets{near}"

    def _settings(self) -> Iterator[tuple[Location, str]]:
        """Wrong settings at the start, and after each change of them."""
        document = self.document()
        changes: list[tuple[Location, dict[str, Any]]] = [(("config",), {})]
        for number, step in enumerate(self.steps):
            if step.command is not None and step.command.config is not None:
                changes.append((("steps", number, "command", "config"), step.command.config))
        for where, change in changes:
            document = deep_merged(document, change)
            try:
                parse_config(document)
            except ConfigError as error:
                cause = error.__cause__
                inner = cause.errors()[0]["loc"] if isinstance(cause, ValidationError) else ()
                yield (*where, *inner), str(error)
                return


class _Loader(yaml.SafeLoader):
    """Safe YAML whose numbers with a point are Decimals and whose dates stay text; no key comes twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


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
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path} is not text in UTF-8") from error
    return parse_scenario(text, path.name)


def parse_scenario(text: str, name: str) -> Scenario:
    """As `load_scenario`, from text; `name` stands in the errors."""
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
        document = None if tree is None else loader.construct_document(tree)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{name}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{name}:1: {error}") from error
    if not isinstance(document, dict):
        raise ScenarioError(f"{name}:1: a scenario is a mapping")
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(
            "\n".join(_sentence(name, tree, item["loc"], _message(item)) for item in error.errors())
        ) from error
    wrong = [_sentence(name, tree, where, text) for where, text in scenario.contradictions()]
    if wrong:
        raise ScenarioError("\n".join(wrong))
    return scenario


def _sentence(name: str, tree: Any, location: Location, message: str) -> str:
    node, known = _deepest(tree, location)
    return f"{name}:{node.start_mark.line + 1}: {'.'.join(map(str, known)) or 'scenario'}: {message}"


def _message(item: Mapping[str, Any]) -> str:
    word = str(item["loc"][-1]) if item["loc"] else ""
    match item["type"]:
        case "missing":
            return f"{word} is missing"
        case "extra_forbidden":
            return f"is not known here{_nearest(word, _names(Part) - {word})}"
    return str(item["msg"]).removeprefix("Value error, ")


def _names(model: type[Part]) -> set[str]:
    """The fields of all that a scenario is made of."""
    return set(model.model_fields).union(*(_names(kind) for kind in model.__subclasses__()))


def _nearest(word: str, words: set[str]) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


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
