from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import InitError, KeyringLocked, NoKeyringError

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import SecretStore, SecretTooLarge, VaultLocked, VaultUnavailable
from app.vault.file_vault import Cost, FileVault
from app.vault.keyring_store import KeyringStore, system_keyring
from app.vault.memory_store import MemoryStore
from tests.unit.vault.fake_keyring import FakeKeyring, FakeWindowsKeyring, NullKeyring

SERVICE = "Ziggurat test"
LARGE = "x" * 1201


class LibraryError(Exception):
    """What a system's own library throws."""


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_any_names_and_values_come_back_in_a_later_session(values: dict[str, str]) -> None:
    backend = FakeKeyring()
    store: SecretStore = KeyringStore(backend, SERVICE)
    for name, text in values.items():
        store.put(name, Secret(text))
    later = KeyringStore(backend, SERVICE)
    assert later.names() == store.names() == sorted(values)
    assert all(later.get(name) == Secret(text) for name, text in values.items())
    assert later.kind == "keyring"


def test_a_deleted_secret_is_gone_from_keyring_and_index() -> None:
    backend = FakeKeyring()
    store = KeyringStore(backend, SERVICE)
    store.put("a", Secret("1"))
    store.put("b", Secret("2"))
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None
    assert KeyringStore(backend, SERVICE).names() == ["b"]
    assert (SERVICE, "a") not in backend.entries


def test_a_secret_the_trader_deleted_by_hand_reads_as_missing_and_can_be_deleted() -> None:
    backend = FakeKeyring()
    store = KeyringStore(backend, SERVICE)
    store.put("a", Secret("1"))
    del backend.entries[SERVICE, "a"]
    assert store.get("a") is None
    store.delete("a")
    assert store.names() == []


def test_no_name_of_ours_collides_with_housekeeping() -> None:
    store = KeyringStore(FakeKeyring(), SERVICE)
    for name in ("names", "probe", "file key"):
        store.put(name, Secret(name))
    store.probe()
    assert [store.get(name) for name in store.names()] == [Secret(name) for name in store.names()]


def test_a_secret_needs_a_name() -> None:
    with pytest.raises(ValueError, match="name"):
        KeyringStore(FakeKeyring(), SERVICE).put("", Secret("1"))


def test_two_services_share_nothing() -> None:
    backend = FakeKeyring()
    KeyringStore(backend, "Ziggurat one").put("a", Secret("1"))
    assert KeyringStore(backend, "Ziggurat two").get("a") is None
    assert KeyringStore(backend, "Ziggurat two").names() == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NoKeyringError("none"), VaultUnavailable),
        (InitError("no collection"), VaultUnavailable),
        (KeyringLocked("locked"), VaultLocked),
        (LibraryError("the bus went away"), VaultUnavailable),
        (ConnectionRefusedError("the bus went away"), VaultUnavailable),
    ],
)
def test_what_the_keyring_throws_becomes_something_a_person_can_act_on(
    failure: Exception, expected: type[Exception]
) -> None:
    backend = FakeKeyring()
    store = KeyringStore(backend, SERVICE)
    store.put("a", Secret("1"))
    backend.failure = failure
    for failing in (
        lambda: store.get("a"),
        lambda: store.put("b", Secret("2")),
        lambda: store.delete("a"),
        KeyringStore(backend, SERVICE).names,
        store.probe,
    ):
        with pytest.raises(expected) as told:
            failing()
        assert isinstance(told.value, OperatorActionNeeded)
    backend.failure = None
    assert store.names() == ["a"]


def test_a_probe_leaves_nothing_behind() -> None:
    backend = FakeKeyring()
    KeyringStore(backend, SERVICE).probe()
    assert backend.entries == {}


def test_a_keyring_that_keeps_nothing_does_not_pass_the_probe() -> None:
    with pytest.raises(VaultUnavailable, match="does not keep"):
        KeyringStore(NullKeyring(), SERVICE).probe()


def test_a_value_too_large_without_a_file_vault_is_refused_in_a_sentence() -> None:
    store = KeyringStore(FakeWindowsKeyring(), SERVICE)
    with pytest.raises(SecretTooLarge, match="too large"):
        store.put("a", Secret(LARGE))
    assert store.names() == []


def test_windows_characters_are_counted_as_windows_counts_them() -> None:
    file = MemoryStore()
    store = KeyringStore(FakeWindowsKeyring(), SERVICE, lambda _: file)
    store.put("just fits", Secret("x" * 1200))
    store.put("two units each", Secret("\N{ABACUS}" * 601))
    assert file.names() == ["two units each"]


def test_a_value_too_large_goes_to_a_file_whose_key_is_in_the_keyring(tmp_path: Path) -> None:
    path = tmp_path / "large.json"

    def open_file(key: Secret) -> FileVault:
        return FileVault.open(path, key) if path.exists() else FileVault.create(path, key, Cost(2, 1, 1))

    backend = FakeKeyring()
    backend.largest = 1200
    store = KeyringStore(backend, SERVICE, open_file)
    store.put("small", Secret("1"))
    assert not path.exists()
    store.put("large", Secret(LARGE))
    later = KeyringStore(backend, SERVICE, open_file)
    assert later.get("large") == Secret(LARGE)
    assert later.names() == ["large", "small"]
    later.delete("large")
    assert FileVault.open(path, Secret(backend.entries[f"{SERVICE} index", "file key"])).names() == []


def test_a_value_that_grows_and_shrinks_lives_in_one_place_at_a_time() -> None:
    backend, file = FakeWindowsKeyring(), MemoryStore()
    store = KeyringStore(backend, SERVICE, lambda _: file)
    store.put("a", Secret("1"))
    store.put("a", Secret(LARGE))
    assert (SERVICE, "a") not in backend.entries
    assert store.get("a") == Secret(LARGE)
    store.put("a", Secret("2"))
    assert file.names() == []
    assert store.get("a") == Secret("2")


def test_more_names_than_one_windows_credential_holds_are_all_kept() -> None:
    backend, file = FakeWindowsKeyring(), MemoryStore()
    names = [f"account/number-{number}/key" for number in range(100)]
    store = KeyringStore(backend, SERVICE, lambda _: file)
    for name in names:
        store.put(name, Secret(name))
    later = KeyringStore(backend, SERVICE, lambda _: file)
    assert later.names() == sorted(names)
    for name in names[5:]:
        later.delete(name)
    assert KeyringStore(backend, SERVICE, lambda _: file).names() == names[:5]


def test_only_a_keyring_of_the_system_is_ever_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=nowhere")
    backend = system_keyring()
    assert backend is None or type(backend).__module__ in {"keyring.backends.macOS", "keyring.backends.Windows"}
