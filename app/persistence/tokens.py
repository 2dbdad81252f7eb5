"""API tokens, made once, shown once, kept hashed.

The hash is a plain SHA-256: salt and slowness protect guessable secrets, a token is 32 random bytes; and `verify`
stands on the path of every request.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from app.base.clock import Clock, to_microseconds
from app.persistence.codec import Codec
from app.persistence.statements import insert_sql, select_sql
from app.persistence.tables import keeping
from app.persistence.writer import Writer
from app.ports.store import StoreFailed
from app.ports.tokens import Role, TokenInfo

PREFIX: Final = "zgt_"
_RANDOM_BYTES: Final = 32
_NOTE_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    name: str
    role: Role
    digest: str
    created_at: datetime
    last_used_at: datetime | None


_CODEC = Codec(_Kept, keeping.api_tokens)
_INSERT = insert_sql(keeping.api_tokens) + " ON CONFLICT (name) DO NOTHING"
_SELECT = select_sql(keeping.api_tokens, "ORDER BY api_tokens.rowid")
_USED = "UPDATE api_tokens SET last_used_at = ? WHERE name = ?"


class SqliteTokens:
    """`app.ports.tokens.Tokens` in SQLite. `random_text` gives the URL-safe text of that many random bytes.

    The use of a token is in memory at once and on disk at most once a minute.
    """

    def __init__(self, writer: Writer, clock: Clock, random_text: Callable[[int], str]) -> None:
        self._writer = writer
        self._clock = clock
        self._random_text = random_text
        self._kept: dict[str, _Kept] = {}
        self._noted: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        found = await self._writer.run(lambda connection: connection.execute(_SELECT).fetchall())
        self._kept = {item.name: item for item in map(_CODEC.decode, found)}
        self._noted = {item.name: item.last_used_at for item in self._kept.values() if item.last_used_at}

    async def create(self, name: str, role: Role) -> str:
        if not name.strip():
            raise ValueError("A token needs a name.")
        token = PREFIX + self._random_text(_RANDOM_BYTES)
        item = _Kept(name, role, _digest(token), self._clock.now(), None)
        if not await self._writer.run(lambda connection: _execute(connection, _INSERT, _CODEC.encode(item))):
            raise ValueError(f"There is a token named {name} already.")
        self._kept[name] = item
        return token

    async def revoke(self, name: str) -> bool:
        self._forget(name)
        was_there = await self._writer.run(
            lambda connection: _execute(connection, "DELETE FROM api_tokens WHERE name = ?", (name,)) > 0
        )
        self._forget(name)  # one that was being created
        return was_there

    def _forget(self, name: str) -> None:
        self._kept.pop(name, None)
        self._noted.pop(name, None)

    async def list(self) -> Sequence[TokenInfo]:
        return [_info(item) for item in self._kept.values()]

    def verify(self, token: str) -> TokenInfo | None:
        """The token as it stood, None where there is none; must be called on the running loop."""
        digest = _digest(token)
        known: _Kept | None = None
        for item in self._kept.values():  # every one is compared, so that the time tells nothing
            if compare_digest(item.digest, digest):
                known = item
        if known is None:
            return None
        self._use(known)
        return _info(self._kept[known.name])

    async def flush(self) -> None:
        """Wait for the uses that are being written."""
        await asyncio.gather(*self._notes)

    def _use(self, item: _Kept) -> None:
        now = self._clock.now()
        self._kept[item.name] = replace(item, last_used_at=now)
        noted = self._noted.get(item.name)
        if noted is None or now - noted >= _NOTE_EVERY:
            self._noted[item.name] = now
            note = asyncio.get_running_loop().create_task(self._note(item.name, now))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _note(self, name: str, at: datetime) -> None:
        values = (to_microseconds(at), name)
        with suppress(StoreFailed):  # tried again a minute later; what ails the disk the engine's commits tell
            await self._writer.run(lambda connection: _execute(connection, _USED, values))


def _execute(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> int:
    return connection.execute(statement, tuple(values)).rowcount


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _info(item: _Kept) -> TokenInfo:
    return TokenInfo(item.name, item.role, item.created_at, item.last_used_at)
