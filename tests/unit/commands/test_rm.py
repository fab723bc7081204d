"""`mirror rm`: tells what goes, asks, and does it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mirror.commands.rm import lines_of
from tests.support.commands import Commands
from tests.support.larder import BASE, OTHER, TOP, Larder, filled


async def two(larder: Larder) -> None:
    await larder.image("team/app", "v1", [BASE, TOP])
    image = await larder.image("owner/app", "v1", [BASE], upstream=OTHER)
    larder.tag("owner/app", "latest", image.digest, OTHER)


def names(commands: Commands) -> list[str]:
    return commands.run("ls", "-q", "--sort", "name").stdout.splitlines()


def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    result = commands.run("rm", "--dry-run", "team/app", "ghcr.io/owner/app:v1")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("would be removed  docker.io/team/app:v1  sha256:")
    assert lines[1].startswith("docker.io/team/app: 1 image, ")
    assert lines[2:] == [
        "would be untagged  ghcr.io/owner/app:v1",
        "ghcr.io/owner/app:v1: its image has other tags, and stays",
    ]
    assert len(names(commands)) == 2


def test_all_tags_that_go_with_an_image_are_told() -> None:
    def told(*tags: str) -> str:
        image = {"image": f"docker.io/a:{tags[0]}", "tags": tags, "digest": "sha256:00", "size": 0}
        first, _ = lines_of(
            {"named": "docker.io/a", "dry_run": False, "images": [image], "untagged": [], "kept": [], "size": 0}
        )
        return first.split()[1]

    assert told("v1", "v2", "v3") == "docker.io/a:v1,v2,v3"
    assert told("v1", "v2", "v3", "v4", "v5") == "docker.io/a:v1,v2,v3,+2"


def test_where_nobody_can_be_asked_it_has_to_be_said(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    for arguments in (("rm", "team/app"), ("rm", "--json", "team/app")):
        result = commands.run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--yes" in result.stderr
    assert len(names(commands)) == 2


@pytest.mark.parametrize(
    ("answer", "exit_code", "end"), [(b"n\n", 1, "nothing was removed"), (b"\x04", 130, "Remove this? [y/N]:")]
)
def test_who_is_asked_may_say_no_or_break_off(tmp_path: Path, answer: bytes, exit_code: int, end: str) -> None:
    """Ctrl-D does as Ctrl-C does, and is not lost when it comes before it is waited for."""
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mirror", "rm", "team/app"],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **commands.environment},
    )
    os.close(slave)
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"[y/N]: "):
        said += process.stdout.read(1)
    os.write(terminal, answer)
    said += process.communicate(timeout=30)[0]
    os.close(terminal)
    assert (process.returncode, said.decode().splitlines()[-1].rstrip().endswith(end)) == (exit_code, True)
    assert len(names(commands)) == 2


def test_what_is_named_is_removed(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    result = commands.run("rm", "--yes", "team/app:v1")
    assert result.exit_code == 0
    assert result.stdout.startswith("removed  docker.io/team/app:v1")
    assert names(commands) == ["ghcr.io/owner/app:latest"]
    (removal,) = json.loads(commands.run("rm", "-y", "--json", "ghcr.io").stdout)["removals"]
    assert (removal["dry_run"], removal["named"], len(removal["images"])) == (False, "ghcr.io", 1)
    assert names(commands) == []


def test_one_name_that_means_nothing_keeps_all_from_being_removed(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    result = commands.run("rm", "--yes", "team/app", "team/none")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(names(commands)) == 2


def test_what_is_kept_is_told_too() -> None:
    kept = [{"image": "docker.io/a:v1", "tags": ["v1"], "digest": "sha256:00"}]
    removal = {"named": "docker.io", "dry_run": False, "images": [], "untagged": [], "kept": kept, "size": 0}
    assert list(lines_of(removal)) == ["kept  docker.io/a:v1  pinned", "docker.io: 0 images, 0 B"]
