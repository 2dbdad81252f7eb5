"""Which tag and epoch count: the database's, the kept ones, or new ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.base.config import parse_config
from app.base.ids import CountedIds
from app.domain.client_order_id import Namespace
from app.engine.naming import KEEP_UP_SEC, settle_namespace
from app.engine.recovery import Recovery
from app.engine.state import EngineState
from app.persistence.database import open_database
from app.persistence.tag_file import FILE_NAME, TagFile
from app.ports.tag import Kept
from tests.support.examples import NOON
from tests.support.fakes import HandClock, until

NEW = Namespace("00000", 0)


async def settled(
    keeper: TagFile | None, facts: Mapping[str, str], sequence: int = 0
) -> tuple[Namespace, Mapping[str, str]]:
    """What was chosen, and what the database, whose last event is `sequence`, has of it."""
    store = open_database(None).store
    state = EngineState(parse_config({}), facts=dict(facts), sequence=sequence)
    return await settle_namespace(state, store, CountedIds(), keeper), (await store.load(NOON)).facts


def facts(tag: str, epoch: int) -> dict[str, str]:
    return {"instance_tag": tag, "epoch": str(epoch)}


async def test_a_tag_is_made_once_and_kept_beside_the_database(tmp_path: Path) -> None:
    keeper = TagFile(tmp_path)
    assert await settled(keeper, {}) == (NEW, facts("00000", 0))
    assert keeper.read() == Kept(NEW, 0)


def test_the_file_with_the_tag_is_its_owners_only(tmp_path: Path) -> None:
    TagFile(tmp_path).write(Kept(NEW, 0))
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
        keeper.write(Kept(kept, 0))
    chosen, written = await settled(keeper, stored)
    assert (chosen, keeper.read()) == (wanted, Kept(wanted, 0))
    assert (stored | dict(written)) == facts(wanted.tag, wanted.epoch)


@pytest.mark.parametrize(
    ("stored", "kept", "wanted"),
    [
        pytest.param((0, 700), (0, 700), 0, id="the same"),
        pytest.param((0, 700), (0, 690), 0, id="it has gone on since"),
        pytest.param((0, 700), (0, 701), 1, id="a copy of before"),
        pytest.param((1, 700), (0, 900), 1, id="the file could not be written when a copy was found"),
        pytest.param((0, 900), (1, 750), 2, id="a copy of before another one was put back"),
    ],
)
async def test_a_database_that_has_less_than_what_was_kept_goes_on_in_an_epoch_of_its_own(
    tmp_path: Path, stored: tuple[int, int], kept: tuple[int, int], wanted: int
) -> None:
    keeper = TagFile(tmp_path)
    keeper.write(Kept(Namespace("aaaaa", kept[0]), kept[1]))
    chosen, _ = await settled(keeper, facts("aaaaa", stored[0]), stored[1])
    assert (chosen, keeper.read()) == (Namespace("aaaaa", wanted), Kept(chosen, stored[1]))
    again, _ = await settled(keeper, facts("aaaaa", wanted), stored[1])
    assert again == chosen


async def test_how_far_the_database_has_come_is_kept_while_the_engine_runs(tmp_path: Path) -> None:
    keeper, clock = TagFile(tmp_path), HandClock()
    state = EngineState(parse_config({}))
    recovery = Recovery(state, {}, clock, lambda _: None)
    await recovery.load(open_database(None).store, CountedIds(), keeper)
    await recovery.connect(lambda _: None)
    await until(lambda: clock.waiting == 1)
    state.sequence = 9
    clock.advance(KEEP_UP_SEC)
    await until(lambda: keeper.read() == Kept(NEW, 9))
    recovery.stop()


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("document", [{"tag": "../..", "epoch": 0}, {"tag": "aaaaa", "epoch": -1}, ["aaaaa", 0]])
async def test_a_tag_that_no_id_could_bear_is_not_taken(tmp_path: Path, document: object) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(document), encoding="utf-8")
    assert await settled(TagFile(tmp_path), {}) == (NEW, facts("00000", 0))
