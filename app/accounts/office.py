"""What people do to accounts: add, test, limit, arm, disarm, remove. Beside a running engine or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, Protocol

import structlog

from app.accounts.keys import LABELS, AccountVault, Keys, complete, fields_of, fingerprint, same_account, shown
from app.accounts.venues import VenueMaker, watches_stops
from app.base.config import Config, parse_config
from app.base.config.file import ConfigFile
from app.base.config.groups import AccountConfig
from app.base.config.tree import deep_merged
from app.base.errors import AppError
from app.domain.arming import LIMITS, WorstCase, missing, trades_without_stop, worst_case
from app.domain.symbol import quote_of
from app.engine.arming import other_keys_refused
from app.messages.commands import (
    AcceptDifference,
    ApplyConfig,
    ArmAccount,
    ChangeKeys,
    CommandResult,
    Deed,
    DisarmAccount,
    SettleForeign,
)
from app.ports.accounts import KeyReport, Wire
from app.ports.engine import CommandRefused
from app.ports.venue import Venue

log = structlog.get_logger("system")
WHO = "accounts"
_WATCHED = "no stop rests at this exchange: its stops are watched here, only while Ziggurat runs"


class AccountEngine(Protocol):
    """What the office needs of an engine; there is one that runs and one that only writes."""

    @property
    def config(self) -> Config: ...

    async def ask(self, command: Deed) -> CommandResult: ...

    def is_in_use(self, account_id: str) -> bool:
        """Whether groups are open on it, also where the configuration does not have it."""
        ...

    def armed(self, account_id: str) -> bool | None:
        """None where the account needs no arming."""
        ...

    async def add_account(self, venue: Venue) -> None: ...

    async def remove_account(self, account_id: str) -> None: ...


class AccountOffice:
    """Implements `app.ports.accounts.AccountDesk`, of which the API has only what `Accounts` names.

    Raises CommandRefused, the vault's errors, ConfigError and OperatorActionNeeded.
    """

    def __init__(self, engine: AccountEngine, vault: AccountVault, maker: VenueMaker, file: ConfigFile) -> None:
        self._engine = engine
        self._vault = vault
        self._maker = maker
        self._file = file
        self._rekeyed: str | None = None
        """The account whose keys are being exchanged."""

    # ------------------------------------------------------------------ reading

    async def rows(self) -> list[dict[str, Any]]:
        """Settings of every account with its keys masked."""
        return [await self._row(account) for account in self._engine.config.accounts]

    async def _row(self, account: AccountConfig) -> dict[str, Any]:
        is_paper = account.venue == "paper"
        keys = None if is_paper else await asyncio.to_thread(self._vault.read, account.id)
        return {
            "id": account.id,
            "venue": account.venue,
            "market_type": account.market_type,
            "environment": account.environment,
            "armed": self._engine.armed(account.id),
            "key": "" if is_paper else shown(keys),
        }

    async def test(self, account_id: str) -> KeyReport:
        account = self._real(account_id)
        keys = await asyncio.to_thread(self._vault.read, account.id)
        if keys is None:
            raise CommandRefused("no_keys", f"there are no keys for {account.id} in the vault; add them first")
        return await self._maker.test(account, keys)

    def key_fields(self, venue: str) -> Sequence[tuple[str, str]]:
        return tuple((name, LABELS[name]) for name in fields_of(venue))

    async def try_keys(self, settings: Mapping[str, Any], given: Mapping[str, str]) -> KeyReport:
        account = _with(self._engine.config, settings).accounts[-1]
        if account.venue == "paper":
            raise CommandRefused("no_keys", f"{account.id} is on the paper exchange and has no keys")
        return await self._maker.test(account, complete(account.venue, given))

    def wire(self, account_id: str) -> Wire:
        return self._maker.wire(account_id)

    def plan(self, account_id: str) -> dict[str, Any]:
        """What arming the account takes and could cost."""
        account, config = self._known(account_id), self._engine.config
        return {
            "environment": account.environment,
            "armed": self._engine.armed(account_id),
            "missing": list(missing(config, account)),
            "without_stop": trades_without_stop(config, account),
            "watched_stops": _WATCHED if watches_stops(account) else "",
            "worst_case": _in_money(worst_case(config, account, None), config, _currency(account)),
        }

    # ------------------------------------------------------------------ changing

    async def add(
        self,
        settings: Mapping[str, Any],
        given: Mapping[str, str],
        *,
        with_test: bool = True,
        allow_withdrawal: bool = False,
        is_same: bool = False,
    ) -> dict[str, Any]:
        """Keep the keys and trade on the account from now on; new keys for one that is there disarm it.

        While groups are open on it, they must be of the same account at the exchange: `is_same` vouches for that.
        """
        account = _with(self._engine.config, settings).accounts[-1]
        keys = None if account.venue == "paper" else complete(account.venue, given)
        report = None
        if keys is not None:
            await self._maker.refuse_main_wallet(account, keys)
        if keys is not None and with_test:
            report = await self._tested(account, keys, allow_withdrawal=allow_withdrawal)
        wanted = await asyncio.shield(self._keep(settings, keys, is_same=is_same))
        return {"detail": _welcome(account, wanted), "report": None if report is None else asdict(report)}

    async def _keep(self, settings: Mapping[str, Any], keys: Keys | None, *, is_same: bool) -> Config:
        """Carried through to its end, whoever stops waiting for it."""
        async with self._file.change(self._running, lambda running: _with(running, settings)) as wanted:
            account = wanted.accounts[-1]
            if keys is None:
                venue = self._maker.make(account, keys, wanted)
                await self._engine.ask(ApplyConfig(wanted, who=WHO))
                await self._engine.add_account(venue)
            else:
                await self._refuse_twice(account, keys, wanted)
                self._rekeyed = account.id
                try:
                    await self._exchange_keys(account, keys, wanted, is_same=is_same)
                finally:
                    self._rekeyed = None
        return wanted

    async def _refuse_twice(self, account: AccountConfig, keys: Keys, wanted: Config) -> None:
        """Two accounts here on one book there would take each other's positions for strangers'."""
        for other in wanted.accounts:
            is_beside = other.id != account.id and _book_of(other) == _book_of(account)
            if is_beside and same_account(await asyncio.to_thread(self._vault.read, other.id), keys):
                raise CommandRefused(
                    "account_shared", f"nothing was kept: these are the keys of {other.id}, which trades there already"
                )

    async def _exchange_keys(self, account: AccountConfig, keys: Keys, wanted: Config, *, is_same: bool) -> None:
        """Vault, engine and venue have the new keys, or all have the old ones.

        The vault comes first: if all ends in between, the next start finds that it has others, and disarms.
        """
        before = await asyncio.to_thread(self._vault.read, account.id)
        is_same = is_same or same_account(before, keys)
        if not is_same and self._engine.is_in_use(account.id):
            raise other_keys_refused(account.id)
        venue = self._maker.make(account, keys, wanted)
        try:
            await asyncio.to_thread(self._vault.write, account.id, keys)
            change = ChangeKeys(account.id, fingerprint(keys), is_same)
            await self._engine.ask(ApplyConfig(wanted, who=WHO, keys=change))
        except BaseException:
            await self._put_back(account.id, before)
            raise
        await self._engine.add_account(venue)

    async def _put_back(self, account_id: str, keys: Keys | None) -> None:
        try:
            if keys is None:
                await asyncio.to_thread(self._vault.forget, account_id)
            else:
                await asyncio.to_thread(self._vault.write, account_id, keys)
        except AppError as error:
            log.warning("the vault may keep keys that were not taken", account=account_id, error=str(error))

    async def remove(self, account_id: str) -> str:
        """Forget an account and its keys; not while groups are open on it. Keys left without an account go too."""
        known = self._engine.config.account(account_id)
        is_paper = known is not None and known.venue == "paper"
        has_keys = not is_paper and await asyncio.to_thread(self._vault.has, account_id)
        if not has_keys:
            self._known(account_id)
        if self._engine.is_in_use(account_id):
            raise CommandRefused("account_in_use", f"open groups still trade on {account_id}")
        async with self._file.change(self._running, lambda running: _without(running, account_id)) as wanted:
            await self._engine.ask(ApplyConfig(wanted, who=WHO))
            await self._engine.remove_account(account_id)
            if has_keys:
                await asyncio.to_thread(self._vault.forget, account_id)
        if known is None:
            return f"deleted keys left without an account: {account_id}; revoke them at the exchange too"
        if not has_keys:
            return f"{account_id} was removed"
        return f"{account_id} was removed, and its keys were deleted; revoke them at the exchange too"

    def limits(self) -> dict[str, str | None]:
        """What arming rests on, in quote money; None where it is not set."""
        risk = self._engine.config.risk
        return {name: None if (most := getattr(risk, name)) is None else f"{most:f}" for name in LIMITS}

    async def set_limits(self, limits: Mapping[str, str]) -> str:
        """Set some of `limits`, for all accounts; a wider one disarms what was armed for less."""
        unknown = [name for name in limits if name not in LIMITS]
        if unknown:
            raise CommandRefused("unknown_limit", f"there is no limit {', '.join(unknown)}")
        async with self._file.change(self._running, lambda running: _limited(running, limits)) as wanted:
            await self._engine.ask(ApplyConfig(wanted, who=WHO))
        return "set: " + "; ".join(f"risk.{name} is {most}" for name, most in limits.items())

    async def arm(self, account_id: str, typed_name: str, typed_stop: str) -> str:
        if account_id == self._rekeyed:
            raise CommandRefused("keys_change", f"the keys of {account_id} are being changed; arm it after that")
        return (await self._engine.ask(ArmAccount(account_id, typed_name, typed_stop))).detail

    async def disarm(self, account_id: str) -> str:
        self._known(account_id)
        return (await self._engine.ask(DisarmAccount(account_id))).detail

    async def settle_foreign(self, account_id: str, choice: Literal["ignore", "adopt"]) -> str:
        """What becomes of another instance's orders on the account."""
        self._known(account_id)
        return (await self._engine.ask(SettleForeign(account_id, choice))).detail

    async def accept_difference(self, account_id: str) -> str:
        """What is held as gone, is gone."""
        self._known(account_id)
        return (await self._engine.ask(AcceptDifference(account_id))).detail

    # ------------------------------------------------------------------ helpers

    async def _tested(self, account: AccountConfig, keys: Keys, *, allow_withdrawal: bool) -> KeyReport:
        report = await self._maker.test(account, keys)
        for told, code in ((report.reachable, "unreachable"), (report.may_trade, "may_not_trade")):
            if told.value is False:
                raise CommandRefused(code, f"nothing was kept: {told.detail}")
        if report.unasked is not None:
            raise CommandRefused("unasked", f"nothing was kept: {report.unasked}; try again, or add it with --no-test")
        if report.may_withdraw.value and not allow_withdrawal:
            raise CommandRefused(
                "may_withdraw", f"nothing was kept: {report.may_withdraw.detail}; make keys without it"
            )
        return report

    def _running(self) -> Config:
        return self._engine.config

    def _known(self, account_id: str) -> AccountConfig:
        account = self._engine.config.account(account_id)
        if account is None:
            raise CommandRefused("unknown_account", f"there is no account {account_id}")
        return account

    def _real(self, account_id: str) -> AccountConfig:
        account = self._known(account_id)
        if account.venue == "paper":
            raise CommandRefused("no_keys", f"{account.id} is on the paper exchange and has no keys")
        return account


