"""A stretch of network between a client and a fake venue, which can be cut without anybody being told."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


@dataclass(eq=False, slots=True)
class _Pipe:
    """One connection through the tunnel; `flows` is unset while its packets vanish."""

    flows: asyncio.Event
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Tunnel:
    """TCP forwarding to `port` on loopback. While it is cut, nothing arrives and nothing is closed.

    `mend` lets what waited go on, as TCP does by itself; with `forgets` the connections from before the cut stay dead,
    as behind a router that has lost its table.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._pipes: set[_Pipe] = set()
        self._is_cut = False
        self._before_cut: set[_Pipe] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """The base URL of this end."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        return f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = [task for pipe in self._pipes for task in pipe.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        self._is_cut = True
        self._before_cut = set(self._pipes)
        for pipe in self._pipes:
            pipe.flows.clear()

    def mend(self, *, forgets: bool) -> None:
        self._is_cut = False
        for pipe in self._pipes - (self._before_cut if forgets else set()):
            pipe.flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = _Pipe(asyncio.Event())
        if not self._is_cut:
            pipe.flows.set()
        self._pipes.add(pipe)
        task = asyncio.create_task(self._connect(pipe, reader, writer))
        pipe.tasks.append(task)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._pipes.discard(pipe)

    async def _connect(self, pipe: _Pipe, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            await pipe.flows.wait()
            there, back = await asyncio.open_connection(LOOPBACK, self._port)
            ways = [_forward(pipe, reader, back), _forward(pipe, there, writer)]
            pipe.tasks += [asyncio.create_task(way) for way in ways]
            await asyncio.gather(*pipe.tasks[1:])
        except ConnectionError:
            pass
        finally:
            for end in (writer, back):
                if end is not None:
                    end.close()


async def _forward(pipe: _Pipe, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one end closes: the other is told, once packets go through."""
    try:
        while data := await reader.read(_CHUNK):
            await pipe.flows.wait()
            writer.write(data)
            await writer.drain()
        await pipe.flows.wait()
    except ConnectionError:
        await pipe.flows.wait()
    writer.close()
