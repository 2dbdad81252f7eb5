"""Secrets in one encrypted file, for machines without a keyring and for values a keyring is too small for.

The file is one JSON object in canonical form (sorted keys, no spaces), so that one content has one spelling and any
changed byte is seen:

    version, kdf {name, n, r, p, salt}, cipher, nonce    the header, in the clear, authenticated with the content
    sealed                                               AES-256-GCM of the JSON object {name: secret}, names included
    checksum                                             SHA-256 of all the rest: tells damage from a wrong passphrase
"""

from __future__ import annotations

import json
import os
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.base.secret import Secret
from app.ports.secrets import VaultCorrupt, VaultUnavailable, WrongPassphrase

_VERSION = 1
_CIPHER = "AES-256-GCM"
_KDF = "scrypt"
_KEY_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12  # the size GCM is made for; a fresh one at every write
_MAX_COST = 2**22  # n * r * p; a forged header must not eat the machine's memory before it is refused


@dataclass(frozen=True)
class Cost:
    """What a guess at the passphrase costs: scrypt takes 128 * n * r bytes, here 64 MiB and about a quarter second."""

    n: int = 2**16
    r: int = 8
    p: int = 1


class FileVault:
    """A `SecretStore` in one file of mode 0600, replaced as a whole at every change. One process at a time."""

    kind = "file vault"

    def __init__(self, path: Path, key: _Key, secrets: Mapping[str, Secret]) -> None:
        """Not called by others: `create` or `open`."""
        self._path = path
        self._key = key
        self._secrets = dict(secrets)
        self._lock = Lock()

    @classmethod
    def create(cls, path: Path, passphrase: Secret, cost: Cost | None = None) -> Self:
        """A new, empty vault at `path`, where no file may be."""
        if path.exists():
            raise VaultUnavailable(f"There is a vault at {path} already; it was left as it is.")
        vault = cls(path, _Key.fresh(passphrase, cost or Cost()), {})
        vault._keep(vault._key, {})
        return vault

    @classmethod
    def open(cls, path: Path, passphrase: Secret) -> Self:
        """The vault at `path`. Raises `WrongPassphrase`, `VaultCorrupt`, `VaultUnavailable`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise VaultUnavailable(f"The vault {path} could not be read: {error.strerror}.") from error
        try:
            header, sealed = _parse(content)
            if (header["version"], header["kdf"]["name"], header["cipher"]) != (_VERSION, _KDF, _CIPHER):
                raise VaultUnavailable(f"The vault {path} was written by another version of this program.")
            key = _Key.derive(passphrase, b64decode(header["kdf"]["salt"]), _cost_of(header))
            plain = AESGCM(key.key).decrypt(b64decode(header["nonce"]), sealed, _canonical(header))
        except InvalidTag:
            raise WrongPassphrase(f"The passphrase does not open {path}.") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise VaultCorrupt(f"The vault {path} was damaged or altered; restore the file from a copy.") from None
        return cls(path, key, {name: Secret(text) for name, text in json.loads(plain).items()})

    def get(self, name: str) -> Secret | None:
        return self._secrets.get(name)

    def put(self, name: str, secret: Secret) -> None:
        with self._lock:
            self._keep(self._key, {**self._secrets, name: secret})

    def delete(self, name: str) -> None:
        with self._lock:
            if name in self._secrets:
                self._keep(self._key, {other: secret for other, secret in self._secrets.items() if other != name})

    def names(self) -> list[str]:
        return sorted(self._secrets)

    def change_passphrase(self, passphrase: Secret, cost: Cost | None = None) -> None:
        """From here on only `passphrase` opens the vault. An older copy of the file still opens with the older one."""
        with self._lock:
            self._keep(_Key.fresh(passphrase, cost or self._key.cost), self._secrets)

    def _keep(self, key: _Key, secrets: dict[str, Secret]) -> None:
        """The disk first: if it refuses, memory stays as it was."""
        nonce = os.urandom(_NONCE_BYTES)
        header: dict[str, Any] = {
            "version": _VERSION,
            "kdf": {"name": _KDF, **asdict(key.cost), "salt": b64encode(key.salt).decode()},
            "cipher": _CIPHER,
            "nonce": b64encode(nonce).decode(),
        }
        plain = _canonical({name: secret.reveal() for name, secret in secrets.items()})
        sealed = AESGCM(key.key).encrypt(nonce, plain, _canonical(header))
        document = {**header, "sealed": b64encode(sealed).decode()}
        document["checksum"] = sha256(_canonical(document)).hexdigest()
        try:
            _replace(self._path, _canonical(document))
        except OSError as error:
            raise VaultUnavailable(f"The vault {self._path} could not be written: {error.strerror}.") from error
        self._key, self._secrets = key, secrets


@dataclass(frozen=True, repr=False)
class _Key:
    key: bytes
    salt: bytes
    cost: Cost

    @classmethod
    def fresh(cls, passphrase: Secret, cost: Cost) -> Self:
        return cls.derive(passphrase, os.urandom(_SALT_BYTES), cost)

    @classmethod
    def derive(cls, passphrase: Secret, salt: bytes, cost: Cost) -> Self:
        # systems spell the same typed accent differently
        typed = unicodedata.normalize("NFC", passphrase.reveal()).encode("utf-8", "surrogatepass")
        kdf = Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p)
        return cls(kdf.derive(typed), salt, cost)


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def _parse(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and sealed content; `ValueError` and its like when the file is not whole."""
    document = json.loads(content)
    if _canonical(document) != content:
        raise ValueError("not as we write it")
    checksum = document.pop("checksum")
    if checksum != sha256(_canonical(document)).hexdigest():
        raise ValueError("checksum")
    return document, b64decode(document.pop("sealed"))


def _cost_of(header: Mapping[str, Any]) -> Cost:
    cost = Cost(*(header["kdf"][name] for name in "nrp"))
    if cost.n * cost.r * cost.p > _MAX_COST:
        raise ValueError("more than any vault of ours asks for")
    return cost


def _replace(path: Path, content: bytes) -> None:
    """Writes `content` to `path` for its owner alone; whatever happens, `path` holds the old or the new, whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # left by a crash, or planted: never written through
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a directory cannot be synced
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
