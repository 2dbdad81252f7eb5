"""Connections that come in: how long each may wait for a request, and how many there may be."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS: Final = 256
"""Of one listener: four times what is handled at once."""
DESCRIPTORS: Final = 4096
"""Wanted for the process. Some systems give a program 256, which both listeners could fill."""


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come within five seconds (signals.md).

    A body that still comes after its answer counts as headers that do not come.
    """

    headers_timeout_sec = 5.0
    most_connections = MOST_CONNECTIONS
    _wants_headers = True
    _headers_timer: asyncio.TimerHandle | None = None
    made_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.made_at = self.loop.time()
        self._bound_headers()
        if len(self.connections) > self.most_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._bound_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wants_headers = True

    def on_headers_complete(self) -> None:
        self._wants_headers = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Nothing is timed before the next piece comes: until then the keep-alive's own timer runs."""
        super().on_response_complete()
        self._wants_headers = self.cycle.response_complete  # else it is that of a request sent behind this one

    def connection_lost(self, exc: Exception | None) -> None:
        self._wants_headers = False
        self._bound_headers()
        super().connection_lost(exc)

    def _bound_headers(self) -> None:
        """Once per piece that came: headers that came whole need no timer."""
        if self._wants_headers and self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self.headers_timeout_sec, self._give_up)
        elif not self._wants_headers and self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _give_up(self) -> None:
        self._headers_timer = None
        self.transport.close()

    def _make_room(self) -> None:
        """The oldest that no whole request has come from goes: this one, where all others are being answered."""
        waiting = [one for one in self.connections if isinstance(one, PatientProtocol) and one.is_waiting]
        min(waiting, key=lambda one: one.made_at).transport.abort()

    @property
    def is_waiting(self) -> bool:
        cycles = filter(None, (self.cycle,))  # none before the first request
        is_answering = any(not cycle.response_complete and not cycle.more_body for cycle in cycles)
        return not is_answering and not self.transport.is_closing()


if sys.platform == "win32":

    def allowed_descriptors() -> int:
        """Windows counts none."""
        return DESCRIPTORS

else:
    import resource

    def allowed_descriptors() -> int:
        """How many files and connections the process may have, once that is raised to what is wanted."""
        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, DESCRIPTORS)
        if 0 <= allowed < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
                allowed = wanted
        return DESCRIPTORS if allowed == resource.RLIM_INFINITY else allowed


def most_connections() -> int:
    """Of one listener: both leave half of the descriptors to the exchanges and the disk."""
    return min(MOST_CONNECTIONS, allowed_descriptors() // 4)
