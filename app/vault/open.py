"""Which store keeps the secrets of this data directory.

`ZIGGURAT_VAULT=file` or `keyring` decides. Otherwise an existing `vault.json` stays in use, even when a keyring has
become usable since: the secrets live there, and a start that silently looked elsewhere would find none. Otherwise the
system's keyring when it works; otherwise a new `vault.json`. The file's passphrase comes from
`ZIGGURAT_VAULT_PASSPHRASE` or is asked.

A keyring serves every data directory of the user, so entries carry the directory's path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from keyring.backend import KeyringBackend

from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultLocked, VaultUnavailable
from app.vault.file_vault import FileVault
from app.vault.keyring_store import KeyringStore, system_keyring

CHOSEN_BY = "ZIGGURAT_VAULT"
UNLOCKED_BY = "ZIGGURAT_VAULT_PASSPHRASE"
VAULT_FILE = "vault.json"
LARGE_VALUES_FILE = "vault-large.json"
"""Holds what the keyring is too small for; its key is in the keyring. Never the same file as the passphrase's vault."""

AskPassphrase = Callable[[str], str]


def open_vault(
    data_dir: Path,
    environ: Mapping[str, str],
    ask_passphrase: AskPassphrase | None,
    *,
    find_keyring: Callable[[], KeyringBackend | None] = system_keyring,
) -> SecretStore:
    """The store to use. Blocks. `ask_passphrase` gets the prompt; None where nobody can be asked.

    Raises `VaultUnavailable`, `VaultLocked`, `WrongPassphrase`, `VaultCorrupt`.
    """
    choice = environ.get(CHOSEN_BY, "")
    if choice not in ("", "file", "keyring"):
        raise VaultUnavailable(f"{CHOSEN_BY} is either file or keyring.")
    if choice == "file" or (not choice and (data_dir / VAULT_FILE).exists()):
        return _open_file(data_dir / VAULT_FILE, environ, ask_passphrase)
    try:
        return _open_keyring(data_dir, find_keyring())
    except VaultLocked as error:
        # Whoever can unlock it is asked to, before a second place for secrets is begun.
        if choice or not environ.get(UNLOCKED_BY):
            raise VaultLocked(f"{error} To use a file instead, set {CHOSEN_BY}=file and {UNLOCKED_BY}.") from error
    except VaultUnavailable:
        if choice:
            raise
    return _open_file(data_dir / VAULT_FILE, environ, ask_passphrase)


def _open_keyring(data_dir: Path, backend: KeyringBackend | None) -> KeyringStore:
    if backend is None:
        raise VaultUnavailable("This system has no keyring that can be used.")

    def open_large(key: Secret) -> FileVault:
        path = data_dir / LARGE_VALUES_FILE
        return FileVault.open(path, key) if path.exists() else FileVault.create(path, key)

    store = KeyringStore(backend, f"Ziggurat {data_dir.resolve()}", open_large)
    store.probe()
    return store


def _open_file(path: Path, environ: Mapping[str, str], ask: AskPassphrase | None) -> FileVault:
    is_new = not path.exists()
    text = environ.get(UNLOCKED_BY, "")
    if not text and ask is not None:
        text = ask("Choose a passphrase for the vault: " if is_new else "Passphrase of the vault: ")
        if text and is_new and ask("The same passphrase again: ") != text:
            raise VaultUnavailable("The two passphrases differ; no vault was made.")
    if not text:
        raise VaultUnavailable(
            f"No keyring is in use: set {UNLOCKED_BY} to a passphrase, and secrets are kept encrypted in {path}."
            if is_new
            else f"Set {UNLOCKED_BY} to the passphrase of {path}, or {CHOSEN_BY}=keyring to leave that file aside."
        )
    passphrase = Secret(text)
    return FileVault.create(path, passphrase) if is_new else FileVault.open(path, passphrase)
