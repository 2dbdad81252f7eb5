"""The accounts as the window has them, kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.ports.accounts import KeyReport
from tests.support.fakes import FakeAccounts


class FakeAccountDesk(FakeAccounts):
    """Implements `app.ports.accounts.AccountDesk`; remembers what it was asked, fails as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {"paper": ""}
        self.asked: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.plans: dict[str, dict[str, Any]] = {}

    async def rows(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": name, "key": key} for name, key in self.keys.items()]

    def key_fields(self, venue: str) -> Sequence[tuple[str, str]]:
        if venue == "aster":
            return (
                ("wallet_address", "address of the main wallet"),
                ("private_key", "private key of the agent signer"),
            )
        usual = (("api_key", "API key"), ("secret", "secret"))
        return (*usual, ("password", "passphrase of the key")) if venue in {"okx", "kucoin"} else usual

    async def try_keys(self, settings: Mapping[str, Any], given: Mapping[str, str]) -> KeyReport:
        await self._answer("try_keys", dict(settings), dict(given))
        return self.report

    async def add(
        self,
        settings: Mapping[str, Any],
        given: Mapping[str, str],
        *,
        with_test: bool = True,
        allow_withdrawal: bool = False,
    ) -> Mapping[str, Any]:
        await self._answer("add", dict(settings), dict(given), with_test, allow_withdrawal)
        self.keys[settings["id"]] = "••••4B19"
        return {"detail": f"{settings['id']} was added", "report": None}

    def plan(self, account_id: str) -> Mapping[str, Any]:
        usual = {
            "missing": [],
            "without_stop": False,
            "watched_stops": "",
            "worst_case": "8 groups × 3 pyramids × 250 × 2 leverage = 12000",
        }
        return usual | self.plans.get(account_id, {})

    async def set_limits(self, limits: Mapping[str, str]) -> str:
        await self._answer("set_limits", dict(limits))
        for plan in self.plans.values():
            plan["missing"] = [name for name in plan["missing"] if name.removeprefix("risk.") not in limits]
        return "the limits were set"

    async def arm(self, account_id: str, typed_name: str, typed_stop: str) -> str:
        await self._answer("arm", account_id, typed_name, typed_stop)
        return f"{account_id} trades live from now on"

    async def disarm(self, account_id: str) -> str:
        await self._answer("disarm", account_id)
        return f"{account_id} takes no entries any more"

    async def settle_foreign(self, account_id: str, choice: str) -> str:
        await self._answer("settle_foreign", account_id, choice)
        return "they are never touched; the account takes entries beside them"

    async def accept_difference(self, account_id: str) -> str:
        await self._answer("accept_difference", account_id)
        return f"3 groups of {account_id} follow what the venue has, once it has been read again"

    async def remove(self, account_id: str) -> str:
        await self._answer("remove", account_id)
        return f"{account_id} was removed"

    async def test(self, account_id: str) -> KeyReport:
        await self._answer("test", account_id)
        return self.report

    async def _answer(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
