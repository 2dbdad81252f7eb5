"""The sockets that requests come in by."""

from __future__ import annotations

import asyncio
import socket

from app.api.server import _bound


async def test_an_answer_in_two_parts_does_not_wait_for_the_other_sides_acknowledgement() -> None:
    connected: asyncio.Future[asyncio.BaseTransport] = asyncio.get_running_loop().create_future()

    class Listening(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connected.set_result(transport)

    server = await asyncio.get_running_loop().create_server(Listening, sock=_bound("127.0.0.1", 0, "api.port"))
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    transport = await connected
    assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport.close()
    writer.close()
    server.close()
