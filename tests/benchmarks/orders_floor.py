"""The floor that any program over ccxt pays: an aiohttp route that commits one row and sends one order."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from app.exchange.ccxt.wire import redirected


async def main(folder: Path, url: str) -> None:
    given = {"apiKey": "key", "secret": "secret", "enableRateLimit": False}
    exchange: Any = import_module("ccxt.pro").binanceusdm(given)
    exchange.options["fetchCurrencies"] = False
    exchange.urls["api"] = redirected(exchange.urls["api"], url)
    await exchange.load_markets()
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (body TEXT)")
    sending: set[asyncio.Task[Any]] = set()

    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        order = json.loads(body)
        connection.execute("INSERT INTO rows VALUES (?)", (body,))
        params = {"newClientOrderId": order["id"]}
        sent = asyncio.create_task(exchange.create_order(order["symbol"], "limit", "buy", 1, 90, params))
        sending.add(sent)
        sent.add_done_callback(sending.discard)
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
