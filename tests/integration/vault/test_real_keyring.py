"""The vault on a real Secret Service: gnome-keyring on a bus of its own, in a home of its own."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.vault.keyring_session import TEXT

ROOT = Path(__file__).parents[3]
INSTALL = "apt-get install --yes --no-install-recommends dbus gnome-keyring"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gnome-keyring is Linux's")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for program in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing; run: {INSTALL}", pytrace=False)
    for folder in ("run", "share", "data"):
        (tmp_path / folder).mkdir(mode=0o700)
    return tmp_path


def on_a_bus(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", command],
        cwd=ROOT,
        env=inherited
        | {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "share"),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def session(home: Path, step: str) -> str:
    return shlex.join([sys.executable, "-m", "tests.integration.vault.keyring_session", step, str(home / "data")])


def unlocked(passphrase: str) -> str:
    return f"printf {passphrase} | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"


def test_secrets_outlive_the_process_and_the_session_in_a_real_keyring(home: Path) -> None:
    kept = "keyring: account/Zürich \N{SNOWMAN}, account/large, account/main\n"
    for step in ("write", "read"):
        done = on_a_bus(home, f"{unlocked('horse')}; {session(home, step)}")
        assert (done.returncode, done.stdout) == (0, kept), done.stderr
    assert list((home / "data").iterdir()) == []
    files = [path for path in (home / "share").rglob("*") if path.is_file()]
    assert files
    assert not any(TEXT.encode() in path.read_bytes() for path in files)


def test_a_real_keyring_nobody_unlocks_is_told_in_a_sentence(home: Path) -> None:
    written = on_a_bus(home, f"{unlocked('horse')}; {session(home, 'write')}")
    assert written.returncode == 0, written.stderr
    refused = on_a_bus(
        home, f"gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; {session(home, 'read')}"
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].startswith("VaultLocked: The system's keyring is locked")
    assert list((home / "data").iterdir()) == []


def test_without_a_bus_the_variable_for_the_file_vault_is_named(home: Path) -> None:
    refused = on_a_bus(home, f"DBUS_SESSION_BUS_ADDRESS=unix:path=nowhere {session(home, 'read')}")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "VaultUnavailable" in refused.stderr
    assert "ZIGGURAT_VAULT_PASSPHRASE" in refused.stderr
