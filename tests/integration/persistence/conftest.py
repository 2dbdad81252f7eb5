from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.persistence.database import Database, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    await opened.close()
