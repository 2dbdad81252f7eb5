"""A plain HTTP/1.1 client on one kept connection, so that the client's own time stays small."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """When a request was sent, in nanoseconds, and how long its answer took, in milliseconds."""

    sent_ns: int
    answer_ms: float
    status: int


class Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> Timing:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        sent = time.monotonic_ns()
        writer.write(head.encode() + body)
        status_line = await reader.readline()
        length = 0
        while (line := await reader.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
        return Timing(sent, (time.monotonic_ns() - sent) / 1e6, int(status_line.split()[1]))

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
