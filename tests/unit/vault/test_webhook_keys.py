from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.ports.secrets import VaultCorrupt, VaultUnavailable, WebhookKey, WebhookKeys
from app.vault.memory_store import MemoryStore
from app.vault.webhook_keys import WebhookKeyring

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class World:
    """A store, a clock moved by hand, and tokens that count."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = NOON
        self.drawn: list[int] = []
        self._count = count(1)

    def keyring(self) -> WebhookKeyring:
        return WebhookKeyring(self.store, lambda: self.now, self.token)

    def token(self, size: int) -> str:
        self.drawn.append(size)
        return f"token-number-{next(self._count)}"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def keys(world: World) -> WebhookKeyring:
    return world.keyring()


def test_the_first_start_makes_a_key_and_a_path_token_of_256_bits_each(world: World, keys: WebhookKeyring) -> None:
    key, path_token = keys.ensure_first()
    assert world.drawn == [32, 32]
    assert key.name == "default"
    assert key == keys.match(key.secret.reveal()) == keys.by_name("default")
    assert keys.keys() == (key,)
    assert (key.accounts, key.symbols, key.intents, key.max_quote, key.allows_live) == ((), (), (), None, True)
    assert (key.created_at, key.expires_at, key.revoked) == (NOON, None, False)
    assert keys.path_token_matches(path_token.reveal())
    assert not keys.path_token_matches(key.secret.reveal())
    assert keys.match(path_token.reveal()) is None


def test_a_later_start_finds_what_the_first_one_made(world: World, keys: WebhookKeyring) -> None:
    made = keys.ensure_first()
    later: WebhookKeyring = world.keyring()
    assert later.ensure_first() == made
    assert later.keys() == keys.keys()
    assert world.drawn == [32, 32]


def test_the_trader_who_revoked_every_key_gets_a_new_first_one(world: World, keys: WebhookKeyring) -> None:
    old, path_token = keys.ensure_first()
    keys.revoke("default")
    new, same_token = world.keyring().ensure_first()
    assert new.secret != old.secret
    assert same_token == path_token
    assert world.keyring().match(old.secret.reveal()) is None


def test_a_revoked_default_is_not_made_anew_beside_another_key(keys: WebhookKeyring) -> None:
    keys.ensure_first()
    other = keys.create("other")
    keys.revoke("default")
    assert keys.ensure_first()[0] == other


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "accounts": st.lists(st.text(), max_size=3),
            "symbols": st.lists(st.text(), max_size=3),
            "intents": st.lists(st.text(), max_size=3),
            "max_quote": st.none() | st.decimals(allow_nan=False, allow_infinity=False),
            "allows_live": st.booleans(),
            "expires_at": st.none() | st.timedeltas(timedelta(seconds=1), 999 * DAY).map(lambda delta: NOON + delta),
        },
    )
)
def test_what_a_key_may_do_comes_back_in_a_later_session(bounds: dict[str, Any]) -> None:
    world = World()
    made = world.keyring().create("bot-1", **bounds)
    assert world.keyring().by_name("bot-1") == made
    assert all(getattr(made, name) == (tuple(v) if isinstance(v, list) else v) for name, v in bounds.items())


def test_a_key_is_for_paper_unless_live_was_said(keys: WebhookKeyring) -> None:
    assert not keys.create("careful").allows_live


def test_rotation_keeps_the_old_secret_for_the_grace_and_no_longer(world: World, keys: WebhookKeyring) -> None:
    old = keys.create("bot", accounts=["main"], max_quote=Decimal(50))
    world.now += DAY
    new = keys.rotate("bot", timedelta(hours=1))
    assert new.secret != old.secret
    assert (new.accounts, new.max_quote, new.created_at) == (("main",), Decimal(50), world.now)
    for ring in (keys, world.keyring()):
        assert ring.by_name("bot") == new
        valid = ring.keys()
        assert [key.secret for key in valid] == [new.secret, old.secret]
    in_grace = keys.match(old.secret.reveal())
    assert in_grace is not None
    assert in_grace.expires_at == world.now + timedelta(hours=1)
    world.now += timedelta(hours=1)
    for ring in (keys, world.keyring()):
        assert ring.match(old.secret.reveal()) is None
        assert ring.match(new.secret.reveal()) == new
        assert ring.keys() == (new,)


def test_rotation_without_grace_ends_the_old_secret_at_once(keys: WebhookKeyring) -> None:
    old = keys.create("bot")
    keys.rotate("bot", timedelta(0))
    assert keys.match(old.secret.reveal()) is None


def test_a_second_rotation_does_not_lengthen_the_first_grace(world: World, keys: WebhookKeyring) -> None:
    oldest = keys.create("bot")
    keys.rotate("bot", timedelta(hours=1))
    keys.rotate("bot", 7 * DAY)
    world.now += timedelta(hours=2)
    assert keys.match(oldest.secret.reveal()) is None
    assert len(keys.keys()) == 2


def test_outlived_secrets_leave_the_store_with_the_next_rotation(world: World, keys: WebhookKeyring) -> None:
    keys.ensure_first()
    oldest_key, oldest_token = keys.ensure_first()
    for _ in range(3):
        keys.rotate("default", DAY)
        keys.rotate_path_token(DAY)
        world.now += 2 * DAY
    kept = "".join(secret.reveal() for name in world.store.names() if (secret := world.store.get(name)))
    assert oldest_key.secret.reveal() + '"' not in kept
    assert oldest_token.reveal() + '"' not in kept


def test_a_revoked_key_opens_nothing_not_even_in_its_grace(world: World, keys: WebhookKeyring) -> None:
    old = keys.create("bot")
    new = keys.rotate("bot", DAY)
    keys.revoke("bot")
    for ring in (keys, world.keyring()):
        assert ring.match(old.secret.reveal()) is None
        assert ring.match(new.secret.reveal()) is None
        assert ring.by_name("bot") is None
        assert ring.keys() == ()


def test_the_name_of_a_revoked_key_can_be_given_again(keys: WebhookKeyring) -> None:
    old = keys.create("bot")
    keys.revoke("bot")
    new = keys.create("bot")
    assert keys.match(old.secret.reveal()) is None
    assert keys.match(new.secret.reveal()) == new


def test_a_key_ends_when_it_was_made_to(world: World, keys: WebhookKeyring) -> None:
    key = keys.create("short", expires_at=NOON + DAY)
    assert keys.match(key.secret.reveal()) == key
    world.now += DAY
    assert keys.match(key.secret.reveal()) is None


def test_the_path_token_rotates_with_a_grace_too(world: World, keys: WebhookKeyring) -> None:
    _, old = keys.ensure_first()
    new = keys.rotate_path_token(DAY)
    for ring in (keys, world.keyring()):
        assert ring.path_token_matches(old.reveal())
        assert ring.path_token_matches(new.reveal())
        assert not ring.path_token_matches("")
    assert keys.ensure_first()[1] == new
    world.now += DAY
    assert not keys.path_token_matches(old.reveal())
    assert keys.path_token_matches(new.reveal())


def test_before_the_first_start_nothing_matches(keys: WebhookKeyring) -> None:
    assert keys.match("") is None
    assert not keys.path_token_matches("")
    assert keys.keys() == ()


def test_a_lone_surrogate_from_a_stranger_matches_nothing(keys: WebhookKeyring) -> None:
    keys.ensure_first()
    assert keys.match("\ud800") is None
    assert not keys.path_token_matches("\ud800")


def test_every_key_is_compared_wherever_the_match_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = world.keyring()
    made = [keys.create(f"bot-{number}") for number in range(5)]
    compared: list[int] = []
    matches = Secret.matches

    def counting(secret: Secret, other: str | bytes) -> bool:
        compared.append(1)
        return matches(secret, other)

    monkeypatch.setattr(Secret, "matches", counting)
    for text in (made[0].secret.reveal(), made[-1].secret.reveal(), "none of them"):
        compared.clear()
        keys.match(text)
        assert len(compared) == 5


def test_matching_touches_no_store(world: World, keys: WebhookKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    key, path_token = keys.ensure_first()
    for operation in ("get", "put", "delete", "names"):
        monkeypatch.delattr(MemoryStore, operation)
    reader: WebhookKeys = keys
    assert reader.match(key.secret.reveal()) == reader.by_name("default") == reader.keys()[0]
    assert reader.path_token_matches(path_token.reveal())


@pytest.mark.parametrize("name", ["", "two words", "Bot", "x" * 41, "a/b", "bot\n", "بوت"])
def test_a_name_that_could_not_travel_in_a_header_is_refused(keys: WebhookKeyring, name: str) -> None:
    with pytest.raises(OperatorActionNeeded, match="small letters"):
        keys.create(name)


def test_a_name_in_use_is_refused(keys: WebhookKeyring) -> None:
    keys.create("bot")
    with pytest.raises(OperatorActionNeeded, match="bot already"):
        keys.create("bot")


@pytest.mark.parametrize("change", [lambda keys: keys.rotate("nobody", DAY), lambda keys: keys.revoke("nobody")])
def test_an_unknown_name_is_told(keys: WebhookKeyring, change: Callable[[WebhookKeyring], object]) -> None:
    with pytest.raises(OperatorActionNeeded, match="nobody"):
        change(keys)


def test_a_write_that_fails_changes_nothing_in_memory(keys: WebhookKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    key, path_token = keys.ensure_first()

    def refuse(*_: object) -> None:
        raise VaultUnavailable("full")

    monkeypatch.setattr(MemoryStore, "put", refuse)
    for change in (
        lambda: keys.rotate("default", DAY),
        lambda: keys.rotate_path_token(DAY),
        lambda: keys.revoke("default"),
        lambda: keys.create("bot"),
    ):
        with pytest.raises(VaultUnavailable):
            change()
    assert keys.keys() == (key,)
    assert keys.ensure_first() == (key, path_token)


@pytest.mark.parametrize("entry", ["webhook/key/default", "webhook/path-token"])
@pytest.mark.parametrize("text", ["", "{", "[1]", "[{}]", '{"a": 1}'])
def test_an_entry_that_is_not_ours_is_called_corrupt(world: World, entry: str, text: str) -> None:
    world.store.put(entry, Secret(text))
    with pytest.raises(VaultCorrupt):
        world.keyring()


def test_what_is_shown_of_a_key_is_masked(keys: WebhookKeyring) -> None:
    key: WebhookKey = keys.ensure_first()[0]
    assert key.secret.reveal() not in repr(key)
    assert key.secret.reveal() not in repr(keys)
    assert "••••" in repr(key)
