"""A changed copy is what `dataclasses.replace` makes, a quick dataclass what `dataclass` makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from app.base.changing import changed, quick_dataclass


@dataclass(frozen=True)
class Open:
    first: int
    second: str = "two"


@quick_dataclass(frozen=True)
class Quick:
    first: int
    second: str = "two"

    @property
    def both(self) -> str:
        return f"{self.first} {self.second}"


@dataclass(frozen=True, slots=True)
class Slotted:
    first: int
    second: str = "two"


@pytest.mark.parametrize("item", [Open(1), Quick(1), Slotted(1)])
def test_a_changed_copy_equals_a_replaced_one_and_leaves_the_first_alone(item: Open | Quick | Slotted) -> None:
    assert changed(item, second="new") == replace(item, second="new")
    assert item == type(item)(1)


@pytest.mark.parametrize("item", [Open(1), Quick(1), Slotted(1)])
def test_a_name_that_is_no_field_is_refused(item: Open | Quick | Slotted) -> None:
    with pytest.raises(TypeError):
        changed(item, third=3)  # type: ignore[call-arg]  # what the test is about


def test_a_changed_copy_is_frozen_too() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(Open(1), first=2).first = 3  # type: ignore[misc]  # what the test is about


def test_a_quick_dataclass_is_made_like_any_other() -> None:
    assert Quick(1, "new") == Quick(second="new", first=1) != Quick(1)
    assert (Quick(1).both, repr(Quick(1)), hash(Quick(1))) == ("1 two", "Quick(first=1, second='two')", hash(Quick(1)))
    assert replace(Quick(1), second="new") == Quick(1, "new")


def test_a_quick_dataclass_asks_for_its_fields_and_takes_no_others() -> None:
    with pytest.raises(TypeError, match="first"):
        Quick()  # type: ignore[call-arg]  # what the test is about
    with pytest.raises(TypeError, match="third"):
        Quick(1, third=3)  # type: ignore[call-arg]  # what the test is about


def test_a_quick_dataclass_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Quick(1).first = 3  # type: ignore[misc]  # what the test is about
