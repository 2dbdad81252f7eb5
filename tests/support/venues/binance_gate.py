"""Who may ask: the key, the signature and the time of a request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum

from tests.support.venues.refusals import VenueRefusal, malformed, mandatory

RECV_WINDOW_MS = 5000
MOST_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1000


class Security(StrEnum):
    """Title: General Info, Endpoint Security Type."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


class Gate:
    def __init__(self, api_key: str, secret: str, now: Callable[[], int]) -> None:
        self.api_key = api_key
        self.secret = secret
        self.may_trade = True
        """Whether the key has the permission for futures; without it everything signed is refused."""
        self._now = now

    def check(self, security: Security, key: str | None, signed: str, params: Mapping[str, str]) -> None:
        """`signed` is the query followed by the body, as they came."""
        if security is Security.NONE:
            return
        if not key:
            raise VenueRefusal(-2014, "API-key format invalid.", 401)
        if key != self.api_key or not self.may_trade:
            raise VenueRefusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if security is Security.SIGNED:
            self._check_signature(signed, params)
            self._check_time(params)

    def _check_signature(self, signed: str, params: Mapping[str, str]) -> None:
        """Title: General Info, SIGNED Endpoint Security."""
        if not params.get("signature"):
            raise mandatory("signature")
        payload = signed.partition("&signature=")[0]
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, params["signature"].lower()):
            raise VenueRefusal(-1022, "Signature for this request is not valid.")

    def _check_time(self, params: Mapping[str, str]) -> None:
        """Title: General Info, Timing Security."""
        if not params.get("timestamp"):
            raise mandatory("timestamp")
        window = params.get("recvWindow", str(RECV_WINDOW_MS))
        if not params["timestamp"].isdecimal() or not window.isdecimal():
            raise malformed("timestamp")
        if int(window) > MOST_RECV_WINDOW_MS:
            raise VenueRefusal(-1131, "recvWindow must be less than 60000")
        late = self._now() - int(params["timestamp"])
        if late < -AHEAD_MS:
            raise VenueRefusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if late > int(window):
            raise VenueRefusal(-1021, "Timestamp for this request is outside of the recvWindow.")
