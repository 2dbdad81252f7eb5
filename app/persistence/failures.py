"""What SQLite says, in a sentence for the trader."""

from __future__ import annotations

import errno
import sqlite3

from app.ports.store import ChangeRefused, StoreFailed

_FULL = "The disk is full: nothing could be written to the database. Free some space."
_SENTENCES: dict[int, str] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,  # the file shared by connections could not be made as large as it must be
    sqlite3.SQLITE_BUSY: "The database is locked by another program; close what holds it open.",
    sqlite3.SQLITE_LOCKED: "The database is locked by another program; close what holds it open.",
    sqlite3.SQLITE_READONLY: "The database is read-only: check the permissions of the data directory.",
    sqlite3.SQLITE_PERM: "The database may not be written: check the permissions of the data directory.",
    sqlite3.SQLITE_CANTOPEN: "The database could not be opened: check that the data directory may be written.",
    sqlite3.SQLITE_CORRUPT: "The database is damaged; restore a backup.",
    sqlite3.SQLITE_NOTADB: "The database file is not a database; restore a backup.",
    sqlite3.SQLITE_IOERR: "The disk failed while the database was read or written; check the disk and the space on it.",
    sqlite3.SQLITE_CONSTRAINT: "The database refused a change that contradicts what it holds; nothing of it was kept.",
}
_PRIMARY = 0xFF  # the low byte of an extended result code names the family


def plain(error: Exception) -> StoreFailed:
    """The failure as a person should read it, with SQLite's own words at its end."""
    code = getattr(error, "sqlite_errorcode", None)
    sentence = "The database could not be used; nothing of the change was kept."
    if isinstance(code, int):
        sentence = _SENTENCES.get(code) or _SENTENCES.get(code & _PRIMARY) or sentence
    elif isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        sentence = _FULL
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    is_refused = isinstance(code, int) and code & _PRIMARY == sqlite3.SQLITE_CONSTRAINT
    return (ChangeRefused if is_refused else StoreFailed)(f"{sentence} ({name}: {error})")
