import ast
import shutil
import sys
from pathlib import Path

import pytest

from build_scripts import dev


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with a lock and an empty `.venv`, in which nothing is ever really started."""
    for name, path in {"LOCK": "requirements.lock", "PYTHON": ".venv/python", "STAMP": ".venv/stamp"}.items():
        monkeypatch.setattr(dev, name, tmp_path / path)
    (tmp_path / ".venv").mkdir()
    dev.LOCK.write_text("six==1.17.0")
    return tmp_path


@pytest.fixture
def bare_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux without Qt's libraries, where this user may install nothing."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(dev, "loadable", lambda library: library != "libEGL.so.1")
    monkeypatch.setattr(dev, "apt_prefix", lambda: None)
    monkeypatch.setattr(dev, "is_root", lambda: False)


def test_a_library_is_found_by_asking_the_loader() -> None:
    assert not dev.loadable("libziggurat-is-not-there.so.0")


@pytest.mark.usefixtures("bare_linux")
def test_missing_window_libraries_are_told_with_one_command_and_stop_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dev.ensure_window_libraries(screen=False)
    told = capsys.readouterr().err
    assert "Needed for the window, not for what runs now: libegl1." in told
    assert "    sudo apt-get update && sudo apt-get install --yes libegl1\n" in told


def test_screen_programs_are_wanted_only_for_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "loadable", lambda _: True)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert dev.missing_packages(screen=False) == []
    assert dev.missing_packages(screen=True) == ["xvfb", "xauth", "dbus", "gnome-keyring"]


def test_stale_package_lists_are_renewed_before_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def fails_until_updated(command: list[str]) -> bool:
        commands.append(command)
        return len(commands) > 1

    monkeypatch.setattr(dev, "apt_prefix", lambda: ["sudo", "-n"])
    monkeypatch.setattr(dev, "succeeds", fails_until_updated)
    assert dev.apt_install(["libegl1"])
    assert ["update" in command for command in commands] == [False, True, False]


@pytest.mark.usefixtures("bare_linux")
def test_a_python_without_ensurepip_is_told_which_package_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tree: Path
) -> None:
    monkeypatch.setattr(dev, "has_ensurepip", lambda: False)
    assert dev.main(["setup"]) == 1
    assert "-venv" in capsys.readouterr().err.splitlines()[-1]
    assert not dev.STAMP.exists()


def test_the_lock_is_installed_once_and_again_when_it_changed(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    installed: list[str] = []
    monkeypatch.setattr(dev, "has_pip", lambda: True)
    monkeypatch.setattr(dev, "pip_install", lambda *what: installed.append(dev.LOCK.read_text()))
    dev.PYTHON.touch()
    for lock in ("six==1.17.0", "six==1.17.0", "six==1.18.0"):
        dev.LOCK.write_text(lock)
        dev.ensure_environment()
    assert installed == ["six==1.17.0", "six==1.18.0"]


def test_a_failed_installation_is_tried_again(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    def fail(*what: str) -> None:
        raise dev.Problem("no network")

    monkeypatch.setattr(dev, "has_pip", lambda: True)
    monkeypatch.setattr(dev, "pip_install", fail)
    dev.PYTHON.touch()
    assert dev.main(["lint"]) == 1
    assert not dev.up_to_date()


@pytest.mark.parametrize("arguments", [[], ["tset"], ["lint", "--fix"], ["setup", "now"]])
def test_an_unknown_command_or_argument_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(arguments) == 2
    assert "usage: python3 build_scripts/dev.py" in capsys.readouterr().err


def test_an_older_python_can_read_the_script_far_enough_to_be_refused() -> None:
    ast.parse(Path(dev.__file__).read_text(), feature_version=(3, 8))
