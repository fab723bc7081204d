"""`mirror ls`: a table for people, names for other commands, and the answer for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mirror.commands.ls import lines_of, short, since
from tests.support.commands import Commands
from tests.support.larder import BASE, OTHER, OWN, TOP, Larder, filled

NOW = 1_000_000.0


def image(**said: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "upstream": "docker.io",
        "repository": "library/ubuntu",
        "tags": ["22.04"],
        "digest": f"sha256:{'ab' * 32}",
    }
    told |= {"last_pull": "1970-01-12T13:44:40+00:00", "size": 1536, "completeness": "full", "pinned": False}
    told |= {"uncounted": False}
    return told | said


async def two(larder: Larder) -> None:
    await larder.image("library/ubuntu", "22.04", [BASE, TOP])
    await larder.image("owner/app", None, [OWN], missing=[OWN], upstream=OTHER)


def test_an_image_is_a_line() -> None:
    tags = ["1", "2", "3", "4", "5"]
    lines = list(
        lines_of([image(), image(repository="a", tags=tags, pinned=True), image(tags=[], last_pull=None)], NOW)
    )
    assert lines == [
        "REPOSITORY                TAGS      DIGEST               PULLED        SIZE  STATE",
        "docker.io/library/ubuntu  22.04     sha256:abababababab  2 min ago  1.5 KiB  full",
        "docker.io/a               1,2,3,+2  sha256:abababababab  2 min ago  1.5 KiB  full, pinned",
        "docker.io/library/ubuntu  -         sha256:abababababab  -          1.5 KiB  full",
    ]
    assert list(lines_of([], NOW)) == []


def test_an_image_that_was_not_looked_through_to_its_end_says_so() -> None:
    assert list(lines_of([image(uncounted=True, completeness="partial", pinned=True)], NOW)) == [
        "REPOSITORY                TAGS   DIGEST               PULLED                 SIZE  STATE",
        "docker.io/library/ubuntu  22.04  sha256:abababababab  2 min ago  at least 1.5 KiB"
        "  partial as far as it was looked through, pinned",
    ]


def test_a_time_to_come_is_now() -> None:
    assert since("1970-01-13T13:46:40+00:00", NOW) == "0 s ago"
    assert short("sha256:0123456789abcdef") == "sha256:0123456789ab"


def test_what_is_cached_is_listed_in_every_form(tmp_path: Path) -> None:
    filled(tmp_path / "cache", two)
    commands = Commands(tmp_path)
    result = commands.run("ls", "--sort", "name")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "REPOSITORY",
        "docker.io/library/ubuntu",
        "ghcr.io/owner/app",
    ]
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:]] == ["full", "partial"]
    names = commands.run("ls", "-q", "--upstream", "docker.io").stdout.splitlines()
    assert names == ["docker.io/library/ubuntu:22.04"]
    document = json.loads(commands.run("ls", "--json", "owner/*", "--pinned").stdout)
    assert document == {"images": [], "total": 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no image is cached"),
        (("debian",), "no such image is cached"),
        (("--upstream", "quay.io"), "no such image is cached"),
    ],
)
def test_where_there_is_nothing_that_is_said_beside_the_list(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    async def nothing(_: Larder) -> None:
        return None

    filled(tmp_path / "cache", nothing)
    result = Commands(tmp_path).run("ls", *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines()[-1] == words
