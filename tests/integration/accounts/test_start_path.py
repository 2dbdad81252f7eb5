"""What paper does not need is not imported."""

from __future__ import annotations

import subprocess
import sys


def imported(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_start_imports_neither_ccxt_nor_what_speaks_to_it() -> None:
    modules = imported("import app.cli.main")
    assert not {name for name in modules if name == "ccxt" or name.startswith("app.exchange.ccxt")}


def test_opening_an_account_imports_ccxt_only_when_it_connects() -> None:
    assert "ccxt" not in imported("import app.exchange.ccxt.opening")
