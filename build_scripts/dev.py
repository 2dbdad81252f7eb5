"""Sets up, runs and checks Ziggurat from its own tree, with nothing but Python 3.11 or newer at hand."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - the older Python that starts this file is to be told so
    sys.exit(f"Ziggurat needs Python 3.11 or newer; this is Python {sys.version_info[0]}.{sys.version_info[1]}.")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed-lock.sha256"
UV = "uv==0.13.8"
LOCK_OPTIONS = "--quiet --universal --generate-hashes --no-header --python-version 3.11 --all-extras".split()
LONGEST_SECONDS = 600
IN_PARALLEL = "-n 3 --dist loadfile --no-loadscope-reorder".split()
"""One more than two cores, for a third of the time is spent waiting. A file's tests share what they start. Sorted by
their number, as xdist would, the few long ones came last, alone."""
WITH_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""The tests start Ziggurat some hundred times: without it each start would compile it anew."""

OFFSCREEN_LIBRARIES = {
    "libgl1": "libGL.so.1",
    "libegl1": "libEGL.so.1",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libdbus-1-3": "libdbus-1.so.3",
    "libfontconfig1": "libfontconfig.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
}
SCREEN_LIBRARIES = {
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-shape0": "libxcb-shape.so.0",
}
SCREEN_PROGRAMS = {"xvfb": "Xvfb", "xauth": "xauth"}
KEYRING_PROGRAMS = {"dbus": "dbus-run-session", "gnome-keyring": "gnome-keyring-daemon"}
"""A real keyring for the tests of the vault."""


class Problem(Exception):
    """Something the person at the keyboard can put right; its text says how."""


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


# System packages


def loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages(*, screen: bool) -> list[str]:
    """The Debian packages of what Qt needs, with `screen` of what the tests need too, that are not here."""
    libraries = OFFSCREEN_LIBRARIES | SCREEN_LIBRARIES if screen else OFFSCREEN_LIBRARIES
    programs = SCREEN_PROGRAMS | KEYRING_PROGRAMS if screen else {}
    return [package for package, library in libraries.items() if not loadable(library)] + [
        package for package, program in programs.items() if shutil.which(program) is None
    ]


def apt_prefix() -> list[str] | None:
    """How to start apt-get without being asked anything; None where that is not possible."""
    if shutil.which("apt-get") is None:
        return None
    if is_root():
        return []
    return ["sudo", "-n"] if succeeds(["sudo", "-n", "true"]) else None


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def apt_install(packages: list[str]) -> bool:
    prefix = apt_prefix()
    if prefix is None:
        return False
    say(f"Installing {' '.join(packages)} with apt-get")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    install = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    return succeeds(install) or (succeeds([*apt, "update"]) and succeeds(install))


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=LONGEST_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def by_hand(packages: Iterable[str]) -> str:
    sudo = "" if is_root() else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install --yes {' '.join(packages)}"


def ensure_window_libraries(*, screen: bool) -> None:
    """Only the window needs them, so what is missing is told and stops nothing."""
    if sys.platform != "linux":
        return
    missing = missing_packages(screen=screen)
    if missing and not (apt_install(missing) and not missing_packages(screen=screen)):
        needed = "the window and the tests" if screen else "the window, not for what runs now"
        say(f"Needed for {needed}: {' '.join(missing)}. On Debian or Ubuntu:")
        say(f"    {by_hand(missing)}")


# The virtual environment


def fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def up_to_date() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


def ensure_environment() -> None:
    if up_to_date():
        return
    if not has_pip():
        make_environment()
    say("Installing the locked requirements into .venv (the first time takes a minute or two)")
    pip_install("--require-hashes", "--requirement", str(LOCK))
    STAMP.write_text(fingerprint())


def has_pip() -> bool:
    return PYTHON.exists() and succeeds([str(PYTHON), "-m", "pip", "--version"])


def make_environment() -> None:
    ensure_ensurepip()
    say("Making .venv")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise Problem(f"The virtual environment could not be made:\n{made.stdout}{made.stderr}".rstrip())


def ensure_ensurepip() -> None:
    """Debian and Ubuntu keep what fills a virtual environment in a package of its own."""
    if has_ensurepip():
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not (sys.platform == "linux" and apt_install([package]) and has_ensurepip()):
        raise Problem(f"This Python cannot fill a virtual environment. On Debian or Ubuntu:\n    {by_hand([package])}")


