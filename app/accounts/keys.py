"""The keys of accounts in the vault: one entry each, written whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultCorrupt

_ENTRY = "account/"
_USUAL = ("api_key", "secret")
_ADDRESS = "wallet_address"
_WRITTEN = re.compile("0x[0-9a-f]{40}")
_FIELDS = {
    "okx": (*_USUAL, "password"),
    "kucoin": (*_USUAL, "password"),
    "aster": (_ADDRESS, "private_key"),
}
LABELS: Mapping[str, str] = {
    "api_key": "API key",
    "secret": "secret",
    "password": "passphrase of the key",
    _ADDRESS: "address of the main wallet",
    "private_key": "private key of the agent signer",
}
Keys = Mapping[str, Secret]


def fields_of(venue: str) -> tuple[str, ...]:
    """What a venue's keys consist of, in the order in which they are asked for."""
    return _FIELDS.get(venue, _USUAL)


def complete(venue: str, given: Mapping[str, str]) -> dict[str, Secret]:
    """`given` as secrets, an address written in one way. OperatorActionNeeded names what is missing or wrong."""
    fields = fields_of(venue)
    empty = [LABELS[name] for name in fields if not given.get(name, "").strip()]
    if empty:
        raise OperatorActionNeeded(f"{venue} needs: {', '.join(empty)}")
    keys = {name: Secret(given[name].strip()) for name in fields}
    if _ADDRESS in keys:
        keys[_ADDRESS] = Secret(_written(keys[_ADDRESS].reveal()))
        if _WRITTEN.fullmatch(keys[_ADDRESS].reveal()) is None:
            raise OperatorActionNeeded(f"the {LABELS[_ADDRESS]} is 0x and 40 hexadecimal digits")
    return keys


def _written(address: str) -> str:
    """One address in the one way that it is kept: capitals only help who types it."""
    return f"0x{address.lower().removeprefix('0x')}"


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
    return _name_of(some) == _name_of(others) if some else False


def _name_of(keys: Keys) -> tuple[str, str]:
    """The first of the keys, as it is written today: an address may have been kept as it was typed."""
    name, secret = next(iter(keys.items()))
    return name, _written(secret.reveal()) if name == _ADDRESS else secret.reveal()


def shown(keys: Keys | None) -> str:
    """The first of the keys as people may see it: masked but for its end."""
    return "none" if not keys else repr(next(iter(keys.values())))
