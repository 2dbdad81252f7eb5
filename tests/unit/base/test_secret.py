import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.secret import Secret

LONG = "correct-horse-4B19"


def test_a_long_secret_shows_its_last_four_characters() -> None:
    assert repr(Secret(LONG)) == str(Secret(LONG)) == f"{Secret(LONG)}" == "••••4B19"


@pytest.mark.parametrize("text", ["", "4B19", "eleven-char"])
def test_a_short_secret_shows_nothing_of_itself(text: str) -> None:
    assert repr(Secret(text)) == str(Secret(text)) == "••••"


def test_twelve_characters_are_long_enough_to_show_an_end() -> None:
    assert repr(Secret("twelve-chars")) == "••••hars"


@given(st.text(min_size=5))
def test_what_is_shown_never_holds_more_than_the_end(text: str) -> None:
    assert len(repr(Secret(text))) <= 8
    assert repr([Secret(text)]).count("•") >= 4


@given(st.text(), st.text())
def test_a_secret_matches_its_own_text_and_nothing_else(text: str, other: str) -> None:
    secret = Secret(text)
    assert secret.reveal() == text
    assert secret.matches(text)
    assert secret.matches(text.encode())
    assert secret.matches(other) is (other == text)
    assert (secret == Secret(other)) is (other == text)


def test_a_lone_surrogate_from_a_stranger_just_does_not_match() -> None:
    assert not Secret(LONG).matches("\ud800")


def test_a_secret_equals_no_plain_text() -> None:
    assert Secret(LONG) != LONG


def test_a_secret_cannot_be_changed() -> None:
    secret = Secret(LONG)
    with pytest.raises(AttributeError):
        setattr(secret, "_text", "other")  # noqa: B010 - mypy refuses a plain assignment
    with pytest.raises(AttributeError):
        setattr(secret, "note", "new")  # noqa: B010 - mypy refuses a plain assignment
    with pytest.raises(AttributeError):
        del secret._text
    assert secret.reveal() == LONG


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, vars])
def test_a_secret_does_not_leave_by_accident(leak: object) -> None:
    assert callable(leak)
    with pytest.raises(TypeError) as refused:
        leak(Secret(LONG))
    assert LONG not in str(refused.value)
