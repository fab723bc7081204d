"""`mirror show`: one image in lines, or as it was answered."""

from __future__ import annotations

import json
from pathlib import Path

from mirror.commands.show import lines_of
from mirror.oci.digest import Digest
from tests.support import content
from tests.support.commands import Commands
from tests.support.larder import BASE, OWN, TOP, Larder, filled


async def index(larder: Larder) -> Digest:
    await larder.image("team/other", "v1", [BASE])
    await larder.store.images.pin("docker.io/team/app")
    return await larder.index("team/app", "v1", [[BASE, TOP], [OWN]], held=1)


def test_an_image_is_shown_with_its_platforms_and_layers(tmp_path: Path) -> None:
    digest = filled(tmp_path / "cache", index)
    result = Commands(tmp_path).run("show", "team/app:v1")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    config = len(content.config([BASE, TOP]))
    assert lines[:3] == ["image   docker.io/team/app", "tags    v1", f"digest  {digest}"]
    assert lines[3] == f"type    index, {content.OCI_INDEX}"
    assert lines[5] == "cached  full"
    assert lines[6].endswith("of it shared")
    assert lines[7:9] == ["pinned  by docker.io/team/app", ""]
    words = [line.split() for line in lines[9:]]
    assert [line[0] for line in words] == ["linux/amd64", "config", "layer", "layer", "linux/arm64"]
    assert [line[-1] for line in words[2:]] == ["shared", "B", "absent"]
    assert words[1][-2:] == [str(config), "B"]


def test_one_platform_can_be_chosen(tmp_path: Path) -> None:
    filled(tmp_path / "cache", index)
    (platform,) = json.loads(
        Commands(tmp_path).run("show", "--json", "--platform", "linux/arm64", "team/app:v1").stdout
    )["platforms"]
    assert (platform["platform"], platform["completeness"]) == ("linux/arm64", "absent")


def test_a_platform_that_the_image_is_not_made_for_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    filled(tmp_path / "cache", index)
    result = Commands(tmp_path).run("show", "--platform", "linux/s390x", "team/app:v1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "it is for linux/amd64, linux/arm64\n" in result.stderr


def test_what_lacks_is_said_to_be_missing(tmp_path: Path) -> None:
    filled(tmp_path / "cache", lambda larder: larder.image("team/app", "v1", [BASE, TOP], missing=[TOP]))
    lines = Commands(tmp_path).run("show", "team/app:v1").stdout.splitlines()
    assert "cached  partial" in lines
    assert lines[-1].endswith("missing")
    assert " of " in next(line for line in lines if line.startswith("linux/amd64"))


def test_what_is_not_cached_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    filled(tmp_path / "cache", index)
    result = Commands(tmp_path).run("show", "debian")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "mirror ls" in result.stderr


def test_what_is_too_much_to_be_written_out_is_counted() -> None:
    blob = {"role": "layer", "digest": "sha256:1", "size": 1, "held": True, "shared": False}
    platform = {
        "platform": "linux/amd64", "digest": "sha256:2", "completeness": "full", "size": 1, "held": 1,
        "blobs": [blob], "blobs_untold": 7,
    }  # fmt: skip
    document = {
        "upstream": "docker.io", "repository": "team/app", "tags": [f"v{number}" for number in range(25)],
        "tags_untold": 1000, "digest": "sha256:3", "kind": "index", "media_type": "x", "last_pull": None,
        "completeness": "full", "shared": 0, "size": 1, "pinned": False, "also_in": ["a", "b"], "also_in_untold": 5,
        "platforms": [platform], "platforms_untold": 9, "uncounted": True,
    }  # fmt: skip
    lines = list(lines_of(document, 0.0))
    assert lines[1].endswith("v18, v19 and 1005 more")
    assert "also in  a, b and 5 more" in lines
    assert lines[-3:-1] == ["  and 7 more blobs", "and 9 more platforms"]
    assert "looked through" in lines[-1]
