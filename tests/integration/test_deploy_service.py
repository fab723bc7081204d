"""The systemd unit: accepted, tight, understood by our configuration; and the process it starts speaks its protocol."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.config.loading import load
from mirror.config.quantities import parse_duration
from mirror.config.settings import Settings
from tests.support.processes import checked, program
from tests.support.service_manager import ServiceManager

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "mirror.service"
DROP_INS = ROOT / "deploy" / "mirror.service.d"
STATE = "/var/lib"
CREDENTIALS = "/run/credentials/mirror.service"
EXPOSURE = 20  # tenths: 2.0 of 10


def directives(path: Path) -> dict[str, list[str]]:
    """Every directive with all the values that it is given."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def only(name: str) -> str:
    (value,) = directives(UNIT)[name]
    return value


def environment(*paths: Path) -> dict[str, str]:
    """What the files set for the process, with the two specifiers that they use."""
    words = [word for path in paths for value in directives(path).get("Environment", []) for word in value.split()]
    pairs = [word.replace("%S", STATE).replace("%d", CREDENTIALS).partition("=") for word in words]
    return {name: value for name, _, value in pairs}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with all its drop-ins, and with a program to start, as on a machine where it is installed."""
    executable = tmp_path / "bin" / "mirror"
    executable.parent.mkdir()
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/mirror/bin/mirror", str(executable)))
    shutil.copytree(DROP_INS, tmp_path / DROP_INS.name)
    return unit


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [program("systemd-analyze"), "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def complaints(unit: Path) -> list[str]:
    """What systemd says of our own files; of the machine's other units it may say more."""
    done = analyze("verify", "--man=no", unit)
    return [line for line in done.stderr.decode().splitlines() if str(unit.parent) in line or "mirror" in line]


def test_systemd_accepts_the_unit_with_its_drop_ins(installed: Path) -> None:
    assert complaints(installed) == []


@pytest.mark.parametrize("spoilt", ["WatchdogSec=soon", "ProtectSytem=strict", "ExecStart=/nowhere/mirror"])
def test_systemd_would_notice_a_line_that_is_wrong(installed: Path, spoilt: str) -> None:
    (installed.parent / DROP_INS.name / "spoilt.conf").write_text(f"[Service]\n{spoilt}\n")
    assert complaints(installed) != []


def test_the_service_is_exposed_to_little(installed: Path) -> None:
    checked("systemd-analyze", analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", installed))
    assert analyze("security", "--offline=yes", "--threshold=1", installed).returncode != 0


def test_the_service_runs_on_its_state_directory_and_listens_on_this_machine_only() -> None:
    settings = load(None, environment(UNIT))
    assert settings.storage.root == Path(STATE) / only("StateDirectory")
    assert settings.server.listen == Settings().server.listen
    assert settings.admin.listen == Settings().admin.listen


def test_the_account_s_password_is_a_credential_of_the_service() -> None:
    drop_in = DROP_INS / "hub.conf"
    (credential,) = directives(drop_in)["LoadCredential"]
    hub = load(None, environment(UNIT, drop_in)).resolved_upstreams()["docker.io"]
    assert hub.password_file == Path(CREDENTIALS) / credential.partition(":")[0]
    assert hub.username


def test_it_has_longer_to_stop_than_running_answers_may_take() -> None:
    assert parse_duration(only("TimeoutStopSec")) > Settings().server.shutdown_grace


def executed() -> list[str]:
    """What ExecStart= says, by this interpreter."""
    return [sys.executable, "-m", "mirror", *only("ExecStart").split()[1:]]


def of_the_test(directory: Path) -> dict[str, str]:
    """The unit's environment, with a cache in a directory of the test and ports of the kernel's choice."""
    return environment(UNIT) | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MIRROR_STORAGE__ROOT": str(directory / "cache"),
        "MIRROR_SERVER__LISTEN": "127.0.0.1:0",
        "MIRROR_ADMIN__LISTEN": "127.0.0.1:0",
    }


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


def test_the_process_says_that_it_is_ready_that_it_lives_and_that_it_stops(
    manager: ServiceManager, tmp_path: Path
) -> None:
    mirror = manager.run(executed(), of_the_test(tmp_path), watchdog=0.2)
    try:
        manager.wait_for("READY=1", mirror)
        manager.wait_for("WATCHDOG=1", mirror)
    finally:
        ended = mirror.stop()
    assert ended == 0, mirror.tail()
    assert "STOPPING=1" in manager.rest()


def test_a_wrong_configuration_ends_in_the_exit_code_that_is_not_tried_again(
    manager: ServiceManager, tmp_path: Path
) -> None:
    mirror = manager.run(executed(), of_the_test(tmp_path) | {"MIRROR_STORAGE__MIN_FREE": "a lot"})
    try:
        assert mirror.process.wait(60) == int(only("RestartPreventExitStatus")), mirror.tail()
    finally:
        mirror.stop()
