"""Faults that the paper exchange shows on command."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from app.domain import client_order_id
from app.ports.faults import Fault, FaultKind

STREAM = "stream"
EVENT_KINDS = frozenset({FaultKind.DUPLICATE_EVENTS, FaultKind.REORDER_EVENTS, FaultKind.DROP_EVENTS})
_FAILING = frozenset(FaultKind) - EVENT_KINDS - {FaultKind.SLOW}
_READS = ("fetch_", "look_up")


@dataclass(slots=True)
class Armed:
    """A fault and how many more times it is shown."""

    fault: Fault
    left: int


class FaultBox:
    """Holds armed faults and hands out the first that fits; each is shown its number of `times`."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self.on_armed: Callable[[], None] = lambda: None

    def arm(self, fault: Fault) -> None:
        self.share(Armed(fault, fault.times))

    def share(self, armed: Armed) -> None:
        """Arm what other accounts show too: its `left` is common to them."""
        self._armed.append(armed)
        self.on_armed()

    def clear(self) -> None:
        self._armed.clear()

    @property
    def is_empty(self) -> bool:
        return not self._standing()

    def fails(self, op: str) -> bool:
        """Whether a request of `op` would fail; no fault is used up."""
        return any(each.fault.kind in _FAILING and _fits(each.fault, op, None, None) for each in self._standing())

    def take(
        self,
        op: str,
        symbol: str | None = None,
        order_id: str | None = None,
        kinds: Container[FaultKind] = frozenset(FaultKind),
    ) -> Fault | None:
        """The fault for one request, or stream event, of `op`, used up by one."""
        for armed in self._standing():
            if armed.fault.kind in kinds and _fits(armed.fault, op, symbol, order_id):
                armed.left -= 1
                return armed.fault
        return None

    def _standing(self) -> list[Armed]:
        """Those that are not used up, here or at another account that shares them."""
        if self._armed:
            self._armed = [each for each in self._armed if each.left > 0]
        return self._armed


def _fits(fault: Fault, op: str, symbol: str | None, order_id: str | None) -> bool:
    if not _is_meant(fault.op, op) or fault.symbol not in {None, symbol}:
        return False
    if fault.role is None:
        return True
    address = client_order_id.decode(order_id) if order_id else None
    return address is not None and address.role is fault.role


def _is_meant(named: str, op: str) -> bool:
    return named == op or (named == "fetch_*" and op.startswith(_READS)) or (named == "fetch_order" and op == "look_up")
