"""The keys of accounts in the vault: one entry each, written whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultCorrupt

_ENTRY = "account/"
_USUAL = ("api_key", "secret")
_FIELDS = {
    "okx": (*_USUAL, "password"),
    "kucoin": (*_USUAL, "password"),
    "aster": ("wallet_address", "private_key"),
}
LABELS: Mapping[str, str] = {
    "api_key": "API key",
    "secret": "secret",
    "password": "passphrase of the key",
    "wallet_address": "address of the main wallet",
    "private_key": "private key of the agent signer",
}
Keys = Mapping[str, Secret]


def fields_of(venue: str) -> tuple[str, ...]:
    """What a venue's keys consist of, in the order in which they are asked for."""
    return _FIELDS.get(venue, _USUAL)


def complete(venue: str, given: Mapping[str, str]) -> dict[str, Secret]:
    """`given` as secrets. OperatorActionNeeded names what is missing."""
    fields = fields_of(venue)
    empty = [LABELS[name] for name in fields if not given.get(name, "").strip()]
    if empty:
        raise OperatorActionNeeded(f"{venue} needs: {', '.join(empty)}")
    return {name: Secret(given[name].strip()) for name in fields}


class AccountVault:
    """Every call may block for long: keep it off the event loop. Raises the errors of `app.ports.secrets`."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def has(self, account_id: str) -> bool:
        return self._store.get(_ENTRY + account_id) is not None

    def read(self, account_id: str) -> Keys | None:
        """None where the vault has no keys of this account."""
        entry = self._store.get(_ENTRY + account_id)
        if entry is None:
            return None
        try:
            return {str(name): Secret(str(text)) for name, text in json.loads(entry.reveal()).items()}
        except (ValueError, AttributeError):
            raise VaultCorrupt(f"The keys of {account_id} in the vault cannot be read.") from None

    def write(self, account_id: str, keys: Keys) -> None:
        document = {name: secret.reveal() for name, secret in keys.items()}
        self._store.put(_ENTRY + account_id, Secret(json.dumps(document)))

    def forget(self, account_id: str) -> None:
        self._store.delete(_ENTRY + account_id)


def fingerprint(keys: Keys | None) -> str:
    """Tells keys apart without giving them away; empty where there are none."""
    if not keys:
        return ""
    text = json.dumps({name: secret.reveal() for name, secret in keys.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def same_account(some: Keys | None, others: Keys) -> bool:
    """Whether both are certainly of one account: the first of the keys names it, or is a key of it."""
    return some is not None and next(iter(some.items()), None) == next(iter(others.items()))


def shown(keys: Keys | None) -> str:
    """The first of the keys as people may see it: masked but for its end."""
    return "none" if not keys else repr(next(iter(keys.values())))
