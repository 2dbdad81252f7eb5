"""Requests and answers at debug level, for who asks what was said between us and a venue."""

from __future__ import annotations

import logging
import re

log = logging.getLogger(__name__)

MOST_SHOWN = 2000
"""Characters of a text; lists of markets have a million of them."""
_PROOFS = "signature|sign|listenKey|token|api_?key|passphrase"
_IN_QUERY = re.compile(rf"[?&]?\b(?:{_PROOFS}|timestamp|recvWindow|nonce)=[^&\s\"]*", re.IGNORECASE)
_IN_JSON = re.compile(rf'"(?:{_PROOFS})"\s*:\s*"[^"]*"?\s*,?\s*', re.IGNORECASE)


def tell_request(method: str, url: str, body: str | None) -> None:
    """Of a request that leaves now; headers, which carry the keys, are not told."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("asks %s %s %s", method, without_signature(url), shown(body or ""))


def tell_answer(method: str, url: str, status: int, text: str) -> None:
    """Of what was answered to it; a request without an answer ends in an error, which is told elsewhere."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("answered %s %s %s %s", status, method, url.partition("?")[0], shown(text))


def without_signature(text: str) -> str:
    """`text`, a query or JSON, without what proves who asks."""
    return _IN_JSON.sub("", _IN_QUERY.sub("", text))


def shown(text: str) -> str:
    """`text` as it may be told, no longer than is read."""
    if len(text) <= MOST_SHOWN:
        return without_signature(text)
    return f"{without_signature(text[:MOST_SHOWN])}… ({len(text)} characters)"
