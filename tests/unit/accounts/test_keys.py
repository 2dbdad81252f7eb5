"""Keys of accounts: asked for by venue, kept in the vault, shown masked."""

from __future__ import annotations

import pytest

from app.accounts.keys import AccountVault, complete, fields_of, fingerprint, same_account, shown
from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import VaultCorrupt
from app.vault.memory_store import MemoryStore

KEY = "abcdefghijklmnop4B19"
WALLET = "0x" + "a5" * 20


def test_what_was_written_is_read_again_until_it_is_forgotten() -> None:
    vault = AccountVault(MemoryStore())
    assert vault.read("perp") is None
    vault.write("perp", complete("binance", {"api_key": KEY, "secret": "s3cret"}))
    keys = vault.read("perp")
    assert keys is not None
    assert {name: secret.reveal() for name, secret in keys.items()} == {"api_key": KEY, "secret": "s3cret"}
    vault.forget("perp")
    assert vault.read("perp") is None


def test_one_accounts_keys_are_not_anothers() -> None:
    vault = AccountVault(MemoryStore())
    vault.write("perp", complete("binance", {"api_key": KEY, "secret": "s3cret"}))
    assert vault.read("perp2") is None


def test_each_venue_asks_for_what_it_takes() -> None:
    assert fields_of("bybit") == ("api_key", "secret")
    assert fields_of("okx") == fields_of("kucoin") == ("api_key", "secret", "password")
    assert fields_of("aster") == ("wallet_address", "private_key")


def test_what_is_missing_is_named_as_people_call_it() -> None:
    with pytest.raises(OperatorActionNeeded, match="okx needs: secret, passphrase of the key"):
        complete("okx", {"api_key": KEY, "secret": "  "})


def test_only_the_end_of_a_key_is_shown() -> None:
    assert shown(complete("binance", {"api_key": KEY, "secret": "s3cret"})) == "••••4B19"
    assert shown(None) == "none"


def test_an_entry_that_is_no_longer_whole_is_told_without_what_it_holds() -> None:
    store = MemoryStore({"account/perp": Secret('{"api_key": "leak')})
    with pytest.raises(VaultCorrupt) as caught:
        AccountVault(store).read("perp")
    assert "leak" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_fingerprint_tells_keys_apart_and_gives_none_of_them_away() -> None:
    keys = complete("binance", {"api_key": KEY, "secret": "s3cret"})
    others = complete("binance", {"api_key": KEY, "secret": "s3cres"})
    again = dict(reversed(keys.items()))
    assert fingerprint(keys) == fingerprint(again) != fingerprint(others)
    assert len(fingerprint(keys)) == 16
    assert fingerprint(None) == ""


def test_keys_are_certainly_of_one_account_where_the_first_is_the_same() -> None:
    keys = complete("aster", {"wallet_address": WALLET, "private_key": "a"})
    assert same_account(keys, complete("aster", {"wallet_address": WALLET, "private_key": "b"}))
    assert not same_account(keys, complete("aster", {"wallet_address": f"0x{'b6' * 20}", "private_key": "a"}))
    assert not same_account(None, keys)


@pytest.mark.parametrize("typed", [WALLET, WALLET.upper(), WALLET[2:], f"0x{'A5' * 20}", f" {WALLET} "])
def test_an_address_is_kept_in_one_way_however_it_is_typed(typed: str) -> None:
    keys = complete("aster", {"wallet_address": typed, "private_key": "a"})
    assert keys["wallet_address"].reveal() == WALLET
    assert same_account({"wallet_address": Secret(typed.strip())}, keys)


@pytest.mark.parametrize("typed", ["0x1", WALLET + "a5", "0x" + "g5" * 20, "0x0x" + "a5" * 19, "main.eth"])
def test_what_is_no_address_is_told_as_such(typed: str) -> None:
    with pytest.raises(OperatorActionNeeded, match="address of the main wallet is 0x and 40 hexadecimal digits"):
        complete("aster", {"wallet_address": typed, "private_key": "a"})
