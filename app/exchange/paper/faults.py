"""Faults that the paper exchange shows on command."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

from app.domain import client_order_id
from app.ports.faults import Fault, FaultKind

STREAM = "stream"
EVENT_KINDS = frozenset({FaultKind.DUPLICATE_EVENTS, FaultKind.REORDER_EVENTS, FaultKind.DROP_EVENTS})
_FAILING = frozenset(FaultKind) - EVENT_KINDS - {FaultKind.SLOW}
_READS = ("fetch_", "look_up")


class FaultBox:
    """Holds armed faults and hands out the first that fits; each is shown its number of `times`."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self.on_armed: Callable[[], None] = lambda: None

    def arm(self, fault: Fault) -> None:
        self._armed.append(fault)
        self.on_armed()

    def clear(self) -> None:
        self._armed.clear()

    @property
    def is_empty(self) -> bool:
        return not self._armed

    def fails(self, op: str) -> bool:
        """Whether a request of `op` would fail; no fault is used up."""
        return any(fault.kind in _FAILING and _fits(fault, op, None, None) for fault in self._armed)

    def take(
        self,
        op: str,
        symbol: str | None = None,
        order_id: str | None = None,
        kinds: Container[FaultKind] = frozenset(FaultKind),
    ) -> Fault | None:
        """The fault for one request, or stream event, of `op`, used up by one."""
        for index, fault in enumerate(self._armed):
            if fault.kind in kinds and _fits(fault, op, symbol, order_id):
                if fault.times <= 1:
                    del self._armed[index]
                else:
                    self._armed[index] = replace(fault, times=fault.times - 1)
                return fault
        return None


def _fits(fault: Fault, op: str, symbol: str | None, order_id: str | None) -> bool:
    if not _is_meant(fault.op, op) or fault.symbol not in {None, symbol}:
        return False
    if fault.role is None:
        return True
    address = client_order_id.decode(order_id) if order_id else None
    return address is not None and address.role is fault.role


def _is_meant(named: str, op: str) -> bool:
    return named == op or (named == "fetch_*" and op.startswith(_READS)) or (named == "fetch_order" and op == "look_up")
