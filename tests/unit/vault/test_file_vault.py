import errno
import json
import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.secret import Secret
from app.ports.secrets import SecretStore, VaultCorrupt, VaultUnavailable, WrongPassphrase
from app.vault.file_vault import Cost, FileVault

QUICK = Cost(n=2, r=1, p=1)
PASSPHRASE = Secret("correct horse")
NAME = "account/binance-main"
TEXT = "a-key-nobody-may-read-4B19"


class Killed(BaseException):
    """The process ends here: no handler runs that a real end would not run."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(path: Path) -> FileVault:
    vault = FileVault.create(path, PASSPHRASE, QUICK)
    vault.put(NAME, Secret(TEXT))
    return vault


def reopened(path: Path) -> FileVault:
    return FileVault.open(path, PASSPHRASE)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), st.text()), st.text())
def test_any_names_and_values_come_back_after_reopening(values: dict[str, str], passphrase: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vault.json"
        vault: SecretStore = FileVault.create(path, Secret(passphrase), QUICK)
        for name, text in values.items():
            vault.put(name, Secret(text))
        again = FileVault.open(path, Secret(passphrase))
        assert again.names() == vault.names() == sorted(values)
        assert all(again.get(name) == Secret(text) for name, text in values.items())
        assert again.kind == "file vault"


def test_a_deleted_secret_stays_deleted(vault: FileVault, path: Path) -> None:
    vault.put("other", Secret("x"))
    vault.delete(NAME)
    vault.delete("never there")
    assert vault.get(NAME) is None
    assert reopened(path).names() == ["other"]


def test_a_wrong_passphrase_is_told_in_a_sentence(vault: FileVault, path: Path) -> None:
    with pytest.raises(WrongPassphrase, match=r"The passphrase does not open .*vault\.json\."):
        FileVault.open(path, Secret("correct horsE"))


def test_the_same_accent_typed_on_another_system_opens_the_vault(path: Path) -> None:
    FileVault.create(path, Secret("caf\u00e9"), QUICK)
    assert FileVault.open(path, Secret("cafe\u0301")).names() == []


@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80])
def test_a_change_in_any_byte_is_refused_as_damage(vault: FileVault, path: Path, bit: int) -> None:
    content = path.read_bytes()
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ bit]) + content[index + 1 :])
        with pytest.raises(VaultCorrupt):
            reopened(path)


def test_a_vault_cut_short_or_with_something_added_is_refused_as_damage(vault: FileVault, path: Path) -> None:
    content = path.read_bytes()
    for other in [
        *(content[:length] for length in range(len(content))),
        content + b"\n",
        b" " + content,
        b"[]",
        b"null",
    ]:
        path.write_bytes(other)
        with pytest.raises(VaultCorrupt):
            reopened(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sealed", b64encode(b"x" * 60).decode()),
        ("sealed", ""),
        ("nonce", b64encode(b"x" * 12).decode()),
        ("nonce", ""),
        ("kdf", {"name": "scrypt", "n": 4, "r": 1, "p": 1, "salt": "AAAA"}),
        ("kdf", {"name": "scrypt", "n": 2**40, "r": 8, "p": 1, "salt": "AAAA"}),
        ("kdf", {"name": "scrypt", "n": "2", "r": 1, "p": 1, "salt": "AAAA"}),
        ("kdf", {"name": "scrypt", "n": 3, "r": 1, "p": 1, "salt": "AAAA"}),
        ("kdf", []),
    ],
)
def test_a_forger_who_mends_the_checksum_is_refused_too(
    vault: FileVault, path: Path, field: str, value: object
) -> None:
    document = json.loads(path.read_bytes())
    del document["checksum"]
    document[field] = value
    document["checksum"] = sha256(canonical(document)).hexdigest()
    path.write_bytes(canonical(document))
    with pytest.raises((VaultCorrupt, WrongPassphrase)):
        reopened(path)


def test_a_vault_of_another_version_is_not_called_damaged(vault: FileVault, path: Path) -> None:
    document = json.loads(path.read_bytes())
    del document["checksum"]
    document["version"] = 2
    document["checksum"] = sha256(canonical(document)).hexdigest()
    path.write_bytes(canonical(document))
    with pytest.raises(VaultUnavailable, match="another version"):
        reopened(path)


def canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the data directory's access list protects it")
def test_the_file_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    umask = os.umask(0)
    try:
        vault = FileVault.create(path, PASSPHRASE, QUICK)
        assert path.stat().st_mode & 0o777 == 0o600
        vault.put(NAME, Secret(TEXT))
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(umask)


def test_neither_names_nor_values_nor_passphrase_stand_in_the_file(vault: FileVault, path: Path) -> None:
    content = path.read_bytes()
    for text in (NAME, TEXT, PASSPHRASE.reveal()):
        assert text.encode() not in content
        assert b64encode(text.encode()).rstrip(b"=") not in content
        assert text.encode().hex().encode() not in content


def test_what_is_shown_of_a_vault_holds_no_secret(vault: FileVault) -> None:
    assert TEXT not in repr(vault)
    assert TEXT not in str(vars(vault))
    assert repr(vault._key.key) not in str(vars(vault))


def test_no_two_writes_share_a_nonce_and_no_two_vaults_a_salt(vault: FileVault, path: Path, tmp_path: Path) -> None:
    first = json.loads(path.read_bytes())
    vault.put(NAME, Secret(TEXT))
    second = json.loads(path.read_bytes())
    assert first["nonce"] != second["nonce"]
    assert first["kdf"] == second["kdf"]
    FileVault.create(tmp_path / "other.json", PASSPHRASE, QUICK)
    assert json.loads((tmp_path / "other.json").read_bytes())["kdf"]["salt"] != first["kdf"]["salt"]


def test_a_guess_costs_what_is_recommended() -> None:
    assert Cost().n >= 2**15
    assert (Cost().r, Cost().p) == (8, 1)


def test_after_a_change_of_passphrase_only_the_new_one_opens(vault: FileVault, path: Path) -> None:
    salt = json.loads(path.read_bytes())["kdf"]["salt"]
    vault.change_passphrase(Secret("battery staple"))
    with pytest.raises(WrongPassphrase):
        FileVault.open(path, PASSPHRASE)
    assert json.loads(path.read_bytes())["kdf"]["salt"] != salt
    vault.put("later", Secret("x"))
    again = FileVault.open(path, Secret("battery staple"))
    assert again.get(NAME) == Secret(TEXT)
    assert again.names() == [NAME, "later"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_during_a_write_leaves_the_vault_as_it_was(
    vault: FileVault, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = path.read_bytes()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(step, die)
        with pytest.raises(Killed):
            vault.put("new", Secret("value"))
    assert path.read_bytes() == before
    survivor = reopened(path)
    assert survivor.names() == [NAME]
    survivor.put("new", Secret("value"))
    assert reopened(path).names() == [NAME, "new"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_is_told_and_changes_neither_file_nor_memory(
    vault: FileVault, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(step, refuse)
        with pytest.raises(VaultUnavailable, match="No space left on device"):
            vault.put("new", Secret("value"))
        with pytest.raises(VaultUnavailable):
            vault.change_passphrase(Secret("other"))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert vault.get("new") is None
    vault.put("new", Secret("value"))
    assert reopened(path).names() == [NAME, "new"]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
def test_a_planted_link_is_not_written_through(vault: FileVault, path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.with_name("vault.json.new").symlink_to(victim)
    vault.put("new", Secret("value"))
    assert victim.read_text() == "precious"
    assert not path.is_symlink()


def test_creating_never_replaces_a_vault(vault: FileVault, path: Path) -> None:
    with pytest.raises(VaultUnavailable, match="already"):
        FileVault.create(path, Secret("other"), QUICK)
    assert reopened(path).names() == [NAME]


def test_a_missing_vault_is_unavailable_not_empty(path: Path) -> None:
    with pytest.raises(VaultUnavailable, match="could not be read"):
        reopened(path)
