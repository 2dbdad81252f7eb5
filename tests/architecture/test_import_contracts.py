import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"
HOMES = {
    "gui": ("PySide6", "qasync"),
    "exchange": ("ccxt",),
    "metrics": ("prometheus_client",),
    "persistence": ("sqlalchemy", "aiosqlite", "alembic", "sqlite3"),
    "api": ("fastapi", "uvicorn", "starlette"),
    "vault": ("keyring", "cryptography"),
    "updates": ("tufup",),
}
LIBRARIES = [library for libraries in HOMES.values() for library in libraries]


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"
    return subprocess.run([sys.executable, "-c", command], cwd=house, capture_output=True, text=True, check=False)


def broken(result: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"^(.+) BROKEN", result.stdout, re.MULTILINE))


def build(house: Path, imports: dict[str, tuple[str, ...]]) -> Path:
    """A house with our contracts and one module a room, which imports what is given."""
    shutil.copy(PYPROJECT, house)
    (house / "app").mkdir()
    (house / "app/__init__.py").touch()
    rooms = {"base", "domain", "messages", "ports", "engine", "gui", "persistence", *imports}
    for room in rooms:
        (house / "app" / room).mkdir()
        (house / "app" / room / "__init__.py").touch()
        lines = [f"import {name}" for name in imports.get(room, ())]
        (house / "app" / room / "inside.py").write_text("\n".join(lines))
    return house


def test_every_room_imports_only_what_lies_below_it() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_library_may_be_imported_where_it_lives(tmp_path: Path) -> None:
    loop_and_rooms = ("qasync", "app.gui", "app.engine")
    result = lint_imports(build(tmp_path, {**HOMES, "bootstrap": loop_and_rooms, "domain": ("app.base", "decimal")}))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    imports = {"domain": ("asyncio",), "engine": ("app.persistence", *LIBRARIES)}
    return lint_imports(build(tmp_path_factory.mktemp("house"), imports))


def test_every_contract_can_break(broken_house: subprocess.CompletedProcess[str]) -> None:
    contracts = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert broken(broken_house) == {contract["name"] for contract in contracts}
    assert broken_house.returncode == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_outside_its_room_is_refused(broken_house: subprocess.CompletedProcess[str], library: str) -> None:
    assert f"app.engine.inside -> {library} " in broken_house.stdout


@pytest.mark.parametrize(
    ("room", "imported"),
    [
        ("base", "app.domain"),
        ("domain", "app.messages"),
        ("messages", "app.ports"),
        ("ports", "app.engine"),
        ("engine", "app.gui"),
        ("gui", "app.engine"),
        ("attic", "app.base"),
    ],
)
def test_an_arrow_that_points_up_or_sideways_or_from_an_unknown_room_is_refused(
    tmp_path: Path, room: str, imported: str
) -> None:
    assert broken(lint_imports(build(tmp_path, {room: (imported,)}))) == {"Arrows point down only"}
