"""The engine as the office needs it: the one that runs, or one that only writes what a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.base.clock import Clock
from app.base.config import Config
from app.base.ids import IdFactory
from app.domain.client_order_id import Namespace
from app.engine import arming, holds, operator
from app.engine.engine import Engine
from app.engine.recovery import Recovery
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.commands import (
    AcceptDifference,
    ApplyConfig,
    ArmAccount,
    CommandResult,
    Deed,
    DisarmAccount,
    SettleForeign,
)
from app.ports.store import Store
from app.ports.tag import TagKeeper
from app.ports.venue import Venue

_HANDLERS: Mapping[type, Any] = {
    ApplyConfig: operator.apply_config,
    ArmAccount: arming.arm,
    DisarmAccount: arming.disarm,
    SettleForeign: holds.settle_foreign,
    AcceptDifference: holds.accept_difference,
}


def is_in_use(state: EngineState, account_id: str) -> bool:
    return any(state.groups[group_id].account == account_id for group_id in state.open_ids)


class RunningEngine:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def config(self) -> Config:
        return self._engine.state.config

    async def ask(self, command: Deed) -> CommandResult:
        return await self._engine.ask(command)  # type: ignore[no-any-return]  # the engine answers by the command's kind

    def armed(self, account_id: str) -> bool | None:
        return arming.armed_in(self._engine.state, account_id)

    def is_in_use(self, account_id: str) -> bool:
        return is_in_use(self._engine.state, account_id)

    async def add_account(self, venue: Venue) -> None:
        await self._engine.add_account(venue)

    async def remove_account(self, account_id: str) -> None:
        await self._engine.remove_account(account_id)


class RestingEngine:
    """A data directory that no instance runs on: the same handlers decide, the disk has it, nothing is sent.

    Entries that a disarming ends are cancelled when an instance starts.
    """

    def __init__(self, state: EngineState, store: Store, clock: Clock, ids: IdFactory, namespace: Namespace) -> None:
        self._state = state
        self._store = store
        self._clock = clock
        self._ids = ids
        self._namespace = namespace

    @classmethod
    async def load(
        cls,
        config: Config,
        store: Store,
        clock: Clock,
        ids: IdFactory,
        key_prints: Mapping[str, str] | None = None,
        tag_keeper: TagKeeper | None = None,
    ) -> RestingEngine:
        """`key_prints` are the fingerprints of the accounts' keys."""
        state = EngineState(config, key_prints=dict(key_prints or {}))
        namespace = await Recovery(state, {}, clock, lambda _: None).load(store, ids, tag_keeper)
        return cls(state, store, clock, ids, namespace)

    @property
    def config(self) -> Config:
        return self._state.config

    async def ask(self, command: Deed) -> CommandResult:
        turn = Turn(self._state, self._clock.now(), self._ids, lambda: 0.0, self._namespace)
        try:
            answer: CommandResult = _HANDLERS[type(command)](turn, command)
            changes = turn.changes()
            if not changes.is_empty:
                await self._store.commit(changes)
        except BaseException:
            turn.journal.rewind(0)
            raise
        turn.apply()
        return answer

    def armed(self, account_id: str) -> bool | None:
        return arming.armed_in(self._state, account_id)

    def is_in_use(self, account_id: str) -> bool:
        return is_in_use(self._state, account_id)

    async def add_account(self, venue: Venue) -> None:
        """The next start makes it anew."""
        await venue.close()

    async def remove_account(self, account_id: str) -> None:
        """No venue is connected."""
