"""Every entity comes back from its row exactly: equal, and of the same text down to exponents and trailing zeros."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.config.grid import GridSettings
from app.persistence import paper_store, rows
from app.persistence.codec import Codec
from app.persistence.connections import connect_memory
from app.persistence.statements import select_sql, upsert_sql
from app.persistence.tables import trading
from app.persistence.tables.types import DecimalText, GridText, Moment
from tests.unit.persistence.entities import ODD_GRID, any_of, decimals

Known = tuple[Codec[Any], dict[str, Any], tuple[Any, ...]]

OWN: dict[str, Known] = {
    "GROUP": (rows.GROUP, {"pyramids": (), "legs": ()}, ()),
    "PYRAMID": (rows.PYRAMID, {}, ("g0000001",)),
    "LEG": (rows.LEG, {}, ("g0000001",)),
    "SIGNAL": (rows.SIGNAL, {}, ()),
    "ORDER": (rows.ORDER, {}, ()),
    "FILL": (rows.FILL, {}, ()),
    "FUNDING": (rows.FUNDING, {}, ()),
    "EVENT": (rows.EVENT, {}, ()),
    "FINDING": (rows.FINDING, {}, (None,)),
}
PAPER: dict[str, Known] = {f"paper {name}": (codec, {}, ()) for name, (codec, _, _) in paper_store._CODECS.items()}
ALL: dict[str, Known] = {**OWN, **PAPER}


@pytest.fixture(scope="module")
def loose() -> Iterator[sqlite3.Connection]:
    """Every table, and no foreign key asked for, so that each row can stand alone."""
    connection = connect_memory()
    connection.execute("PRAGMA foreign_keys = OFF")
    yield connection
    connection.close()


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_every_entity_comes_back_from_its_row_exactly(loose: sqlite3.Connection, name: str, data: Any) -> None:
    codec, more, owners = ALL[name]
    item = data.draw(any_of(codec.kind))
    loose.execute(f"DELETE FROM {codec.table.name}")
    loose.execute(upsert_sql(codec.table), codec.encode(item, *owners))
    row = loose.execute(select_sql(codec.table, "")).fetchone()
    assert repr(codec.decode(row, **more)) == repr(item)


@given(entry=any_of(rows.QUEUE.kind), exit_=any_of(rows.LAST_EXIT.kind))
def test_identities_are_spread_over_columns_and_gathered_again(entry: Any, exit_: Any) -> None:
    row = rows.QUEUE.encode(entry)
    assert repr(rows.QUEUE.decode(row, identity=rows.identity_of(row, rows.QUEUE))) == repr(entry)
    row = rows.LAST_EXIT.encode(exit_)
    assert repr(rows.LAST_EXIT.decode(row, identity=rows.identity_of(row, rows.LAST_EXIT))) == repr(exit_)


@pytest.mark.parametrize("name", ALL)
def test_every_field_has_its_column_and_every_column_its_field(name: str) -> None:
    codec, more, owners = ALL[name]
    assert codec.names[len(owners) :] == tuple(item.name for item in fields(codec.kind) if item.name not in more)


@pytest.mark.parametrize("name", ALL)
def test_what_goes_to_the_driver_is_of_its_own_types(name: str) -> None:
    codec, _, owners = ALL[name]

    @given(item=any_of(codec.kind))
    def check(item: Any) -> None:
        assert {type(value) for value in codec.encode(item, *owners)} <= {str, int, type(None)}

    check()


@given(value=decimals)
def test_a_decimal_keeps_its_text(value: Decimal) -> None:
    assert str(DecimalText.decode(DecimalText.encode(value))) == str(value)


def test_moments_of_other_zones_are_stored_in_utc() -> None:
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert Moment.decode(Moment.encode(there)).isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(TypeError):
        Moment.encode(datetime(2026, 1, 1))  # noqa: DTZ001


def test_grid_settings_keep_their_decimals_text_and_are_shared() -> None:
    text = GridText.encode(ODD_GRID)
    assert '"1E+1"' in text
    assert '"2.50"' in text
    assert repr(GridText.decode(text)) == repr(ODD_GRID)
    assert GridText.decode(text) is GridText.decode(GridText.encode(ODD_GRID))


def test_more_grids_than_are_remembered_are_still_right() -> None:
    grids = [GridSettings(max_holding_minutes=number) for number in range(1, 1200)]
    texts = [GridText.encode(grid) for grid in grids]
    assert [GridText.decode(text).max_holding_minutes for text in texts] == list(range(1, 1200))


def test_a_codec_refuses_owners_that_are_not_the_first_columns() -> None:
    with pytest.raises(ValueError, match="does not begin with"):
        Codec(rows.LEG.kind, trading.legs, owners=["pyramid"])


def test_moments_of_one_instant_in_two_zones_are_one() -> None:
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert Moment.encode(there) == Moment.encode(there.astimezone(UTC))
