"""What the window knows of accounts beside the snapshot, and what a person does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from PySide6.QtCore import QObject, Signal

from app.base.errors import AppError
from app.gui import formats
from app.gui.desk import Desk
from app.gui.models.accounts import NO_KEYS, Standing, standing
from app.gui.view_store import ViewStore
from app.messages.snapshots import AccountSnapshot
from app.ports.accounts import AccountDesk, Wire

log = structlog.get_logger("window")


@dataclass(frozen=True, slots=True)
class Ended:
    """How something that was asked ended: `answer`, or `fault` as a sentence."""

    answer: Any
    fault: str = ""


Then = Callable[[Ended], None]


class AccountBook(QObject):
    """Work that was begun goes on when the sheet that asked for it is closed: keys are kept whole or not at all."""

    changed = Signal()
    told = Signal(str)
    """A change that was made, as a sentence."""

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._keys: dict[str, str] = {}
        self._seen: tuple[str, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ what is known

    @property
    def desk(self) -> AccountDesk:
        return self._desk.accounts

    def key_of(self, account_id: str) -> str:
        """Masked; empty where it is not known or there is none to have."""
        return self._keys.get(account_id, "")

    def standing(self, account: AccountSnapshot) -> Standing:
        return standing(account, self._desk.clock.now(), has_keys=self.key_of(account.id) != NO_KEYS)

    def standings(self) -> dict[str, Standing]:
        return {account.id: self.standing(account) for account in self._store.engine.accounts}

    def wires(self) -> dict[str, Wire]:
        return {account.id: self.desk.wire(account.id) for account in self._store.engine.accounts}

    def open_groups(self, account_id: str) -> int:
        return sum(group.account == account_id for group in self._store.groups.values())

    def waiting_entries(self, account_id: str) -> int:
        waiting = {"pending", "open", "partially_filled"}
        groups = [group for group in self._store.groups.values() if group.account == account_id]
        return sum(leg.status in waiting for group in groups for leg in group.legs)

    def follow(self) -> None:
        """Read the masked keys where there are other accounts than before."""
        ids = tuple(account.id for account in self._store.engine.accounts)
        if ids != self._seen:
            self._seen = ids
            self._run(self.read())

    def refresh(self) -> None:
        self._run(self.read())

    async def read(self) -> None:
        try:
            rows = await self.desk.rows()
        except AppError as error:
            log.warning("the accounts' keys could not be read", error=str(error))
            return
        self._keys = {str(row["id"]): str(row["key"]) for row in rows}
        self.changed.emit()

    # ------------------------------------------------------------------ what is done

    def ask(self, work: Coroutine[Any, Any, Any], then: Then) -> None:
        """Something that changes nothing, such as a test."""
        self._run(self._carry_out(work, then))

    def change(self, work: Coroutine[Any, Any, Any], then: Then) -> None:
        """Something that changes accounts: told when it is done."""

        def after(ended: Ended) -> None:
            then(ended)
            if not ended.fault:
                self.told.emit(formats.sentence(_detail(ended.answer)))
            self._run(self.read())

        self._run(self._carry_out(work, after))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _carry_out(work: Coroutine[Any, Any, Any], then: Then) -> None:
        try:
            answer = await work
        except AppError as error:
            then(Ended(None, formats.sentence(str(error))))
        except Exception as error:  # noqa: BLE001 - an exchange's library raises anything; the sheet must not wait for ever
            log.error("an account's action failed", error=type(error).__name__)  # noqa: TRY400 - a traceback may hold keys
            then(Ended(None, f"It failed within Ziggurat ({type(error).__name__}); nothing more is known."))
        else:
            then(Ended(answer))


def _detail(answer: Any) -> str:
    return str(answer["detail"]) if isinstance(answer, Mapping) else str(answer)
