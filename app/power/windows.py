"""Windows: a thread's wish that the system stay awake, forgotten when the thread ends."""

from __future__ import annotations

from collections.abc import Callable

ES_CONTINUOUS = 0x80000000
ES_SYSTEM_REQUIRED = 0x00000001
SetState = Callable[[int], int]
"""SetThreadExecutionState: the state before, 0 where it failed."""


class ThreadStayAwake:
    """`app.ports.power.StayAwake`; all of it is called in one thread, the loop's, since the wish is that thread's."""

    def __init__(self, set_state: SetState) -> None:
        self._set_state = set_state
        self.held = False

    async def hold(self, reason: str) -> None:  # noqa: ARG002 - the port's; Windows is told none
        if not self.held:
            self.held = self._set_state(ES_CONTINUOUS | ES_SYSTEM_REQUIRED) != 0

    async def release(self) -> None:
        if self.held:
            self.held = False
            self._set_state(ES_CONTINUOUS)
