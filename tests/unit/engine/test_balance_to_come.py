"""What a close gives back is known once the balance has been told, which may be after the fill."""

from __future__ import annotations

from typing import Any

from app.engine.entries import BALANCE_WITHIN
from app.messages.reports import BalanceReport
from tests.unit.engine.worlds import Stage, scenario

ONE_LEG = {"default": {"levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 90}]}}
TIGHT = scenario("SOL", "LTC", grid=ONE_LEG, pool={"max_open_groups": 1}, queue={"pause_after_stop_sec": 0})
TIGHT["accounts"][0]["balances"] = {"USDT": "600"}


class LateBalances(Stage):
    """Balances are told when the test says so."""

    def __init__(self) -> None:
        super().__init__(TIGHT)
        self.late: list[Any] = []
        mailbox = self.world.engine._mailbox
        self._post = mailbox.post

        def post(message: Any, *, lazy: bool = False, prompt: bool = False) -> None:
            if isinstance(message, BalanceReport):
                self.late.append(message)
            else:
                self._post(message, lazy=lazy, prompt=prompt)

        mailbox.post = post  # type: ignore[method-assign]

    def tell(self) -> None:
        async def told() -> None:
            for message in self.late:
                self._post(message)
            self.late.clear()

        self.run(told())

    def open(self, coin: str, **more: Any) -> None:
        wanted = {"action": "buy", "timeframe": "60", "price": 100, "size": 400, "size_type": "quote"}
        self.signal(symbol=f"{coin}USDT.P", **{**wanted, **more})

    def standing(self) -> tuple[list[tuple[str, str]], int]:
        """Open groups, and how many signals wait."""
        groups = [(group.symbol[:3], str(group.side)) for group in self.groups()]
        return groups, len(self.world.engine.queue())


def test_a_reverse_waits_for_the_balance_that_its_close_changed() -> None:
    with LateBalances() as stage:
        stage.open("SOL")
        stage.tell()
        stage.open("SOL", action="sell", intent="reverse")
        assert stage.standing() == ([], 1)
        stage.tell()
        assert stage.standing() == ([("SOL", "short")], 0)


def test_what_waited_for_the_slot_waits_for_the_balance_too() -> None:
    with LateBalances() as stage:
        stage.open("SOL")
        stage.tell()
        stage.open("LTC")
        stage.signal(symbol="SOLUSDT.P", action="sell", intent="exit", timeframe="60", price=100, size=0)
        assert stage.standing() == ([], 1)
        stage.tell()
        assert stage.standing() == ([("LTC", "long")], 0)


def test_a_balance_that_is_never_told_is_waited_for_a_few_seconds() -> None:
    with LateBalances() as stage:
        stage.open("SOL")
        stage.tell()
        stage.open("SOL", action="sell", intent="reverse")
        stage.wait(int(BALANCE_WITHIN.total_seconds()) - 1)
        assert stage.standing() == ([], 1)
        stage.wait(2)
        assert stage.standing() == ([], 0)
