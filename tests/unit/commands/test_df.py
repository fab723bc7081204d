"""`mirror df`: who takes how much room."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import Commands
from tests.support.larder import BASE, OTHER, TOP, Larder, filled


async def one(larder: Larder) -> None:
    await larder.image("team/app", "v1", [BASE])


async def three(larder: Larder) -> None:
    await larder.image("team/app", "v1", [BASE, TOP])
    await larder.image("team/small", "v1", [TOP])
    await larder.image("owner/app", "v1", [BASE], upstream=OTHER)


def rows(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line]


def test_registries_are_told_with_the_whole(tmp_path: Path) -> None:
    filled(tmp_path / "cache", three)
    commands = Commands(tmp_path)
    result = commands.run("df", environment={"MIRROR_STORAGE__MAX_SIZE": "1GiB", "MIRROR_STORAGE__MIN_FREE": "1KiB"})
    assert result.exit_code == 0
    assert rows(result.stdout) == ["UPSTREAM", "docker.io", "ghcr.io", "cached", "limit", "disk"]
    assert "of 3 images" in result.stdout
    assert "limit   1.0 GiB (0 % used)" in result.stdout
    assert "of which 1.0 KiB are to stay so" in result.stdout
    below = rows(commands.run("df", "--repositories").stdout)
    assert below[1:5] == ["docker.io", "team/app", "team/small", "ghcr.io"]  # the largest first
    document = json.loads(commands.run("df", "--json").stdout)
    assert [one["upstream"] for one in document["upstreams"]] == ["docker.io", "ghcr.io"]


def test_one_registry_is_told_by_its_repositories(tmp_path: Path) -> None:
    filled(tmp_path / "cache", three)
    commands = Commands(tmp_path)
    assert rows(commands.run("df", "Docker.io").stdout) == ["REPOSITORY", "team/app", "team/small"]
    refused = commands.run("df", "quay.io")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "mirror df" in refused.stderr


def test_what_there_is_one_of_is_not_told_as_many(tmp_path: Path) -> None:
    filled(tmp_path / "cache", one)
    assert "of 1 image\n" in Commands(tmp_path).run("df").stdout


def test_of_an_empty_cache_the_bounds_are_told(tmp_path: Path) -> None:
    async def nothing(_: Larder) -> None:
        return None

    filled(tmp_path / "cache", nothing)
    assert rows(Commands(tmp_path).run("df").stdout) == ["cached", "limit", "disk"]
