"""`mirror pin`: keeps, and tells what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirror.commands.pin import tell
from tests.support.commands import Commands
from tests.support.larder import BASE, filled


def test_what_is_pinned_is_told_and_listed(tmp_path: Path) -> None:
    filled(tmp_path / "cache", lambda larder: larder.image("library/ubuntu", "22.04", [BASE]))
    commands = Commands(tmp_path)
    assert commands.run("pin").stderr.splitlines()[-1] == "nothing is pinned"
    lines = commands.run("pin", "ubuntu:22.04", "ghcr.io/owner/*").stdout.splitlines()
    assert lines[0].startswith("pinned docker.io/library/ubuntu:22.04: 1 cached image, ")
    assert lines[1] == "pinned ghcr.io/owner/*: 0 cached images, 0 B"
    listed = [line.split()[:2] for line in commands.run("pin").stdout.splitlines()]
    assert listed == [["PIN", "IMAGES"], ["docker.io/library/ubuntu:22.04", "1"], ["ghcr.io/owner/*", "0"]]
    assert [pin["images"] for pin in json.loads(commands.run("pin", "--json").stdout)["pins"]] == [1, 0]


@pytest.mark.parametrize(("uncounted", "told"), [(False, "1.5 KiB"), (True, "at least 1.5 KiB")])
def test_a_size_that_is_not_known_to_its_end_says_so(
    capsys: pytest.CaptureFixture[str], uncounted: bool, told: str
) -> None:
    tell([{"pin": "a/b", "images": 1, "size": 1536, "uncounted": uncounted}], "pinned", as_json=False)
    assert capsys.readouterr().out == f"pinned a/b: 1 cached image, {told}\n"


def test_what_names_nothing_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path / "cache", lambda larder: larder.image("library/ubuntu", "22.04", [BASE]))
    result = Commands(tmp_path).run("pin", "UPPER")
    assert (result.exit_code, result.stdout) == (1, "")
