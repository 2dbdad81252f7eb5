"""The table model: rows come, change and go one by one, and Qt's own tester finds nothing to object to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from app.gui.models.tree import ROW, Column, Kind, SortedRows, Spec, TreeModel


@dataclass(frozen=True)
class Row:
    name: str
    amount: int


COLUMNS = (
    Column("name", "Name", Kind.TEXT, 80, lambda row: row.name, lambda row: row.name),
    Column("amount", "Amount", Kind.NUMBER, 80, lambda row: row.amount, lambda row: str(row.amount)),
)


def spec(key: str, amount: int, *children: Spec) -> Spec:
    return Spec(key, Row(key, amount), children)


def shown(model: TreeModel, parent: QModelIndex | None = None) -> list[object]:
    parent = parent or QModelIndex()
    rows: list[object] = []
    for number in range(model.rowCount(parent)):
        index = model.index(number, 0, parent)
        rows.append((index.data(ROW), shown(model, index)))
    return rows


def wanted(specs: list[Spec]) -> list[object]:
    return [(item.row, wanted(list(item.children))) for item in specs]


specs = st.builds(
    lambda key, amount, children: spec(key, amount, *(spec(child, amount + 1) for child in children)),
    st.sampled_from("abcde"),
    st.integers(0, 3),
    st.lists(st.sampled_from("xyz"), unique=True, max_size=3),
)
steps = st.lists(st.one_of(specs, st.sampled_from("abcde")), max_size=25)


@given(steps)
@settings(max_examples=60)
def test_after_any_changes_the_tree_holds_what_was_last_put(done: list[Spec | str]) -> None:
    model = TreeModel(COLUMNS)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    held: dict[str, Spec] = {}
    for step in done:
        if isinstance(step, Spec):
            model.put(step)
            held[step.key] = step
        else:
            model.drop(step)
            held.pop(step, None)
    assert shown(model) == wanted(list(held.values()))
    assert model.keys() == list(held)


def test_only_the_cells_that_changed_are_told() -> None:
    model = TreeModel(COLUMNS)
    model.put(spec("a", 1))
    model.put(spec("b", 1))
    told = QSignalSpy(model.dataChanged)
    model.put(spec("b", 2))
    assert told.count() == 1
    left, right = told.at(0)[0], told.at(0)[1]
    assert (left.row(), left.column(), right.column()) == (1, 1, 1)
    model.put(spec("b", 2))
    assert told.count() == 1


def test_a_model_is_never_reset() -> None:
    model = TreeModel(COLUMNS)
    reset = QSignalSpy(model.modelReset)
    for number in range(20):
        model.put(spec(str(number), number, spec("child", 1)))
    for number in range(20):
        model.drop(str(number))
    assert reset.count() == 0
    assert model.rowCount() == 0


def test_an_order_waits_until_the_view_settles() -> None:
    model = TreeModel(COLUMNS)
    rows = SortedRows(model)
    rows.sort(1, Qt.SortOrder.DescendingOrder)
    for name, amount in (("a", 1), ("b", 2)):
        model.put(spec(name, amount))
    rows.settle()
    assert [rows.index(row, 0).data() for row in range(2)] == ["b", "a"]
    model.put(spec("a", 9))
    assert [rows.index(row, 0).data() for row in range(2)] == ["b", "a"]
    rows.settle()
    assert [rows.index(row, 0).data() for row in range(2)] == ["a", "b"]


@pytest.mark.parametrize("order", list(Qt.SortOrder))
def test_children_keep_their_order_however_the_table_is_sorted(order: Qt.SortOrder) -> None:
    model = TreeModel(COLUMNS)
    rows = SortedRows(model)
    model.put(spec("a", 1, spec("x", 5), spec("y", 3), spec("z", 4)))
    rows.sort(1, order)
    parent = rows.index(0, 0)
    assert [rows.index(row, 0, parent).data() for row in range(3)] == ["x", "y", "z"]


def test_a_filter_hides_top_rows_and_never_children() -> None:
    model = TreeModel(COLUMNS)
    rows = SortedRows(model)
    model.put(spec("a", 1, spec("x", 5)))
    model.put(spec("b", 2))
    rows.accept(lambda row: row.name == "a")
    assert rows.rowCount() == 1
    assert rows.rowCount(rows.index(0, 0)) == 1
