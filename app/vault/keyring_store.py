"""Secrets in the operating system's keyring."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

from keyring.backend import KeyringBackend
from keyring.backends import SecretService, Windows, kwallet, macOS
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError, PasswordSetError

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import SecretStore, SecretTooLarge, VaultLocked, VaultUnavailable

_KEYRING, _FILE = "keyring", "file"
_NAMES, _FILE_KEY, _PROBE = "names", "file key", "probe"
_INDEX_IN_FILE = ""  # no secret bears this name
_WINDOWS_LIMIT = 1200  # UTF-16 code units; a credential's blob ends at 2560 bytes


def system_keyring() -> KeyringBackend | None:
    """The operating system's own keyring: macOS Keychain, Windows Credential Manager, Secret Service or KWallet.

    Chosen from these four alone. `keyring.get_keyring()` would also obey a configuration file, an environment variable
    and any installed plug-in, and some of those store plain text or nothing.
    """
    real = (macOS.Keyring, Windows.WinVaultKeyring, SecretService.Keyring, kwallet.DBusKeyring)
    usable = [backend for backend in real if backend.viable]
    return max(usable, key=lambda backend: backend.priority)() if usable else None


class KeyringStore:
    """A `SecretStore` in a keyring, under `service`; values too large for it go to a file vault whose key it keeps.

    A keyring cannot list, so one entry of ours holds the names and where each value lives. That index decides: a new
    value is written before it is indexed, so that a crash between the two changes nothing anyone can see.
    """

    kind = "keyring"

    def __init__(
        self,
        backend: KeyringBackend,
        service: str,
        open_file: Callable[[Secret], SecretStore] | None = None,
    ) -> None:
        """`open_file` opens or creates, with the given key, the vault for large values; without it they are refused."""
        self._backend = backend
        self._service = service
        self._housekeeping = f"{service} index"
        self._open_file = open_file
        self._file: SecretStore | None = None
        self._places: dict[str, str] | None = None
        self._lock = RLock()

    def probe(self) -> None:
        """A round trip of a throwaway entry. Raises `VaultUnavailable` or `VaultLocked` when it does not come back."""
        value = os.urandom(8).hex()
        with _in_our_words():
            self._backend.set_password(self._housekeeping, _PROBE, value)
            returned = self._backend.get_password(self._housekeeping, _PROBE)
            self._backend.delete_password(self._housekeeping, _PROBE)
        if returned != value:
            raise VaultUnavailable("The system's keyring does not keep what it is given.")

    def get(self, name: str) -> Secret | None:
        with self._lock, _in_our_words():
            place = self._index().get(name)
            if place == _FILE:
                return self._file_vault().get(name)
            text = self._backend.get_password(self._service, name) if place else None
            return None if text is None else Secret(text)

    def put(self, name: str, secret: Secret) -> None:
        if not name:
            raise ValueError("a secret needs a name")
        with self._lock, _in_our_words():
            old_place = self._index().get(name)
            place = _KEYRING if self._fits(self._service, name, secret.reveal()) else _FILE
            if place == _FILE:
                self._file_vault().put(name, secret)
            if place != old_place:
                self._keep_index({**self._index(), name: place})
                self._forget(name, old_place)

    def delete(self, name: str) -> None:
        with self._lock, _in_our_words():
            places = self._index()
            if name in places:
                self._forget(name, places[name])
                self._keep_index({other: place for other, place in places.items() if other != name})

    def names(self) -> list[str]:
        with self._lock, _in_our_words():
            return sorted(self._index())

    def _index(self) -> dict[str, str]:
        """Where each name's value lives. The index of many names is itself a value too large for Windows."""
        if self._places is None:
            text = self._backend.get_password(self._housekeeping, _NAMES)
            if text == _FILE:
                kept = self._file_vault().get(_INDEX_IN_FILE)
                text = kept.reveal() if kept else None
            self._places = json.loads(text) if text else {}
        return self._places

    def _keep_index(self, places: dict[str, str]) -> None:
        text = json.dumps(places)
        if not self._fits(self._housekeeping, _NAMES, text):
            self._file_vault().put(_INDEX_IN_FILE, Secret(text))
            self._backend.set_password(self._housekeeping, _NAMES, _FILE)
        self._places = places

    def _fits(self, service: str, name: str, text: str) -> bool:
        """Writes the value to the keyring, unless it is too large for it."""
        if isinstance(self._backend, Windows.WinVaultKeyring) and len(text.encode("utf-16-le")) // 2 > _WINDOWS_LIMIT:
            return False
        try:
            self._backend.set_password(service, name, text)
        except PasswordSetError:  # how the other keyrings say so
            return False
        return True

    def _forget(self, name: str, place: str | None) -> None:
        if place == _FILE:
            self._file_vault().delete(name)
        elif place == _KEYRING:
            try:
                self._backend.delete_password(self._service, name)
            except PasswordDeleteError:
                if self._backend.get_password(self._service, name) is not None:  # else it was deleted by hand
                    raise

    def _file_vault(self) -> SecretStore:
        if self._file is None:
            if self._open_file is None:
                raise SecretTooLarge("The value is too large for the system's keyring.")
            key = self._backend.get_password(self._housekeeping, _FILE_KEY)
            if key is None:
                key = os.urandom(32).hex()
                self._backend.set_password(self._housekeeping, _FILE_KEY, key)
            self._file = self._open_file(Secret(key))
        return self._file


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except OperatorActionNeeded:
        raise
    except KeyringLocked as error:
        raise VaultLocked("The system's keyring is locked: unlock it and try again.") from error
    except KeyringError as error:
        raise VaultUnavailable(f"The system's keyring cannot be used: {error}") from error
    except Exception as error:  # each system's library has errors of its own, importable only there
        raise VaultUnavailable(f"The system's keyring failed ({type(error).__name__}).") from error
