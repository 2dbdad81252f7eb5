"""Webhook keys and path tokens: made, kept, rotated, matched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from threading import Lock
from typing import Any

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultCorrupt, WebhookKey

FIRST_KEY = "default"
_SECRET_BYTES = 32
_KEY_PREFIX = "webhook/key/"
_PATH_ENTRY = "webhook/path-token"
_NAME = re.compile(r"[a-z0-9._-]{1,40}")  # it goes into a header, and into Windows' keyring, which ignores case


@dataclass(frozen=True)
class _PathToken:
    secret: Secret
    expires_at: datetime | None


class WebhookKeyring:
    """The webhook keys of a store; satisfies `WebhookKeys`.

    Making one reads the store, changing something writes it: both off the event loop, from any thread. The rest works
    on memory alone. A name's key and those it was rotated from are one entry, so a rotation is one write.
    """

    def __init__(self, store: SecretStore, now: Callable[[], datetime], token: Callable[[int], str]) -> None:
        """`token(n)` is URL-safe text from `n` random bytes."""
        self._store = store
        self._now = now
        self._token = token
        self._lock = Lock()
        # Replaced as a whole, never altered: the event loop reads it while a thread rotates.
        self._by_name: dict[str, tuple[WebhookKey, ...]] = {}
        self._path_tokens: tuple[_PathToken, ...] = ()
        try:
            for entry in store.names():
                if entry.startswith(_KEY_PREFIX):
                    name = entry.removeprefix(_KEY_PREFIX)
                    self._by_name[name] = tuple(_key_from(name, document) for document in _read(store, entry))
            self._path_tokens = tuple(_path_token_from(document) for document in _read(store, _PATH_ENTRY))
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            raise VaultCorrupt("The webhook keys in the vault cannot be read.") from error

    def ensure_first(self) -> tuple[WebhookKey, Secret]:
        """A valid key and the path token; on the first start they are generated.

        The key is `default` if that one is valid, else the newest; when none is, a new `default` that may do
        everything: live accounts are guarded by being armed.
        """
        if not self._path_tokens:
            self.rotate_path_token(timedelta(0))
        key = self.by_name(FIRST_KEY) or next(iter(self.keys()), None) or self.create(FIRST_KEY, allows_live=True)
        return key, self._path_tokens[0].secret

    def keys(self) -> tuple[WebhookKey, ...]:
        now = self._now()
        valid = [key for key in chain.from_iterable(self._by_name.values()) if key.is_valid_at(now)]
        return tuple(sorted(valid, key=lambda key: key.created_at, reverse=True))

    def match(self, secret_text: str) -> WebhookKey | None:
        now = self._now()
        found = None
        for key in chain.from_iterable(self._by_name.values()):  # every key, so that time tells nothing
            if key.secret.matches(secret_text) and key.is_valid_at(now):
                found = key
        return found

    def by_name(self, name: str) -> WebhookKey | None:
        now = self._now()
        return next((key for key in self._by_name.get(name, ()) if key.is_valid_at(now)), None)

    def path_token_matches(self, text: str) -> bool:
        now = self._now()
        found = False
        for token in self._path_tokens:
            found |= token.secret.matches(text) and (token.expires_at is None or now < token.expires_at)
        return found

    def create(
        self,
        name: str,
        *,
        accounts: Sequence[str] = (),
        symbols: Sequence[str] = (),
        intents: Sequence[str] = (),
        max_quote: Decimal | None = None,
        allows_live: bool = False,
        expires_at: datetime | None = None,
    ) -> WebhookKey:
        """A new key. A revoked or expired one of that name is replaced."""
        if not _NAME.fullmatch(name):
            raise OperatorActionNeeded("A webhook key's name is 1 to 40 small letters, digits or . _ -")
        with self._lock:
            if self.by_name(name):
                raise OperatorActionNeeded(f"There is a webhook key {name} already.")
            key = WebhookKey(
                name=name,
                secret=Secret(self._token(_SECRET_BYTES)),
                accounts=tuple(accounts),
                symbols=tuple(symbols),
                intents=tuple(intents),
                max_quote=max_quote,
                allows_live=allows_live,
                created_at=self._now(),
                expires_at=expires_at,
                revoked=False,
            )
            self._keep(name, (key,))
        return key

    def rotate(self, name: str, grace: timedelta) -> WebhookKey:
        """A new secret for what the key may do; the one before stays valid for `grace`."""
        with self._lock:
            old = self._valid(name)
            now = self._now()
            new = replace(old[0], secret=Secret(self._token(_SECRET_BYTES)), created_at=now)
            self._keep(name, (new, *(replace(key, expires_at=_sooner(key.expires_at, now + grace)) for key in old)))
        return new

    def revoke(self, name: str) -> None:
        """From now on the key, and those it was rotated from, open nothing."""
        with self._lock:
            self._keep(name, tuple(replace(key, revoked=True) for key in self._valid(name)))

    def rotate_path_token(self, grace: timedelta) -> Secret:
        """A new path token; the one before stays valid for `grace`."""
        with self._lock:
            now = self._now()
            new = _PathToken(Secret(self._token(_SECRET_BYTES)), None)
            old = (replace(token, expires_at=_sooner(token.expires_at, now + grace)) for token in self._path_tokens)
            tokens = (new, *(token for token in old if token.expires_at is not None and now < token.expires_at))
            _write(self._store, _PATH_ENTRY, [_path_token_document(token) for token in tokens])
            self._path_tokens = tokens
        return new.secret

    def _valid(self, name: str) -> tuple[WebhookKey, ...]:
        now = self._now()
        valid = tuple(key for key in self._by_name.get(name, ()) if key.is_valid_at(now))
        if not valid:
            raise OperatorActionNeeded(f"There is no valid webhook key {name}.")
        return valid

    def _keep(self, name: str, keys: tuple[WebhookKey, ...]) -> None:
        _write(self._store, _KEY_PREFIX + name, [_key_document(key) for key in keys])
        self._by_name = {**self._by_name, name: keys}


def _sooner(moment: datetime | None, other: datetime) -> datetime:
    return other if moment is None else min(moment, other)


def _write(store: SecretStore, entry: str, documents: Sequence[Mapping[str, Any]]) -> None:
    store.put(entry, Secret(json.dumps(documents, separators=(",", ":"))))


def _read(store: SecretStore, entry: str) -> list[dict[str, Any]]:
    kept = store.get(entry)
    return json.loads(kept.reveal()) if kept else []


def _key_document(key: WebhookKey) -> dict[str, Any]:
    return {
        "secret": key.secret.reveal(),
        "accounts": key.accounts,
        "symbols": key.symbols,
        "intents": key.intents,
        "max_quote": None if key.max_quote is None else str(key.max_quote),
        "allows_live": key.allows_live,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked": key.revoked,
    }


def _key_from(name: str, document: Mapping[str, Any]) -> WebhookKey:
    max_quote, expires_at = document["max_quote"], document["expires_at"]
    return WebhookKey(
        name=name,
        secret=Secret(document["secret"]),
        accounts=tuple(document["accounts"]),
        symbols=tuple(document["symbols"]),
        intents=tuple(document["intents"]),
        max_quote=None if max_quote is None else Decimal(max_quote),
        allows_live=document["allows_live"],
        created_at=datetime.fromisoformat(document["created_at"]),
        expires_at=expires_at and datetime.fromisoformat(expires_at),
        revoked=document["revoked"],
    )


def _path_token_document(token: _PathToken) -> dict[str, Any]:
    return {"secret": token.secret.reveal(), "expires_at": token.expires_at and token.expires_at.isoformat()}


def _path_token_from(document: Mapping[str, Any]) -> _PathToken:
    expires_at = document["expires_at"]
    return _PathToken(Secret(document["secret"]), expires_at and datetime.fromisoformat(expires_at))
