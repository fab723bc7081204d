"""`mirror doctor`: what it looks at, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mirror.cli import main
from mirror.commands.doctor import lines_of
from mirror.doctor.findings import Finding, Level
from mirror.store.freeze import Freeze, FreezeNote
from tests.support.caches import layout_at
from tests.support.mirror_thread import MirrorThread


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MIRROR_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def run(tmp_path: Path, upstreams: dict[str, Any], *arguments: str) -> Result:
    values = {
        "server": {"listen": "127.0.0.1:0"},
        "admin": {"listen": "127.0.0.1:0"},
        "storage": {"root": str(tmp_path / "cache"), "min_free": 0},
        "builtin_upstreams": False,
        "upstreams": upstreams,
    }
    file = tmp_path / "mirror.yml"
    file.write_text(yaml.safe_dump(values))
    return CliRunner().invoke(main, ["doctor", "--config", str(file), *arguments], prog_name="mirror")


def test_upstreams_and_machine_that_are_well_end_with_0(tmp_path: Path) -> None:
    with MirrorThread(tmp_path / "other") as served:
        hub = {"endpoints": served.registry.url, "username": "alice", "password": "canary"}
        result = run(tmp_path, {"docker.io": hub, "*.pkg.dev": {}})
        assert (result.exit_code, result.stderr) == (0, "")
        assert "asks nobody for a login" in result.stdout
        assert "mirror doctor some.pkg.dev" in result.stdout
        assert "disk" in result.stdout
        assert "open files" in result.stdout
        assert "canary" not in result.output
        assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("names", [(), ("docker.io",)])
def test_that_contact_is_frozen_is_something_to_look_after(tmp_path: Path, names: tuple[str, ...]) -> None:
    with MirrorThread(tmp_path / "other") as served:
        upstreams = {"docker.io": {"endpoints": served.registry.url}}
        with layout_at(tmp_path / "cache") as layout:
            FreezeNote(layout).write(Freeze(1_800_000_000.0, "noon"))
        first, advice, *_, last = run(tmp_path, upstreams, *names).stdout.splitlines()
        assert first.startswith("warn  ")
        assert "contact is frozen since 2027-01-15T08:00:00+00:00: noon" in first
        assert "mirror thaw" in advice
        assert last.endswith("1 to look after")
        with layout_at(tmp_path / "cache") as layout:
            FreezeNote(layout).remove()
        assert run(tmp_path, upstreams, *names).stdout.splitlines()[-1] == "all is well"


def test_what_keeps_pulls_from_working_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = run(tmp_path, {"docker.io": {"endpoints": f"http://127.0.0.1:{closed.getsockname()[1]}"}})
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (bad,) = [number for number, line in enumerate(lines) if line.startswith("bad ")]
    assert "cannot be reached" in lines[bad]
    assert lines[bad + 1].lstrip().startswith("→ ")
    assert lines[-1].startswith("1 that keeps pulls from working")


def test_an_upstream_that_is_named_is_looked_at_alone(tmp_path: Path) -> None:
    with MirrorThread(tmp_path / "other") as served:
        upstreams = {"docker.io": {"endpoints": served.registry.url}, "b.invalid": {}}
        result = run(tmp_path, upstreams, "--json", "Index.Docker.IO")
    document = json.loads(result.stdout)
    assert document["ok"] is True
    assert {finding["subject"] for finding in document["findings"]} == {"docker.io"}
    assert {finding["level"] for finding in document["findings"]} <= {"ok", "skip"}


def test_a_host_of_a_pattern_can_be_named(tmp_path: Path) -> None:
    result = run(tmp_path, {"docker.io": {}, "*.pkg.invalid": {}}, "eu.pkg.invalid")
    assert result.exit_code == 1
    assert "eu.pkg.invalid has no address" in result.stdout


def test_an_upstream_that_is_not_served_is_an_error(tmp_path: Path) -> None:
    result = run(tmp_path, {"docker.io": {}}, "quay.io")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "neither configured nor built in" in result.stderr


def test_the_lines_stand_in_columns_and_end_with_what_it_comes_to() -> None:
    findings = [
        Finding(Level.OK, "docker.io", "DNS", "found"),
        Finding(Level.WARNING, "a.io", "TLS", "soon", "renew it"),
    ]
    assert list(lines_of(findings)) == [
        "ok    docker.io  DNS          found",
        "warn  a.io       TLS          soon",
        "                              → renew it",
        "0 that keep pulls from working, 1 to look after",
    ]
    assert list(lines_of(findings[:1]))[-1] == "all is well"


def test_an_image_can_be_pulled_to_see_where_its_blobs_are_sent_from(tmp_path: Path) -> None:
    with MirrorThread(tmp_path / "other") as served:
        served.call(lambda: served.registry.push_image("library/ubuntu", "latest", [b"layer" * 100]))
        result = run(tmp_path, {"docker.io": {"endpoints": served.registry.url}, "b.invalid": {}}, "--pull", "ubuntu")
        assert result.exit_code == 0
        assert "blobs are sent from" in result.stdout
        assert "b.invalid" not in result.stdout
        for name in ("UPPER", "quay.io/a/b"):
            assert run(tmp_path, {"docker.io": {}}, "--pull", name).exit_code == 1


def test_what_is_logged_meanwhile_is_not_in_the_output_for_programs(tmp_path: Path) -> None:
    with MirrorThread(tmp_path / "other") as served:
        served.call(lambda: served.registry.require_basic("alice", "canary"))
        login = {"username": "alice", "password_file": str(tmp_path / "none")}
        result = run(tmp_path, {"docker.io": {"endpoints": served.registry.url, "insecure": True, **login}}, "--json")
    assert result.exit_code == 1
    (told,) = [finding for finding in json.loads(result.stdout)["findings"] if finding["what"] == "login"]
    assert "password_file" in told["words"]
