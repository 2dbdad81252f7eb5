"""A process that dies inside a transaction, at whatever statement, leaves what was there before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.messages.records import Changes
from app.persistence.database import open_database
from tests.unit.persistence.entities import T0, a_change, a_group, a_signal, an_event, an_order

BEFORE = Changes(groups=(a_change(a_group(1)),), facts={"epoch": "1"})

_PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from app.persistence.database import open_database
from app.persistence.store import write
from tests.integration.persistence.test_crash import the_unit

class Dying:
    def __init__(self, connection, statements):
        self.connection, self.left = connection, statements

    def executemany(self, statement, rows):
        if self.left == 0:
            os._exit(9)
        self.left -= 1
        self.connection.executemany(statement, rows)

async def main():
    database = open_database(Path(sys.argv[1]))
    if sys.argv[2] == "after":
        await database.store.commit(the_unit())
        os._exit(9)
    def die(connection):
        write(Dying(connection, int(sys.argv[2])), the_unit())
        os._exit(9)
    await database.writer.run(die)

asyncio.run(main())
"""


def the_unit() -> Changes:
    group = a_group(2)
    return Changes(
        signals=(a_signal(2, group_id=group.id),),
        groups=(a_change(group),),
        orders=(an_order(group, 1), an_order(group, 2)),
        events=(an_event(1),),
        facts={"epoch": "2"},
    )


async def _prepare(data_dir: Path) -> None:
    database = open_database(data_dir)
    await database.store.commit(BEFORE)
    await database.close()


def _die(data_dir: Path, when: str) -> None:
    root = Path(__file__).parents[3]
    died = subprocess.run([sys.executable, "-c", _PROGRAM, str(data_dir), when], cwd=root, check=False, timeout=110)
    assert died.returncode == 9


@pytest.mark.parametrize("statements", [0, 1, 4, 6, 7])
async def test_dying_inside_a_transaction_leaves_the_state_before(tmp_path: Path, statements: int) -> None:
    await _prepare(tmp_path)
    _die(tmp_path, str(statements))
    database = open_database(tmp_path)
    state = await database.store.load(T0)
    assert [item.group for item in state.groups] == [a_group(1)]
    assert (state.facts, state.last_sequence, state.seen_signals) == ({"epoch": "1"}, 0, ())
    assert await database.integrity_check() == ()
    await database.close()


async def test_dying_after_a_commit_keeps_all_of_it(tmp_path: Path) -> None:
    await _prepare(tmp_path)
    _die(tmp_path, "after")
    database = open_database(tmp_path)
    state = await database.store.load(T0)
    assert [item.group for item in state.groups] == [a_group(1), a_group(2)]
    assert [len(item.orders) for item in state.groups] == [0, 2]
    assert (state.facts, state.last_sequence) == ({"epoch": "2"}, 1)
    await database.close()
