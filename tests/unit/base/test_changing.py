"""A changed copy is what `dataclasses.replace` makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from app.base.changing import changed


@dataclass(frozen=True)
class Open:
    first: int
    second: str = "two"


@dataclass(frozen=True, slots=True)
class Slotted:
    first: int
    second: str = "two"


@pytest.mark.parametrize("item", [Open(1), Slotted(1)])
def test_a_changed_copy_equals_a_replaced_one_and_leaves_the_first_alone(item: Open | Slotted) -> None:
    assert changed(item, second="new") == replace(item, second="new")
    assert item == type(item)(1)


@pytest.mark.parametrize("item", [Open(1), Slotted(1)])
def test_a_name_that_is_no_field_is_refused(item: Open | Slotted) -> None:
    with pytest.raises(TypeError):
        changed(item, third=3)  # type: ignore[call-arg]  # what the test is about


def test_a_changed_copy_is_frozen_too() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(Open(1), first=2).first = 3  # type: ignore[misc]  # what the test is about
