"""Client order ids: derived, never remembered, and readable without a database (orders.md)."""

from __future__ import annotations

from dataclasses import dataclass

from app.base.ids import base36
from app.domain.values import OrderRole

PREFIX = "zg"
_ROLE_LETTER = {OrderRole.ENTRY: "e", OrderRole.TAKE_PROFIT: "t", OrderRole.STOP_LOSS: "s", OrderRole.CLOSE: "c"}
_LETTER_ROLE = {letter: role for role, letter in _ROLE_LETTER.items()}
_NONE = "z"
_LENGTHS = range(23, 29)


@dataclass(frozen=True, slots=True)
class Namespace:
    """Tells our orders from another instance's (`tag`) and from those before a restore (`epoch`)."""

    tag: str
    epoch: int


@dataclass(frozen=True, slots=True)
class OrderAddress:
    """Everything a client order id says."""

    namespace: Namespace
    group_id: str
    pyramid: int | None
    leg: int | None
    role: OrderRole
    number: int


def encode(address: OrderAddress) -> str:
    """23 characters of `[a-z0-9]`: zg, tag 5, epoch 2, group 8, pyramid 1, leg 1, role 1, number 3.

    A number that needs more gets up to 8, the 28 characters that every venue takes: a group never runs out of ids.
    """
    return "".join(
        (
            PREFIX,
            address.namespace.tag,
            base36(address.namespace.epoch, 2),
            address.group_id,
            _NONE if address.pyramid is None else base36(address.pyramid, 1),
            _NONE if address.leg is None else base36(address.leg, 1),
            _ROLE_LETTER[address.role],
            base36(address.number, 8).lstrip("0").rjust(3, "0"),
        )
    )


def decode(client_order_id: str) -> OrderAddress | None:
    """What the id says, or None where it is not Ziggurat's."""
    if len(client_order_id) not in _LENGTHS or not client_order_id.startswith(PREFIX):
        return None
    number = client_order_id[20:]
    if len(number) > 3 and number.startswith("0"):
        return None
    role = _LETTER_ROLE.get(client_order_id[19])
    if role is None or not (client_order_id.isascii() and client_order_id.isalnum()) or not client_order_id.islower():
        return None
    pyramid, leg = client_order_id[17], client_order_id[18]
    return OrderAddress(
        namespace=Namespace(tag=client_order_id[2:7], epoch=int(client_order_id[7:9], 36)),
        group_id=client_order_id[9:17],
        pyramid=None if pyramid == _NONE else int(pyramid, 36),
        leg=None if leg == _NONE else int(leg, 36),
        role=role,
        number=int(number, 36),
    )
