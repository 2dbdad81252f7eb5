"""What paper does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_start_imports_neither_ccxt_nor_what_speaks_to_it() -> None:
    modules = imported("import app.cli.window, app.cli.serve")
    assert not {name for name in modules if name == "ccxt" or name.startswith("app.exchange.ccxt")}


@pytest.mark.parametrize("command", ["account", "secret", "send"])
def test_a_command_that_asks_the_running_instance_loads_neither_engine_nor_listeners(command: str) -> None:
    modules = imported(f"from app.__main__ import load; load('{command}')")
    assert not modules & {"app.engine", "app.api", "app.persistence", "fastapi", "sqlalchemy"}


def test_opening_an_account_imports_ccxt_only_when_it_connects() -> None:
    assert "ccxt" not in imported("import app.exchange.ccxt.opening")