def _book_of(account: AccountConfig) -> tuple[str, str, str]:
    """What one pair of keys can trade more than one of."""
    return account.venue, account.market_type, account.environment


def _welcome(account: AccountConfig, config: Config) -> str:
    same = [item.id for item in config.accounts if item.market_type == account.market_type]
    said = [f"{account.id} was added"]
    if account.environment == "live":
        said.append("it takes no entries before it is armed")
    if len(same) > 1:
        said.append(f"alerts name the account now: {', '.join(same)} all trade {account.market_type}")
    return "; ".join(said)


def _with(running: Config, settings: Mapping[str, Any]) -> Config:
    """The configuration with this account, as its last."""
    account_id, known = settings["id"], running.account(settings["id"])
    if known is not None:
        same = all(settings[name] == getattr(known, name) for name in ("venue", "market_type", "environment"))
        if not same or known.venue == "paper":
            raise CommandRefused("account_exists", f"there is an account {account_id} already; remove it first")
    kept = known.model_dump(mode="json", exclude_unset=True) if known else {}
    account = kept | {name: value for name, value in settings.items() if value is not None}
    return _parsed(running, [*_others(running, account_id), account])


def _without(running: Config, account_id: str) -> Config:
    return _parsed(running, _others(running, account_id))


def _limited(running: Config, limits: Mapping[str, str]) -> Config:
    return parse_config(deep_merged(running.model_dump(mode="json", exclude_unset=True), {"risk": limits}))


def _parsed(running: Config, accounts: list[dict[str, Any]]) -> Config:
    return parse_config({**running.model_dump(mode="json", exclude_unset=True), "accounts": accounts})


def _others(config: Config, account_id: str) -> list[dict[str, Any]]:
    others = (account for account in config.accounts if account.id != account_id)
    return [account.model_dump(mode="json", exclude_unset=True) for account in others]


def _currency(account: AccountConfig) -> str:
    """What its markets are paid in, as far as they are named."""
    quotes = {quote_of(symbol) for symbol in account.allowed_symbols or ()}
    return " or ".join(sorted(quotes - {""})) or "of the quote currency"


def _in_money(case: WorstCase | None, config: Config, currency: str) -> str:
    if case is None:
        return "unknown while risk.max_order_quote is not set"
    bound = config.risk.max_exposure_quote
    held = f"; max_exposure_quote holds all live accounts together to {bound:f}" if bound is not None else ""
    return (
        f"{case.groups} groups × {case.pyramids} pyramids × {case.capital:f} × {case.leverage:f} leverage "
        f"= {case.total:f} {currency}{held}"
    )
