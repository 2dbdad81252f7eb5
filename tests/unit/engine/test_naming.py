"""Which tag and epoch count: the database's, the kept ones, or new ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.base.config import parse_config
from app.base.ids import CountedIds
from app.domain.client_order_id import Namespace
from app.engine.naming import settle_namespace
from app.engine.state import EngineState
from app.persistence.database import open_database
from app.persistence.tag_file import FILE_NAME, TagFile
from tests.support.examples import NOON

NEW = Namespace("00000", 0)


async def settled(keeper: TagFile | None, facts: Mapping[str, str]) -> tuple[Namespace, Mapping[str, str]]:
    """What was chosen, and what the database has of it."""
    store = open_database(None).store
    state = EngineState(parse_config({}), facts=dict(facts))
    return await settle_namespace(state, store, CountedIds(), keeper), (await store.load(NOON)).facts


def facts(tag: str, epoch: int) -> dict[str, str]:
    return {"instance_tag": tag, "epoch": str(epoch)}


async def test_a_tag_is_made_once_and_kept_beside_the_database(tmp_path: Path) -> None:
    keeper = TagFile(tmp_path)
    assert await settled(keeper, {}) == (NEW, facts("00000", 0))
    assert keeper.read() == NEW


def test_the_file_with_the_tag_is_its_owners_only(tmp_path: Path) -> None:
    TagFile(tmp_path).write(NEW)
    (file,) = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (FILE_NAME, 0o600)


async def test_without_a_keeper_the_database_alone_has_it() -> None:
    assert await settled(None, {}) == (NEW, facts("00000", 0))
    assert await settled(None, facts("aaaaa", 3)) == (Namespace("aaaaa", 3), {})


@pytest.mark.parametrize(
    ("stored", "kept", "wanted"),
    [
        pytest.param({}, Namespace("aaaaa", 2), Namespace("aaaaa", 3), id="a new database: the kept tag, a new epoch"),
        pytest.param(facts("aaaaa", 2), None, Namespace("aaaaa", 2), id="no file: the database's"),
        pytest.param(facts("aaaaa", 2), Namespace("bbbbb", 9), Namespace("aaaaa", 2), id="another tag: the database's"),
        pytest.param(facts("aaaaa", 2), Namespace("aaaaa", 2), Namespace("aaaaa", 2), id="the same"),
        pytest.param(facts("aaaaa", 5), Namespace("aaaaa", 2), Namespace("aaaaa", 5), id="an older file"),
        pytest.param(facts("aaaaa", 1), Namespace("aaaaa", 2), Namespace("aaaaa", 3), id="an older database put back"),
    ],
)
async def test_both_places_agree_afterwards(
    tmp_path: Path, stored: dict[str, str], kept: Namespace | None, wanted: Namespace
) -> None:
    keeper = TagFile(tmp_path)
    if kept is not None:
        keeper.write(kept)
    chosen, written = await settled(keeper, stored)
    assert (chosen, keeper.read()) == (wanted, wanted)
    assert (stored | dict(written)) == facts(wanted.tag, wanted.epoch)


@pytest.mark.parametrize("document", [{"tag": "../..", "epoch": 0}, {"tag": "aaaaa", "epoch": -1}])
async def test_a_tag_that_no_id_could_bear_is_not_taken(tmp_path: Path, document: Mapping[str, object]) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(document), encoding="utf-8")
    assert await settled(TagFile(tmp_path), {}) == (NEW, facts("00000", 0))
