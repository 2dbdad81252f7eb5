"""Every hazard of the specification is answered by a test that bears its number, or cannot occur."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "hazards.md"
NUMBERS = frozenset(range(1, 43))


def with_a_test() -> set[int]:
    """Numbers that stand in the name of a test."""
    return {
        int(number)
        for file in TESTS.rglob("test_*.py")
        for number in re.findall(r"^(?:async )?def test_h(\d\d)_", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def rows() -> dict[int, str]:
    """The lines of the page by their numbers."""
    found = re.findall(r"^\| (\d+) \|(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(number): line for number, line in found}


def test_every_hazard_has_a_test_or_cannot_occur() -> None:
    excused = {number for number, line in rows().items() if "cannot occur" in line}
    assert NUMBERS - with_a_test() - excused == set()


def test_every_hazard_has_its_line_on_the_page() -> None:
    assert NUMBERS - rows().keys() == set()


def test_the_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`((?:unit|integration|crash|load|scenarios)/[\w./-]+)`", text)
    assert [name for name in named if not (TESTS / name).exists()] == []
    modules = re.findall(r"`((?:engine|domain|exchange|persistence|api)/[\w./]+)`", text)
    assert [name for name in modules if not (TESTS.parent / "app" / name).exists()] == []
