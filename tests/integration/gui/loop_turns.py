"""Thousands of turns of the window's loop, with timers, servers and repaints; prints how reference counts moved."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from PySide6.QtWidgets import QLabel

from app.gui.loop import run_on_qt

TURNS = 20_000


async def main(app: Any) -> int:
    label = QLabel("0")
    label.show()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    before = (sys.getrefcount(None), sys.getrefcount(True))
    for turn in range(TURNS):
        app.processEvents()
        if turn % 100 == 0:
            label.setText(str(turn))
            await asyncio.sleep(0.0005)
    after = (sys.getrefcount(None), sys.getrefcount(True))
    server.close()
    print(json.dumps({"none": after[0] - before[0], "true": after[1] - before[1]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_on_qt(main))
