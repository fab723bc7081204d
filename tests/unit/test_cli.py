"""The command line, its exit codes, and what it says to whom."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from mirror import __version__
from mirror.cli import main
from tests.support.held_port import HeldPort

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds that a process of ours may take for anything


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MIRROR_")]:
        monkeypatch.delenv(name)
    (tmp_path / "empty.yml").touch()
    monkeypatch.setenv("MIRROR_CONFIG", str(tmp_path / "empty.yml"))


def run(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env=env, prog_name="mirror")


def output_of(script: str, argument: str) -> str:
    command = [sys.executable, "-c", script, argument]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


@contextmanager
def serving(root: Path, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`mirror serve` as a process of its own, on free ports, ended at the latest here."""
    env = os.environ | {
        "MIRROR_STORAGE__ROOT": str(root),
        "MIRROR_SERVER__LISTEN": "127.0.0.1:0",
        "MIRROR_ADMIN__LISTEN": "127.0.0.1:0",
        "MIRROR_LOG__FORMAT": "json",
        **(environ or {}),
    }
    command = [sys.executable, "-m", "mirror", "serve"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_version_is_told_in_two_ways() -> None:
    assert (run("version").exit_code, run("version").stdout) == (0, f"mirror {__version__}\n")
    assert run("--version").stdout == f"mirror {__version__}\n"


COMMANDS = tuple(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(('mirror', *command))}")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "version"])
def test_every_command_shows_how_it_is_called(command: str) -> None:
    _, words = run(command, "--help").stdout.split("\n", 1)
    assert f"mirror {command}" in words


def test_the_help_names_every_command_once_and_cuts_no_line_short() -> None:
    _, table = run("--help").stdout.split("\nServe:")
    assert sorted(re.findall("^  ([a-z-]+) ", table, re.MULTILINE)) == [*COMMANDS]
    assert "..." not in table


def test_the_documentation_names_every_command() -> None:
    rows = [line for line in (ROOT / "docs/commands.md").read_text().splitlines() if line.startswith("| [`")]
    named = {name for row in rows for name in re.findall("`([a-z-]+)`", row.split("]")[0])}
    assert named == {*COMMANDS} - {"version"}


def test_check_shows_what_a_configuration_amounts_to_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "mirror.yml"
    file.write_text("upstreams: {docker.io: {username: alice, password: canary}}")
    port = HeldPort("127.0.0.1").port
    addresses = {"MIRROR_SERVER__LISTEN": f":{port}", "MIRROR_ADMIN__LISTEN": "127.0.0.1:0"}
    result = run("check", "--config", str(file), env=addresses)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == [f"ok: {file}", f"registry   http://:{port}"]
    assert "user alice, password ***" in result.stdout
    assert "canary" not in result.output


@pytest.mark.parametrize("command", ["check", "serve", "healthcheck", "doctor"])
def test_a_wrong_configuration_ends_any_command_with_2_and_every_problem_on_a_line(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "mirror.yml"
    file.write_text("server: {lisen: x}\nlog: {level: 5}")
    result = run(command, "--config", str(file))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{file}:1: server.lisen: unknown key; did you mean `listen`?",
        f"{file}:2: log.level: must be debug, info, warning or error",
    ]


def test_a_wrong_command_line_ends_with_2() -> None:
    assert run("serve", "--password", "canary").exit_code == 2
    assert run("srve").exit_code == 2
    assert run("check", "--config", "/nonexistent/mirror.yml").exit_code == 2


def test_healthcheck_says_whether_the_mirror_is_ready() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for arguments, env, asked in (
            (("--url", f"http://127.0.0.1:{port}"), {}, f"http://127.0.0.1:{port}"),
            ((), {"MIRROR_ADMIN__LISTEN": f":{port}"}, f"http://127.0.0.1:{port}/readyz"),
        ):
            result = run("healthcheck", *arguments, env=env)
            assert (result.exit_code, result.stderr) == (1, f"not ready: {asked}: Connection refused\n")
    result = run("healthcheck", env={"MIRROR_ADMIN__LISTEN": ":0"})
    assert (result.exit_code, result.stderr) == (
        1,
        "not ready: admin.listen has port 0, so the port is unknown: give --url\n",
    )


def test_commands_that_need_no_configuration_load_none() -> None:
    script = (
        "import sys\n"
        "from mirror.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('pydantic', 'yaml', 'structlog', 'aiohttp') if name in sys.modules])"
    )
    for command in ("version", "--help"):
        assert output_of(script, command).splitlines()[-1] == "[]"


def test_a_command_that_asks_the_running_mirror_does_not_load_what_asks_upstreams() -> None:
    script = (
        "import sys\n"
        "from mirror.cli import LATER\n"
        "for name, later in LATER.items():\n"
        "    if name != sys.argv[1]:\n"
        "        __import__(later.module)\n"
        "        assert 'aiohttp' not in sys.modules, name\n"
        "print('well')"
    )
    assert output_of(script, "doctor") == "well\n"


@pytest.mark.parametrize(("hidden", "loop"), [("", "uvloop"), ("uvloop", "asyncio.unix_events")])
def test_uvloop_is_used_where_it_is_installed(hidden: str, loop: str) -> None:
    script = (
        "import sys\n"
        "if sys.argv[1]: sys.modules[sys.argv[1]] = None\n"
        "from mirror.cli import new_event_loop\n"
        "made = new_event_loop()\n"
        "made.close()\n"
        "print(type(made).__module__)"
    )
    assert output_of(script, hidden).strip() == loop


def test_serve_serves_until_it_is_told_to_stop_and_a_second_one_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    with serving(root) as first:
        assert first.stderr is not None
        started = json.loads(first.stderr.readline())
        assert (started["event"], started["cache"]) == ("serving", str(root))
        with serving(root) as second:
            output, errors = second.communicate(timeout=PATIENCE)
            assert (second.returncode, output) == (1, "")
            assert errors.startswith("mirror: ")
            assert str(root) in errors
            assert errors.count("\n") == 1
        first.terminate()
        output, errors = first.communicate(timeout=PATIENCE)
        assert (first.returncode, output) == (0, "")
        assert "Traceback" not in errors


def test_an_address_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(tmp_path / "cache", {"MIRROR_SERVER__LISTEN": f"127.0.0.1:{port}"}) as process:
            _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert errors.startswith("mirror: ")
    assert f"127.0.0.1:{port}" in errors
    assert errors.count("\n") == 1


def test_a_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(tmp_path / "file" / "cache") as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert errors.startswith("mirror: ")
    assert errors.count("\n") == 1


def test_a_certificate_that_cannot_be_used_is_a_wrong_configuration(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    environ = {"MIRROR_SERVER__TLS__CERTIFICATE": missing, "MIRROR_SERVER__TLS__KEY": missing}
    with serving(tmp_path / "cache", environ) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    reason = "cannot be read: No such file or directory"
    assert errors.splitlines() == [f"MIRROR_SERVER__TLS__{key}: {reason}" for key in ("CERTIFICATE", "KEY")]
    told = run("check", env={"MIRROR_SERVER__LISTEN": ":0", "MIRROR_ADMIN__LISTEN": ":0", **environ})
    assert (told.exit_code, told.stderr) == (2, errors)


def test_healthcheck_asks_for_no_file_that_only_the_mirror_may_read(tmp_path: Path) -> None:
    environ = {
        "MIRROR_ADMIN__LISTEN": ":0",
        "MIRROR_SERVER__TLS__CERTIFICATE": str(tmp_path / "none"),
        "MIRROR_SERVER__TLS__KEY": str(tmp_path / "none"),
    }
    assert run("healthcheck", env=environ).exit_code == 1


def test_the_reason_behind_a_refusal_is_logged_for_those_who_debug(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(tmp_path / "file" / "cache", {"MIRROR_LOG__LEVEL": "debug"}) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    *logged, last = errors.splitlines()
    assert last.startswith("mirror: ")
    assert any("Traceback" in json.loads(line).get("exception", "") for line in logged)
