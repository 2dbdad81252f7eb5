from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked

from app.base.secret import Secret
from app.ports.secrets import VaultLocked, VaultUnavailable, WrongPassphrase
from app.vault import file_vault
from app.vault.file_vault import Cost, FileVault
from app.vault.open import KIND_FILE, LARGE_VALUES_FILE, VAULT_FILE, open_vault, remember
from tests.unit.vault.fake_keyring import FakeKeyring, FakeWindowsKeyring, NullKeyring

GIVEN = {"ZIGGURAT_VAULT_PASSPHRASE": "correct horse"}


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_vault, "Cost", lambda *given: Cost(*(given or (2, 1, 1))))


class Trader:
    """Answers what is asked, and remembers the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0)


def no_keyring() -> None:
    return None


def locked() -> FakeKeyring:
    backend = FakeKeyring()
    backend.failure = KeyringLocked("locked")
    return backend


def begun_in_keyring(data_dir: Path) -> FakeKeyring:
    backend = FakeKeyring()
    store = open_vault(data_dir, {}, None, find_keyring=lambda: backend)
    store.put("a", Secret("1"))
    remember(data_dir, store)
    return backend


def existing_vault(data_dir: Path) -> None:
    FileVault.create(data_dir / VAULT_FILE, Secret("correct horse")).put("a", Secret("1"))


def test_a_working_keyring_is_used_without_asking(tmp_path: Path) -> None:
    trader = Trader()
    assert open_vault(tmp_path, GIVEN, trader, find_keyring=FakeKeyring).kind == "keyring"
    assert trader.asked == []
    assert list(tmp_path.iterdir()) == []


def test_two_data_directories_share_no_entry_of_the_keyring(tmp_path: Path) -> None:
    backend = FakeKeyring()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    open_vault(tmp_path / "one", {}, None, find_keyring=lambda: backend).put("a", Secret("1"))
    assert open_vault(tmp_path / "two", {}, None, find_keyring=lambda: backend).names() == []
    assert open_vault(tmp_path / "two" / ".." / "one", {}, None, find_keyring=lambda: backend).names() == ["a"]


def test_what_the_keyring_is_too_small_for_survives_in_a_file_of_its_own(tmp_path: Path) -> None:
    backend = FakeWindowsKeyring()
    open_vault(tmp_path, {}, None, find_keyring=lambda: backend).put("a", Secret("x" * 5000))
    assert [path.name for path in tmp_path.iterdir()] == [LARGE_VALUES_FILE]
    assert open_vault(tmp_path, {}, None, find_keyring=lambda: backend).get("a") == Secret("x" * 5000)


@pytest.mark.parametrize("find", [no_keyring, NullKeyring, locked])
def test_without_a_usable_keyring_the_passphrase_from_the_environment_makes_a_file(
    tmp_path: Path, find: Callable[[], FakeKeyring | None]
) -> None:
    store = open_vault(tmp_path, GIVEN, None, find_keyring=find)
    store.put("a", Secret("1"))
    assert store.kind == "file vault"
    assert open_vault(tmp_path, GIVEN, None, find_keyring=find).names() == ["a"]


def test_a_new_passphrase_is_asked_twice_and_a_known_one_once(tmp_path: Path) -> None:
    first, second = Trader("horse", "horse"), Trader("horse")
    open_vault(tmp_path, {}, first, find_keyring=no_keyring).put("a", Secret("1"))
    assert open_vault(tmp_path, {}, second, find_keyring=no_keyring).names() == ["a"]
    assert (len(first.asked), len(second.asked)) == (2, 1)


def test_two_different_new_passphrases_make_no_vault(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable, match="differ"):
        open_vault(tmp_path, {}, Trader("horse", "house"), find_keyring=no_keyring)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("trader", [None, Trader("")])
def test_without_keyring_and_passphrase_the_variable_is_named(tmp_path: Path, trader: Trader | None) -> None:
    with pytest.raises(VaultUnavailable, match="ZIGGURAT_VAULT_PASSPHRASE"):
        open_vault(tmp_path, {}, trader, find_keyring=no_keyring)


def test_a_wrong_passphrase_is_not_answered_with_another_store(tmp_path: Path) -> None:
    existing_vault(tmp_path)
    with pytest.raises(WrongPassphrase):
        open_vault(tmp_path, {"ZIGGURAT_VAULT_PASSPHRASE": "wrong"}, None, find_keyring=FakeKeyring)


@pytest.mark.parametrize(("environ", "trader"), [(GIVEN, None), ({}, Trader("correct horse"))])
def test_an_existing_file_stays_in_use_when_a_keyring_becomes_usable(
    tmp_path: Path, environ: dict[str, str], trader: Trader | None
) -> None:
    existing_vault(tmp_path)
    store = open_vault(tmp_path, environ, trader, find_keyring=FakeKeyring)
    assert (store.kind, store.names()) == ("file vault", ["a"])


def test_an_existing_file_nobody_can_open_is_told_and_not_passed_over(tmp_path: Path) -> None:
    existing_vault(tmp_path)
    with pytest.raises(VaultUnavailable, match=r"ZIGGURAT_VAULT_PASSPHRASE .* ZIGGURAT_VAULT=keyring"):
        open_vault(tmp_path, {}, None, find_keyring=FakeKeyring)


def test_the_keyring_can_be_chosen_over_an_existing_file(tmp_path: Path) -> None:
    existing_vault(tmp_path)
    environ = {**GIVEN, "ZIGGURAT_VAULT": "keyring"}
    assert open_vault(tmp_path, environ, None, find_keyring=FakeKeyring).kind == "keyring"


def test_the_file_can_be_chosen_over_a_working_keyring(tmp_path: Path) -> None:
    environ = {**GIVEN, "ZIGGURAT_VAULT": "file"}
    assert open_vault(tmp_path, environ, None, find_keyring=FakeKeyring).kind == "file vault"


def test_a_chosen_keyring_that_is_missing_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable):
        open_vault(tmp_path, {**GIVEN, "ZIGGURAT_VAULT": "keyring"}, Trader(), find_keyring=no_keyring)
    assert list(tmp_path.iterdir()) == []


def test_a_locked_keyring_is_to_be_unlocked_before_a_new_file_is_begun(tmp_path: Path) -> None:
    trader = Trader()
    with pytest.raises(VaultLocked, match=r"unlock it .* ZIGGURAT_VAULT=file"):
        open_vault(tmp_path, {}, trader, find_keyring=locked)
    assert trader.asked == []


def test_a_mistyped_choice_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable, match="file or keyring"):
        open_vault(tmp_path, {**GIVEN, "ZIGGURAT_VAULT": "keychain"}, None, find_keyring=FakeKeyring)


@pytest.mark.parametrize("trader", [None, Trader()])
@pytest.mark.parametrize("find", [no_keyring, NullKeyring, FakeKeyring, locked])
def test_a_keyring_that_is_away_or_another_begins_no_second_vault(
    tmp_path: Path, find: Callable[[], FakeKeyring | None], trader: Trader | None
) -> None:
    backend = begun_in_keyring(tmp_path)
    with pytest.raises((VaultUnavailable, VaultLocked), match=r"keeps the webhook keys .* delete .*vault\.kind"):
        open_vault(tmp_path, GIVEN, trader, find_keyring=find)
    assert not (tmp_path / VAULT_FILE).exists()
    assert open_vault(tmp_path, GIVEN, None, find_keyring=lambda: backend).names() == ["a"]


def test_a_vault_left_in_a_file_does_not_hide_the_keyring_in_use(tmp_path: Path) -> None:
    backend = begun_in_keyring(tmp_path)
    existing_vault(tmp_path)
    assert open_vault(tmp_path, GIVEN, None, find_keyring=lambda: backend).kind == "keyring"


@pytest.mark.parametrize("choice", ["", "file"])
def test_a_file_in_use_that_is_gone_is_not_begun_anew(tmp_path: Path, choice: str) -> None:
    existing_vault(tmp_path)
    remember(tmp_path, open_vault(tmp_path, GIVEN, None, find_keyring=no_keyring))
    (tmp_path / VAULT_FILE).unlink()
    with pytest.raises(VaultUnavailable, match=r"vault\.json is not there"):
        open_vault(tmp_path, {**GIVEN, "ZIGGURAT_VAULT": choice}, None, find_keyring=FakeKeyring)


def test_changing_over_is_remembered(tmp_path: Path) -> None:
    backend = begun_in_keyring(tmp_path)
    remember(tmp_path, open_vault(tmp_path, {**GIVEN, "ZIGGURAT_VAULT": "file"}, None, find_keyring=lambda: backend))
    assert open_vault(tmp_path, GIVEN, None, find_keyring=lambda: backend).kind == "file vault"
    remember(tmp_path, open_vault(tmp_path, {"ZIGGURAT_VAULT": "keyring"}, None, find_keyring=lambda: backend))
    assert open_vault(tmp_path, GIVEN, None, find_keyring=lambda: backend).names() == ["a"]


def test_without_what_is_remembered_a_new_vault_may_be_begun(tmp_path: Path) -> None:
    begun_in_keyring(tmp_path)
    (tmp_path / KIND_FILE).unlink()
    assert open_vault(tmp_path, GIVEN, None, find_keyring=no_keyring).names() == []


def test_a_first_start_that_kept_nothing_binds_no_one(tmp_path: Path) -> None:
    open_vault(tmp_path, {}, None, find_keyring=FakeKeyring)
    assert open_vault(tmp_path, GIVEN, None, find_keyring=no_keyring).kind == "file vault"


def test_what_is_remembered_is_one_of_two_words(tmp_path: Path) -> None:
    (tmp_path / KIND_FILE).write_text("keychain")
    with pytest.raises(VaultUnavailable, match="file or keyring"):
        open_vault(tmp_path, GIVEN, None, find_keyring=FakeKeyring)
