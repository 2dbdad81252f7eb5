"""Faults on command: what the wire does to requests and streams."""

from __future__ import annotations

from dataclasses import replace

from app.domain import client_order_id
from app.ports.faults import Fault, FaultKind


class FaultBox:
    """Holds armed faults and hands out the first that fits; each is shown its number of `times`."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        self._armed.append(fault)

    def take(self, op: str, symbol: str | None = None, order_id: str | None = None) -> Fault | None:
        """The fault for one request of `op`, used up by one."""
        for index, fault in enumerate(self._armed):
            if _fits(fault, op, symbol, order_id):
                if fault.times <= 1:
                    del self._armed[index]
                else:
                    self._armed[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def take_stream(self, kinds: frozenset[FaultKind], symbol: str | None) -> Fault | None:
        for fault in self._armed:
            if fault.op == "stream" and fault.kind in kinds and fault.symbol in {None, symbol}:
                return self.take("stream", symbol)
        return None

    def clear(self) -> None:
        self._armed.clear()


def _fits(fault: Fault, op: str, symbol: str | None, order_id: str | None) -> bool:
    same_op = fault.op == op or (fault.op == "fetch_*" and op.startswith(("fetch_", "look_up")))
    if not same_op or fault.symbol not in {None, symbol}:
        return False
    if fault.role is None:
        return True
    address = client_order_id.decode(order_id) if order_id else None
    return address is not None and address.role is fault.role
