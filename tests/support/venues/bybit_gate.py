"""Who may ask a Bybit fake: the key, the signature and the time of a request; and how often."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping

from tests.support.venues.bybit_refusals import BybitRefusal

AHEAD_MS = 1000
IP_WINDOW_SEC = 5.0
IP_REQUESTS = 600


def signature(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class BybitGate:
    """https://bybit-exchange.github.io/docs/v5/guide, Authentication"""

    def __init__(self, api_key: str, secret: str, now: Callable[[], int]) -> None:
        self.api_key = api_key
        self.secret = secret
        self.may_trade = True
        """Whether the key may place orders; without it everything that changes something is refused."""
        self._now = now

    def check(self, headers: Mapping[str, str], payload: str, *, changes: bool) -> None:
        """`payload` is the query of a GET or the body of a POST, as it came."""
        key, stamp = headers.get("X-BAPI-API-KEY", ""), headers.get("X-BAPI-TIMESTAMP", "")
        window = headers.get("X-BAPI-RECV-WINDOW", "5000")
        if key != self.api_key:
            raise BybitRefusal(10003, "API key is invalid.")
        expected = signature(self.secret, stamp + key + window + payload)
        if not hmac.compare_digest(expected, headers.get("X-BAPI-SIGN", "")):
            raise BybitRefusal(10004, f"error sign! origin_string[{stamp}{key}{window}{payload}]")
        if not stamp.isdecimal() or not window.isdecimal():
            raise BybitRefusal(10001, "params error: timestamp")
        self._check_time(int(stamp), int(window))
        if changes and not self.may_trade:
            raise BybitRefusal(10005, "Permission denied, please check your API key permissions.")

    def _check_time(self, stamp: int, window: int) -> None:
        now = self._now()
        if not now - window <= stamp < now + AHEAD_MS:
            raise BybitRefusal(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]",
            )

    def check_login(self, arguments: list[object]) -> str | None:
        """Why a private stream may not be opened, None where it may.

        https://bybit-exchange.github.io/docs/v5/ws/connect, Authentication
        """
        key, expires, signed = ([*map(str, arguments), "", "", ""])[:3]
        if key != self.api_key or signed != signature(self.secret, f"GET/realtime{expires}"):
            return "Params Error"
        return None if expires.isdecimal() and int(expires) > self._now() else "Request expired"


class BybitLimits:
    """https://bybit-exchange.github.io/docs/v5/rate-limit: a second by account and path, five seconds by address."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._spent: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()
        self.in_a_second: dict[str, int] = {}
        """Requests a second by the end of a path; those not named here may be asked fifty times."""
        self.of_address = IP_REQUESTS

    def enter(self) -> bool:
        """Whether the address may still ask; https://bybit-exchange.github.io/docs/v5/rate-limit, IP Limit."""
        now = self._seconds()
        while self._all and self._all[0] <= now - IP_WINDOW_SEC:
            self._all.popleft()
        self._all.append(now)
        return len(self._all) <= self.of_address

    def spend(self, path: str, count: int) -> None:
        """Count a request of `count` orders. Refuses with 10006."""
        now, spent = self._seconds(), self._spent.setdefault(path, deque())
        while spent and spent[0] <= now - 1:
            spent.popleft()
        if len(spent) + count > self._limit(path):
            raise BybitRefusal(10006, "Too many visits!")
        spent.extend([now] * count)

    def _limit(self, path: str) -> int:
        return next((most for end, most in self.in_a_second.items() if path.endswith(end)), 50)

    def headers(self, path: str) -> dict[str, str]:
        spent = self._spent.get(path, deque())
        oldest = spent[0] if spent else self._seconds()
        return {
            "X-Bapi-Limit": str(self._limit(path)),
            "X-Bapi-Limit-Status": str(max(self._limit(path) - len(spent), 0)),
            "X-Bapi-Limit-Reset-Timestamp": str(round((oldest + 1) * 1000)),
        }
