"""The floor: a bare uvicorn route that commits one SQLite row."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import uvicorn


def application(file: Path) -> Any:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (body TEXT)")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        connection.execute("INSERT INTO rows VALUES (?)", (body.decode(),))
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1]) / "bare.db"),
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        lifespan="off",
    )
