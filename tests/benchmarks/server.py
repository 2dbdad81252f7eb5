"""The measured server: the whole application, noting when entry orders arrive at the venue port."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.domain import client_order_id
from app.domain.values import OrderRole
from app.exchange.paper.venue import PaperVenue
from app.ports.venue import OrderRequest

arrivals: list[int] = []


def note_arrivals() -> None:
    """Have the paper venue note the moment, in nanoseconds, at which a grid's entries arrive."""
    create = PaperVenue.create_orders

    async def noting(self: PaperVenue, requests: Sequence[OrderRequest]) -> Any:
        address = client_order_id.decode(requests[0].client_order_id)
        if address is not None and address.role is OrderRole.ENTRY:
            arrivals.append(time.monotonic_ns())
        return await create(self, requests)

    PaperVenue.create_orders = noting  # type: ignore[method-assign]  # measured where every adapter is called


async def main(data_dir: Path) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    note_arrivals()
    settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0)
    application = await Application.open(settings)
    api_port, _ = await application.start()
    secret = await application.administration.show_secret(None, path_token=False)
    print(json.dumps({"port": api_port, "secret": secret}), flush=True)
    await stopping.wait()
    print(json.dumps({"arrivals": arrivals, "groups": len(application.engine.open_groups())}), flush=True)
    await application.stop(1.0)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
