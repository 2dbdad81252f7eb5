"""Keeps the suite on this machine: a connection to any address but loopback is refused and remembered."""

import functools
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

attempts: list[str] = []
"""What was refused since the list was last cleared, so that code which swallows the error is caught all the same."""


class NetworkBlocked(AssertionError):
    """Not an `OSError`, so that no retry takes it for a bad connection."""


def install() -> None:
    for name, address_of in _ADDRESS_OF.items():
        setattr(socket.socket, name, _guarded(name, getattr(socket.socket, name), address_of))
    setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))  # noqa: B010 - mypy refuses a plain assignment


def is_loopback(host: str) -> bool:
    address = _literal(host)
    if address is None:
        return host.lower() in LOOPBACK_NAMES
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse(operation: str, target: object) -> None:
    attempts.append(f"{operation} to {target!r}")
    raise NetworkBlocked(f"{operation} to {target!r}: tests talk to loopback addresses only")


def _guarded(name: str, original: Callable[..., Any], address_of: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(self: socket.socket, *args: Any) -> Any:
        address = address_of(*args)
        is_internet = self.family in {socket.AF_INET, socket.AF_INET6}
        if is_internet and address is not None and not is_loopback(str(address[0])):
            _refuse(name, address)
        return original(self, *args)

    return guarded


def _guarded_lookup(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(host: bytes | str | None, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and _literal(name) is None and not is_loopback(name):
            _refuse("getaddrinfo", name)
        return original(host, *args, **kwargs)

    return guarded


def _last(*args: Any) -> Any:
    return args[-1]


def _fourth(*args: Any) -> Any:
    return args[3] if len(args) > 3 else None


_ADDRESS_OF: dict[str, Callable[..., Any]] = {
    "connect": _last,
    "connect_ex": _last,
    "sendto": _last,
    "sendmsg": _fourth,
}
