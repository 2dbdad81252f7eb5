import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture import network_guard
from tests.architecture.network_guard import NetworkBlocked, is_loopback

OUTSIDE = ("192.0.2.1", 9)  # TEST-NET-1 (RFC 5737) is nobody's address


@pytest.fixture
def refused() -> Iterator[list[str]]:
    """The remembered attempts, forgotten afterwards: here they are what is wanted."""
    yield network_guard.attempts
    network_guard.attempts.clear()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "::", "::ffff:192.0.2.1", "example.org", ""])
def test_anything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda udp: udp.connect(OUTSIDE),
        lambda udp: udp.connect_ex(OUTSIDE),
        lambda udp: udp.sendto(b"x", OUTSIDE),
        lambda udp: udp.sendto(b"x", 0, OUTSIDE),
        lambda udp: udp.sendmsg([b"x"], [], 0, OUTSIDE),
        lambda udp: socket.getaddrinfo("example.org", 443),
        lambda udp: socket.getaddrinfo(b"example.org", 443),
    ],
)
def test_every_way_out_is_refused_and_remembered(
    attempt: Callable[[socket.socket], object], refused: list[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(NetworkBlocked):
        attempt(udp)
    assert len(refused) == 1


@pytest.mark.parametrize("host", [OUTSIDE[0], "example.org"])
async def test_asyncio_connections_are_refused(host: str, refused: list[str]) -> None:
    with pytest.raises(NetworkBlocked):
        await asyncio.open_connection(host, OUTSIDE[1])
    assert len(refused) == 1


async def test_asyncio_datagrams_are_refused(refused: list[str]) -> None:
    with pytest.raises(NetworkBlocked):
        await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=OUTSIDE)
    assert len(refused) == 1


def test_an_attempt_in_another_thread_is_remembered(refused: list[str]) -> None:
    def attempt() -> None:
        with socket.socket() as outgoing, pytest.raises(NetworkBlocked):
            outgoing.connect(OUTSIDE)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert refused == [f"connect to {OUTSIDE!r}"]


async def test_loopback_connections_work(listener: socket.socket) -> None:
    _, writer = await asyncio.open_connection("localhost", listener.getsockname()[1])
    writer.close()
    await writer.wait_closed()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the system has no local sockets")
def test_local_sockets_work(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)


def test_a_test_that_swallows_the_refusal_fails_all_the_same(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        """
        import contextlib, socket

        def test_leaves():
            with socket.socket() as outgoing, contextlib.suppress(BaseException):
                outgoing.connect(("192.0.2.1", 9))

        def test_stays():
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*the test left this machine: connect to*"])
