"""The table model: rows come, change and go one by one, and Qt's own tester finds nothing to object to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from app.gui.models.tree import ROW, Column, Kind, Spec, TreeModel


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
    rows = model
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
    rows = model
    model.put(spec("a", 1, spec("x", 5), spec("y", 3), spec("z", 4)))
    rows.sort(1, order)
    parent = rows.index(0, 0)
    assert [rows.index(row, 0, parent).data() for row in range(3)] == ["x", "y", "z"]


def test_a_filter_hides_top_rows_and_never_children() -> None:
    model = TreeModel(COLUMNS)
    rows = model
    model.put(spec("a", 1, spec("x", 5)))
    model.put(spec("b", 2))
    rows.accept(lambda row: row.name == "a")
    assert rows.rowCount() == 1
    assert rows.rowCount(rows.index(0, 0)) == 1


def names(model: TreeModel) -> list[str]:
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_a_new_row_takes_its_place_at_once() -> None:
    model = TreeModel(COLUMNS)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.sort(1, Qt.SortOrder.DescendingOrder)
    for name, amount in (("a", 1), ("b", 3), ("c", 2), ("d", 3)):
        model.put(spec(name, amount))
    assert names(model) == ["b", "d", "c", "a"]
    model.sort(1, Qt.SortOrder.AscendingOrder)
    model.put(spec("e", 2))
    assert names(model) == ["a", "c", "e", "b", "d"]


def test_without_a_column_to_sort_by_rows_stand_as_they_came() -> None:
    model = TreeModel(COLUMNS)
    model.accept(lambda row: row.amount > 0)
    for name, amount, at in (("a", 1, None), ("b", 0, 0), ("c", 1, 1), ("d", 1, None)):
        model.put(spec(name, amount), at=at)
    assert names(model) == ["c", "a", "d"]
    model.accept(lambda _: True)
    assert names(model) == ["b", "c", "a", "d"]


def test_a_row_that_moved_keeps_its_index() -> None:
    model = TreeModel(COLUMNS)
    model.sort(1, Qt.SortOrder.AscendingOrder)
    for name, amount in (("a", 1), ("b", 2)):
        model.put(spec(name, amount, spec("x", 5)))
    held = QPersistentModelIndex(model.index_of("a"))
    child = QPersistentModelIndex(model.index(0, 0, model.index_of("a")))
    model.put(spec("a", 9, spec("x", 5)))
    model.settle()
    assert (held.row(), held.data(ROW).name) == (1, "a")
    assert child.parent() == held


rows = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4)), max_size=30)


@given(rows, st.sampled_from(list(Qt.SortOrder)), st.integers(0, 4))
@settings(max_examples=80)
def test_after_settling_all_that_pass_are_shown_in_order(
    done: list[tuple[str, int]], order: Qt.SortOrder, least: int
) -> None:
    model = TreeModel(COLUMNS)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.accept(lambda row: row.amount >= least)
    model.sort(1, order)
    held: dict[str, int] = {}
    for name, amount in done:
        model.put(spec(name, amount))
        held[name] = amount
    model.settle()
    wanted = [name for name, amount in held.items() if amount >= least]
    wanted.sort(key=lambda name: held[name], reverse=order is Qt.SortOrder.DescendingOrder)
    assert names(model) == wanted


def test_a_row_that_is_hidden_changes_unseen_and_comes_back_as_it_is_then() -> None:
    model = TreeModel(COLUMNS)
    model.accept(lambda row: row.amount > 0)
    model.put(spec("a", 0, spec("x", 1)))
    told = QSignalSpy(model.dataChanged)
    model.put(spec("a", 2, spec("y", 1)))
    assert told.count() == 0
    assert not model.index_of("a").isValid()
    model.settle()
    assert shown(model) == [(Row("a", 2), [(Row("y", 1), [])])]
