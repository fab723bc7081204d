"""`mirror rm`: tells what goes, asks, and does it."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_where_nobody_can_be_asked_it_has_to_be_said(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    for arguments in (("rm", "team/app"), ("rm", "--json", "team/app")):
        result = commands.run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--yes" in result.stderr
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
    kept = [{"image": "docker.io/a:v1", "digest": "sha256:00"}]
    removal = {"named": "docker.io", "dry_run": False, "images": [], "untagged": [], "kept": kept, "size": 0}
    assert list(lines_of(removal)) == ["kept  docker.io/a:v1  pinned", "docker.io: 0 images, 0 B"]
