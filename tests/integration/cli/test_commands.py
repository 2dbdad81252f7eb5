"""The commands beside a running instance and without one, as a person types them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.base.clock import iso, system_clock
from app.cli import asking, send
from app.cli.asking import ControlFailed, ask_running
from app.cli.ending import stop_signals
from tests.crash.kill_serve import ROOT, Server
from tests.support.typed import run_typed

ENVIRONMENT = {**os.environ, "ZIGGURAT_VAULT": "file", "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests"}

pytestmark = pytest.mark.timeout(600)


def zg(data_dir: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return run_typed([*arguments, "--data-dir", str(data_dir)], stdin, {**ENVIRONMENT, **environment})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    data_dir = tmp_path / "d"
    data_dir.mkdir(mode=0o700)
    made = Server(data_dir)
    made.ask("ports")
    yield made
    made.kill()


def last_event(data_dir: Path) -> str:
    with sqlite3.connect(data_dir / "ziggurat.db") as connection:
        return str(connection.execute("SELECT type FROM events ORDER BY sequence DESC").fetchone()[0])


def message() -> str:
    body = {
        "timestamp": iso(system_clock().now()),
        "tv": {
            "exchange": "BINANCE",
            "symbol": "SOLUSDT.P",
            "timeframe": "60",
            "action": "buy",
            "close_price": "200",
            "order_size": "400",
        },
        "execution_intent": {"type": "signal", "position_size_type": "quote"},
    }
    return json.dumps(body)


def test_a_signal_file_is_sent_with_the_right_secret(server: Server) -> None:
    sent = zg(server.data_dir, "send", "-", stdin=message())

    assert (sent.returncode, json.loads(sent.stdout)["status"]) == (0, "accepted")


def test_a_dry_run_shows_how_a_signal_would_be_read(server: Server) -> None:
    shown = zg(server.data_dir, "send", "-", "--dry-run", stdin=message())

    assert (shown.returncode, json.loads(shown.stdout)["symbol"]) == (0, "SOL/USDT:USDT")


def test_a_dry_run_leaves_another_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens: set[str] = set()
    processes = iter((1, 2))

    def ask(_: Path, command: str, arguments: Mapping[str, str]) -> str:
        (tokens.add if command == "token create" else tokens.discard)(arguments["name"])
        return "a token"

    def post(*_: object) -> tuple[int, frozenset[str]]:
        mine = frozenset(tokens)
        if len(mine) == 1:
            dry_run()
        assert mine <= tokens
        return 200, mine

    def dry_run() -> frozenset[str]:
        number = next(processes)
        monkeypatch.setattr(os, "getpid", lambda: number)
        seen: frozenset[str] = send._preview(tmp_path, {"api": 1}, {})[1]
        return seen

    monkeypatch.setattr(send, "ask_running", ask)
    monkeypatch.setattr(send, "post", post)
    assert len(dry_run()) == 1
    assert tokens == set()


def test_the_secret_is_the_same_beside_a_running_instance_and_alone(server: Server) -> None:
    beside = zg(server.data_dir, "secret", "show").stdout
    server.kill()
    alone = zg(server.data_dir, "secret", "show").stdout.splitlines()[-1]

    assert beside.strip() == alone


def test_a_rotated_secret_is_another(server: Server) -> None:
    before = zg(server.data_dir, "secret", "show").stdout
    rotated = zg(server.data_dir, "secret", "rotate").stdout

    assert rotated != before
    assert zg(server.data_dir, "secret", "show").stdout == rotated


def test_tokens_are_made_listed_and_revoked(server: Server) -> None:
    made = zg(server.data_dir, "token", "create", "--name", "bot", "--role", "viewer")
    twice = zg(server.data_dir, "token", "create", "--name", "bot")
    listed = zg(server.data_dir, "token", "list").stdout
    revoked = zg(server.data_dir, "token", "revoke", "--name", "bot")
    again = zg(server.data_dir, "token", "revoke", "--name", "bot")

    assert (revoked.returncode, revoked.stdout) == (0, "bot was revoked\n")
    assert (again.returncode, again.stderr) == (1, "ziggurat: there is no token bot\n")
    assert made.stdout.strip().startswith("zgt_")
    assert twice.returncode == 1
    assert "bot  viewer" in listed
    assert "bot" not in zg(server.data_dir, "token", "list").stdout


def test_a_second_instance_on_one_data_directory_is_refused(server: Server) -> None:
    second = zg(server.data_dir, "serve", "--api-port", "0", "--webhook-port", "0")

    assert second.returncode == 1
    assert str(server.process.pid) in second.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_stops_cleanly(server: Server, number: signal.Signals) -> None:
    server.process.send_signal(number)

    assert server.process.wait(90) == 0


def test_a_terminal_that_was_closed_stops_cleanly(server: Server) -> None:
    assert server.process.stdout is not None
    server.process.stdout.close()
    server.process.send_signal(signal.SIGHUP)
    ended = server.process.wait(90)

    assert (ended, server.told()) == (0, "")
    assert last_event(server.data_dir) == "engine.stopping"


def test_a_hang_up_that_is_ignored_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == [signal.SIGTERM, signal.SIGINT]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_without_keyring_passphrase_or_terminal_serve_names_the_variable(tmp_path: Path) -> None:
    refused = zg(tmp_path, "serve", ZIGGURAT_VAULT_PASSPHRASE="")

    assert refused.returncode == 2
    assert "ZIGGURAT_VAULT_PASSPHRASE" in refused.stderr


def test_nothing_is_sent_where_no_instance_runs(tmp_path: Path) -> None:
    refused = zg(tmp_path, "send", "-", stdin=message())

    assert refused.returncode == 1
    assert "no instance runs" in refused.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a directory that nobody can write to")
def test_a_data_directory_that_cannot_be_made_is_one_sentence() -> None:
    done = zg(Path("/proc/zig"), "serve", "--api-port", "0", "--webhook-port", "0")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "The data directory /proc/zig cannot be used" in done.stderr


def test_a_wrong_setting_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"pool": {"max_open_group": 3}}')
    refused = zg(tmp_path, "serve")

    assert refused.returncode == 1
    assert "pool.max_open_group: no such setting, did you mean max_open_groups?" in refused.stderr


def test_a_replay_that_fails_exits_with_one(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("name: wrong\nsteps:\n  - {at: 0, check: {groups: {count: 1}}}\n")
    failed = subprocess.run(
        [sys.executable, "-m", "app", "replay", str(file), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert failed.returncode == 1
    assert json.loads(failed.stdout)["failed_checks"] == ["step 1 at 0: groups: expected 1 items, found 0: []"]


def test_a_scenario_with_a_mistake_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("name: wrong\nsteps:\n  - at: 0\n    pric: {}\n")
    failed = subprocess.run(
        [sys.executable, "-m", "app", "replay", str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert failed.returncode == 2
    assert "s.yaml:4: steps.0.pric" in failed.stderr
    assert "did you mean price?" in failed.stderr


@pytest.mark.parametrize("port", ["85120", "-1", "web"])
def test_an_impossible_port_is_usage(tmp_path: Path, port: str) -> None:
    refused = zg(tmp_path, "serve", f"--api-port={port}")
    assert refused.returncode == 2
    assert f"a port is a number from 0 to 65535, not '{port}'" in refused.stderr


@pytest.mark.parametrize("hours", ["nan", "inf", "1e9", "-1", "day"])
def test_an_impossible_grace_is_usage(tmp_path: Path, hours: str) -> None:
    refused = zg(tmp_path, "secret", "rotate", f"--grace-hours={hours}")
    assert refused.returncode == 2
    assert f"hours are a number from 0 to 8760, not '{hours}'" in refused.stderr


def test_a_token_without_a_name_is_usage(tmp_path: Path) -> None:
    refused = zg(tmp_path, "token", "create")
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", "ziggurat: --name is needed\n")


def test_a_configuration_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'{"app": "\xff"}')
    refused = zg(tmp_path, "token", "list")
    assert refused.returncode in {1, 2}
    assert refused.stderr == f"ziggurat: {tmp_path / 'config.json'} is not JSON in UTF-8\n"


def test_an_instance_that_does_not_answer_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_TIMEOUT_SEC", 0.05)
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(asking.SOCKET_NAME)
        deaf.listen()
        with pytest.raises(ControlFailed, match="did not answer within"):
            ask_running(Path(), "token list", {})


def test_all_that_a_server_writes_is_its_owners_only(server: Server) -> None:
    assert zg(server.data_dir, "send", "-", stdin=message()).returncode == 0
    assert zg(server.data_dir, "account", "add", "more", "--venue", "paper").returncode == 0
    open_to_others = [path for path in server.data_dir.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_data_directory_keeps_its_tag_when_the_database_is_lost(tmp_path: Path) -> None:
    assert zg(tmp_path, "token", "list").returncode == 0
    first = json.loads((tmp_path / "instance.json").read_text())
    for file in tmp_path.glob("ziggurat.db*"):
        file.unlink()
    assert zg(tmp_path, "token", "list").returncode == 0
    later = json.loads((tmp_path / "instance.json").read_text())
    assert (later["tag"], first["epoch"], later["epoch"]) == (first["tag"], 0, 1)