def has_ensurepip() -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def pip_install(*what: str) -> None:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *what]
    if subprocess.run(pip, check=False).returncode != 0:
        raise Problem("pip could not install what is needed; its message stands above.")


# Sub-commands; each gets the arguments after its name and returns the exit status


def setup(_: list[str]) -> int:
    ensure_window_libraries(screen=True)
    ensure_environment()
    say("Ready: python3 build_scripts/dev.py run")
    return 0


def run(args: list[str]) -> int:
    windowed = has_display()
    ensure_window_libraries(screen=windowed)
    ensure_environment()
    passphrase = os.environ.get("ZIGGURAT_VAULT_PASSPHRASE") or development_passphrase()
    return become(
        ["-m", "app", "window" if windowed else "serve", *args],
        ZIGGURAT_PAPER_FEED="random_walk",
        ZIGGURAT_VAULT_PASSPHRASE=passphrase,
    )


def has_display() -> bool:
    """Without one the engine serves alone."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM"))


def development_passphrase() -> str:
    """For a machine without a keyring: made once, readable by its owner only, never committed."""
    file = ROOT / ".dev-vault-passphrase"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


def test(args: list[str]) -> int:
    ensure_window_libraries(screen=True)
    ensure_environment()
    command = ["-m", "pytest", *IN_PARALLEL, *args]
    return become(command, ZIGGURAT_PAPER_FEED="random_walk", QT_QPA_PLATFORM="offscreen", **WITH_BYTECODE)


def lint(_: list[str]) -> int:
    ensure_environment()
    checks = {
        "ruff check": ["-m", "ruff", "check"],
        "ruff format": ["-m", "ruff", "format", "--check"],
        "mypy": ["-m", "mypy"],
        "import contracts": ["-c", "from importlinter.cli import lint_imports_command as lint; lint(['--no-logo'])"],
    }
    failed = [name for name, command in checks.items() if in_environment(command) != 0]
    say(f"Failed: {', '.join(failed)}" if failed else "All checks passed")
    return 1 if failed else 0


def bench(args: list[str]) -> int:
    ensure_environment()
    return become(["-m", "tests.benchmarks", *args])


def lock(args: list[str]) -> int:
    if not has_pip():
        make_environment()
    pip_install(UV)
    made = in_environment(
        ["-m", "uv", "pip", "compile", *LOCK_OPTIONS, "--output-file", LOCK.name, *args, "pyproject.toml"]
    )
    if made == 0:
        say(f"{LOCK.name} is made; the next command installs it")
    return made


def in_environment(command: list[str]) -> int:
    return subprocess.run([str(PYTHON), *command], cwd=ROOT, check=False).returncode


def become(command: list[str], **settings: str) -> int:
    """Hands this process over, so that signals reach the command itself; Windows has no such thing and waits."""
    environment = os.environ | settings
    os.chdir(ROOT)
    if os.name != "nt":
        os.execve(PYTHON, [str(PYTHON), *command], environment)  # noqa: S606 - a shell is what is not wanted
    return subprocess.run([str(PYTHON), *command], env=environment, check=False).returncode


COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "setup": (setup, "make .venv, install the locked requirements and what the window needs"),
    "run": (run, "start Ziggurat on paper with moving prices: its window, or `serve` where there is no display"),
    "test": (test, "run the tests; arguments go to pytest"),
    "lint": (lint, "ruff, mypy and the import contracts"),
    "bench": (bench, "measure; arguments go to the benchmarks"),
    "lock": (lock, "make requirements.lock anew; arguments go to uv, such as --upgrade"),
}
WITHOUT_ARGUMENTS = {setup, lint}


def usage() -> str:
    lines = [f"  {name:<6} {sentence}" for name, (_, sentence) in COMMANDS.items()]
    return "\n".join(["usage: python3 build_scripts/dev.py COMMAND [ARGUMENT ...]", "", *lines])


def main(argv: list[str]) -> int:
    name, args = (argv[0], argv[1:]) if argv else ("", [])
    if name in {"-h", "--help"}:
        print(usage())
        return 0
    command, _ = COMMANDS.get(name, (None, ""))
    if command is None or (args and command in WITHOUT_ARGUMENTS):
        say(usage())
        return 2
    try:
        return command(args)
    except Problem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
