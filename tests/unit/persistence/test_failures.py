"""What SQLite says becomes what the trader can do about it."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest

from app.persistence.failures import plain
from app.ports.store import ChangeRefused


def failed(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        failed(sqlite3.SQLITE_FULL),
        failed(sqlite3.SQLITE_IOERR_SHMSIZE),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    ],
)
def test_a_full_disk_is_told_as_one_however_it_shows(error: Exception) -> None:
    assert "The disk is full" in str(plain(error))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_WRITE])
def test_a_disk_that_fails_is_told_as_one(code: int) -> None:
    assert "The disk failed" in str(plain(failed(code)))


def test_a_change_that_is_refused_is_no_failure_of_the_disk() -> None:
    assert isinstance(plain(failed(sqlite3.SQLITE_CONSTRAINT_UNIQUE)), ChangeRefused)


@pytest.mark.parametrize("error", [failed(sqlite3.SQLITE_ERROR), PermissionError(errno.EACCES, "denied")])
def test_what_is_not_known_is_told_in_its_own_words(error: Exception) -> None:
    assert str(plain(error)).startswith("The database could not be used")
