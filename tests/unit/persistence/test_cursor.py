from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.persistence.cursor import decode_cursor, encode_cursor
from app.ports.queries import BadCursor

keys = st.tuples(st.integers(-(2**62), 2**62), st.text())


@given(key=keys)
def test_a_cursor_gives_back_its_key_and_stands_in_a_url(key: tuple[int, str]) -> None:
    cursor = encode_cursor("orders", key)
    assert decode_cursor(cursor, "orders", (int, str)) == key
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(garbage=st.text())
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(garbage, "orders", (int, str))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '["fills",1,"a"]',
        '["orders",1]',
        '["orders","a",1]',
        '["orders",true,"a"]',
        '["orders",1.5,"a"]',
        '["orders",9223372036854775808,"a"]',
        '["orders",null,"a"]',
        "[" * 5000,
    ],
)
def test_what_another_list_or_a_forger_made_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(urlsafe_b64encode(text.encode()).decode(), "orders", (int, str))
