"""Colours, font sizes and nested loops: only the theme names the first two, and nobody opens the third."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

GUI = Path(__file__).parents[2] / "app" / "gui"
THEME = {"theme.py", "tokens.py"}
FILES = sorted(GUI.rglob("*.py"))
COLOR = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3}){0,2}\b|\brgba?\(|\bhsla?\(")


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def calls(tree: ast.AST) -> Iterator[tuple[int, str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield node.lineno, name, node


@pytest.mark.parametrize("file", [file for file in FILES if file.name not in THEME], ids=lambda file: file.name)
def test_no_colour_or_font_is_made_outside_the_theme(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [f"{line}: {text}" for line, text in strings(tree) if COLOR.search(text)]
    made = {"QColor", "QFont", "setPixelSize", "setPointSize", "setPointSizeF"}
    found += [f"{line}: {name}" for line, name, _ in calls(tree) if name in made]
    assert not found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_opens_a_nested_loop(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    asked = [
        f"{line}: {name}" for line, name, call in calls(tree) if name in {"exec", "exec_"} or is_static_dialog(call)
    ]
    assert not asked


def is_static_dialog(call: ast.Call) -> bool:
    """`QMessageBox.question(...)` and its like run a loop of their own."""
    owner = getattr(call.func, "value", None)
    return isinstance(owner, ast.Name) and owner.id in {"QMessageBox", "QInputDialog", "QFileDialog", "QColorDialog"}


def test_the_checks_see_what_they_are_for() -> None:
    tree = ast.parse('widget.setStyleSheet("color: #ff00aa")\ndialog.exec()\nQColor(1, 2, 3)\nQMessageBox.about()')
    assert [text for _, text in strings(tree) if COLOR.search(text)] == ["color: #ff00aa"]
    assert [name for _, name, call in calls(tree) if is_static_dialog(call)] == ["about"]
    assert {"exec", "QColor"} <= {name for _, name, _ in calls(tree)}
