"""What a start leaves and finds in the data directory."""

from __future__ import annotations

from pathlib import Path

from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.vault.open import KIND_FILE
from tests.integration.serving.conftest import ENVIRONMENT


async def test_the_first_start_remembers_what_keeps_its_secrets(tmp_path: Path) -> None:
    application = await Application.open(read_settings(data_dir=tmp_path, environ=ENVIRONMENT))
    await application.stop(0.5)
    kept = tmp_path / KIND_FILE
    assert (kept.read_text(), oct(kept.stat().st_mode)[-3:]) == ("file", "600")
