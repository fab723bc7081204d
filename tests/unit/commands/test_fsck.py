"""`mirror fsck` says in words what it finds, mends only when it is told to, and keeps off a mirror that runs."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mirror.cli import main
from tests.support.caches import blob, flip, layout_at, path_of, published, store_at

DIGEST, DATA = blob(1)
OTHER, OTHER_DATA = blob(2)
CORRUPT = f"blobs/sha256/{DIGEST.encoded}: its 100 bytes are not what its name says"


async def _filled(root: Path) -> None:
    async with store_at(root) as store:
        await store.put(DIGEST, DATA)
        await store.put(OTHER, OTHER_DATA)


def _fsck(root: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["fsck", *options], env={"MIRROR_STORAGE__ROOT": str(root)})


async def test_a_sound_cache_is_said_to_be_sound(tmp_path: Path) -> None:
    await _filled(tmp_path)
    result = _fsck(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "2 blobs with 200 B were read: the cache is sound\n")


async def test_a_problem_is_told_and_left_until_it_is_to_be_mended(tmp_path: Path) -> None:
    await _filled(tmp_path)
    flip(path_of(tmp_path, DIGEST))
    for _ in range(2):
        result = _fsck(tmp_path)
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            f"problem: {CORRUPT}",
            "2 blobs with 200 B were read: 1 problem left",
        ]
    result = _fsck(tmp_path, "--repair")
    assert result.exit_code == 0
    assert f"problem: {CORRUPT} (mended)\n" in result.stdout
    assert published(tmp_path) == [str(OTHER)]
    assert _fsck(tmp_path).exit_code == 0


async def test_the_same_for_programs(tmp_path: Path) -> None:
    await _filled(tmp_path)
    flip(path_of(tmp_path, DIGEST))
    (tmp_path / "running").write_text("safe\n")
    result = _fsck(tmp_path, "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["root"], document["blobs"], document["bytes"], document["left"]) == (str(tmp_path), 2, 200, 1)
    assert [(one["kind"], one["severity"], one["mended"]) for one in document["findings"]] == [
        ("run", "note", False),
        ("corrupt", "problem", False),
    ]


async def test_what_cannot_be_mended_is_left(tmp_path: Path) -> None:
    await _filled(tmp_path)
    (tmp_path / "catalog" / "cache.db").write_bytes(b"garbage" * 1000)
    (tmp_path / "catalog.broken").symlink_to(tmp_path)  # in the way of what is to be set aside
    result = _fsck(tmp_path, "--repair")
    assert result.exit_code == 1
    assert "catalog/cache.db cannot be mended" in result.stderr
    assert "1 problem left" in result.stdout


async def test_a_mirror_that_runs_is_left_alone(tmp_path: Path) -> None:
    await _filled(tmp_path)
    with layout_at(tmp_path):
        result = _fsck(tmp_path, "--repair")
    assert result.exit_code == 2
    assert f"in use by another mirror (process {os.getpid()})" in result.stderr
    assert "storage.scrub" in result.stderr


def test_what_is_no_cache_is_not_made_one(tmp_path: Path) -> None:
    result = _fsck(tmp_path)
    assert result.exit_code == 2
    assert "is not a cache of this program" in result.stderr
    assert list(tmp_path.iterdir()) == []
    result = _fsck(tmp_path / "nothing")
    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr


async def test_a_layout_of_another_version_is_not_touched(tmp_path: Path) -> None:
    await _filled(tmp_path)
    (tmp_path / "version").write_text("99\n")
    result = _fsck(tmp_path)
    assert result.exit_code == 1
    assert "a layout that this version cannot read" in result.stderr


async def test_only_the_owner_of_the_cache_may_check_it(tmp_path: Path) -> None:
    """What another user makes there, the mirror could not use."""
    await _filled(tmp_path)
    if os.geteuid() == 0:
        os.chown(tmp_path, pwd.getpwnam("nobody").pw_uid, -1)
        result = _fsck(tmp_path)
    else:
        result = _fsck(Path("/"))
    assert result.exit_code == 2


@pytest.mark.parametrize("options", [["--repair", "--please"], ["more"]])
def test_a_command_line_that_is_wrong_ends_with_two(tmp_path: Path, options: list[str]) -> None:
    assert _fsck(tmp_path, *options).exit_code == 2


def _replaced(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILS: list[Callable[[Path], object]] = [
    flip,
    lambda path: path.chmod(0o644),
    lambda path: path.rename(path.with_name("stray")),
    _replaced,
]


@pytest.mark.parametrize("spoil", SPOILS)
async def test_after_a_repair_a_mirror_starts_and_gets_everything_again(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    await _filled(tmp_path)
    spoil(path_of(tmp_path, DIGEST))
    assert _fsck(tmp_path).exit_code == 1
    assert _fsck(tmp_path, "--repair").exit_code == 0
    assert _fsck(tmp_path).exit_code == 0
    await _filled(tmp_path)
    assert set(published(tmp_path)) == {str(DIGEST), str(OTHER)}
