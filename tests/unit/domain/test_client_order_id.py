"""Client order ids can be read back, and nothing else is taken for one."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.client_order_id import Namespace, OrderAddress, decode, encode
from app.domain.values import OrderRole

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def characters(length: int) -> st.SearchStrategy[str]:
    return st.text(ALPHABET, min_size=length, max_size=length)


ADDRESSES = st.builds(
    OrderAddress,
    namespace=st.builds(Namespace, tag=characters(5), epoch=st.integers(0, 36**2 - 1)),
    group_id=characters(8),
    pyramid=st.none() | st.integers(0, 34),
    leg=st.none() | st.integers(0, 34),
    role=st.sampled_from(OrderRole),
    number=st.integers(0, 36**3 - 1) | st.integers(0, 36**8 - 1),
)
NEAR_MISSES = st.builds(
    lambda body, role, tail: f"zg{body}{role}{tail}",
    st.text(min_size=17, max_size=17),
    st.sampled_from("etsc") | st.characters(),
    st.text(min_size=3, max_size=8),
)


def test_example_stands_in_its_places() -> None:
    address = OrderAddress(Namespace("ab1cd", 37), "g0000001", 2, None, OrderRole.TAKE_PROFIT, 36)
    assert encode(address) == "zg" + "ab1cd" + "11" + "g0000001" + "2" + "z" + "t" + "010"


@given(address=ADDRESSES)
def test_round_trip(address: OrderAddress) -> None:
    assert decode(encode(address)) == address


@given(address=ADDRESSES)
def test_every_venue_takes_it(address: OrderAddress) -> None:
    assert re.fullmatch("[a-z0-9]{1,28}", encode(address))


@given(one=ADDRESSES, other=ADDRESSES)
def test_no_two_orders_share_an_id(one: OrderAddress, other: OrderAddress) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(text=st.text() | NEAR_MISSES | st.text(ALPHABET, min_size=21, max_size=26).map("zg{}".format))
@example("zgab1cd²1g00000012zt010")
@example("zgab1cd11g0000001²zt010")
@example("zgab1cd11g00000012zt0_1")
@example("zgab1cd11g00000012zt0\N{ARABIC-INDIC DIGIT ONE}1")
@example("zgAB1cd11g00000012zt010")
@example("zgab1cd11g00000012zx010")
@example("zgab1cd11g00000012zt01")
@example("zgab1cd11g00000012zt0010")
@example("zgab1cd11g00000012zt123456789")
@example("")
def test_whatever_is_read_as_an_id_is_exactly_that_id(text: str) -> None:
    address = decode(text)
    assert address is None or encode(address) == text
    assert address is None or re.fullmatch("[a-z0-9]+", text)
