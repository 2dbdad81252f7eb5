"""Which store keeps the secrets of this data directory.

The first start decides: the system's keyring when it works, else a new `vault.json`, whose passphrase comes from
`ZIGGURAT_VAULT_PASSPHRASE` or is asked. From then on `vault.kind` remembers it: a start at which that store is away,
locked or empty is refused, for another one would hold none of the keys that alerts and accounts need.
`ZIGGURAT_VAULT=file` or `keyring` changes over, for good.

A keyring serves every data directory of the user, so entries carry the directory's path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from keyring.backend import KeyringBackend

from app.base.private_file import write_private
from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultLocked, VaultUnavailable
from app.vault.file_vault import FileVault
from app.vault.keyring_store import KeyringStore, system_keyring

CHOSEN_BY = "ZIGGURAT_VAULT"
UNLOCKED_BY = "ZIGGURAT_VAULT_PASSPHRASE"
VAULT_FILE = "vault.json"
LARGE_VALUES_FILE = "vault-large.json"
"""Holds what the keyring is too small for; its key is in the keyring. Never the same file as the passphrase's vault."""

KIND_FILE = "vault.kind"
"""`file` or `keyring`: what keeps the secrets."""
_KINDS = {"file": FileVault.kind, "keyring": KeyringStore.kind}

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
    if choice not in ("", *_KINDS):
        raise VaultUnavailable(f"{CHOSEN_BY} is either file or keyring.")
    kept = _kind_kept(data_dir)
    wanted = choice or kept
    advice = _kept_there(data_dir) if kept == "keyring" else f"To use a file, set {CHOSEN_BY}=file and {UNLOCKED_BY}."
    if wanted == "file":
        return _open_file(data_dir / VAULT_FILE, environ, ask_passphrase, may_begin=kept != "file")
    try:
        return _open_keyring(data_dir, find_keyring(), may_begin=kept != "keyring")
    except VaultLocked as error:
        # Whoever can unlock it is asked to, before a second place for secrets is begun.
        if wanted or not environ.get(UNLOCKED_BY):
            raise VaultLocked(f"{error} {advice}") from error
    except VaultUnavailable as error:
        if wanted:
            raise VaultUnavailable(f"{error} {advice}") from error
    return _open_file(data_dir / VAULT_FILE, environ, ask_passphrase, may_begin=True)


def remember(data_dir: Path, store: SecretStore) -> None:
    """From now on `store`, which keeps secrets of the data directory, is the one to use. Blocks. `VaultUnavailable`."""
    kind = next((word for word, kind in _KINDS.items() if kind == store.kind), "")
    if not kind or kind == _kind_written(data_dir):
        return
    try:
        write_private(data_dir / KIND_FILE, kind)
    except OSError as error:
        raise VaultUnavailable(f"{data_dir / KIND_FILE} could not be written: {error.strerror}.") from error


def _kind_kept(data_dir: Path) -> str:
    """What keeps the secrets of the data directory; empty before there are any."""
    return _kind_written(data_dir) or ("file" if (data_dir / VAULT_FILE).exists() else "")


def _kind_written(data_dir: Path) -> str:
    path = data_dir / KIND_FILE
    try:
        kind = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise VaultUnavailable(f"{path} could not be read: {error}.") from error
    if kind not in _KINDS:
        raise VaultUnavailable(f"{path} says which vault is in use: file or keyring, and nothing else.")
    return kind


def _kept_there(data_dir: Path) -> str:
    return (
        "It keeps the webhook keys and account keys of this data directory: start again where it can be used. To begin "
        f"anew, without those keys, delete {data_dir / KIND_FILE}."
    )


def _open_keyring(data_dir: Path, backend: KeyringBackend | None, *, may_begin: bool) -> KeyringStore:
    if backend is None:
        raise VaultUnavailable("This system has no keyring that can be used.")

    def open_large(key: Secret) -> FileVault:
        path = data_dir / LARGE_VALUES_FILE
        return FileVault.open(path, key) if path.exists() else FileVault.create(path, key)

    store = KeyringStore(backend, f"Ziggurat {data_dir.resolve()}", open_large)
    store.probe()
    if not may_begin and not store.names():
        raise VaultUnavailable("The system's keyring holds nothing of this data directory.")
    return store


def _open_file(path: Path, environ: Mapping[str, str], ask: AskPassphrase | None, *, may_begin: bool) -> FileVault:
    is_new = not path.exists()
    if is_new and not may_begin:
        raise VaultUnavailable(f"{path} is not there. {_kept_there(path.parent)}")
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
