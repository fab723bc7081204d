"""A place for databases while the disk takes nothing."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.filesystem import Filesystem
from mirror.store.index import Index, Member
from mirror.store.refuge import Refuge
from tests.support.caches import layout_at

MEMBER = Member("u", "a/b", "sha256:" + "0" * 64)
LONG_AGO = 1_000_000_000


@pytest.fixture
def refuge(tmp_path: Path) -> Iterator[Refuge]:
    (tmp_path / "memory").mkdir()
    made = Refuge([tmp_path / "memory"])
    yield made
    made.close()


def noted(root: Path) -> None:
    with layout_at(root) as layout:
        index = Index(layout.index)
        with index:
            index.put_members([MEMBER])
        index.close()


def test_what_the_databases_know_is_known_in_it(tmp_path: Path, refuge: Refuge) -> None:
    noted(tmp_path / "cache")
    assert refuge.take_in(tmp_path / "cache")
    index = Index(refuge.index)
    assert [*index.members()] == [MEMBER]
    index.close()


def test_databases_that_are_not_there_are_all_of_what_is(tmp_path: Path, refuge: Refuge) -> None:
    with layout_at(tmp_path / "cache"):
        assert refuge.take_in(tmp_path / "cache")
    assert [*refuge.index.iterdir()] == []


def test_one_that_cannot_be_read_is_told(tmp_path: Path, refuge: Refuge) -> None:
    noted(tmp_path / "cache")
    (tmp_path / "cache" / "index" / "index.db").write_bytes(b"no database" * 1000)
    assert not refuge.take_in(tmp_path / "cache")


def test_in_a_void_there_is_nothing_and_nothing_can_be_made(refuge: Refuge) -> None:
    void = refuge.void()
    try:
        for attempt in (
            lambda: Filesystem().make_directory("room", void),
            lambda: Filesystem().open_to_write("file", void),
            lambda: Filesystem().open_to_read("file", void),
        ):
            with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is what counts
                attempt()
            assert refused.value.errno == errno.ENOENT
    finally:
        os.close(void)


def test_it_is_for_its_owner_alone_and_goes_with_its_process(tmp_path: Path, refuge: Refuge) -> None:
    (path,) = (tmp_path / "memory").iterdir()
    assert path.stat().st_mode & 0o777 == 0o700
    refuge.close()
    refuge.close()
    assert [*(tmp_path / "memory").iterdir()] == []


def test_what_a_killed_process_has_left_is_cleared_away_and_what_is_in_use_is_not(
    tmp_path: Path, refuge: Refuge
) -> None:
    left = tmp_path / "memory" / "mirror-refuge-left"
    (left / "index").mkdir(parents=True)
    fresh = tmp_path / "memory" / "mirror-refuge-fresh"  # somebody is about to hold it
    fresh.mkdir()
    for path in (left, refuge.path):
        os.utime(path, (LONG_AGO, LONG_AGO))
    other = Refuge([tmp_path / "memory"])
    assert {*(tmp_path / "memory").iterdir()} == {refuge.path, fresh, other.path}
    other.close()


@pytest.mark.parametrize("year", [1, -1])
def test_what_is_in_use_is_not_cleared_away_whatever_the_clock_says(tmp_path: Path, year: int) -> None:
    one = Refuge([tmp_path])
    jumped = time.time() + year * 365 * 86400.0
    os.utime(one.path, (jumped, jumped))
    other = Refuge([tmp_path])
    assert {*tmp_path.iterdir()} == {one.path, other.path}
    one.close()
    other.close()


def test_memory_takes_it_where_the_system_has_no_place_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    refuge = Refuge()
    assert refuge.path.is_dir()
    refuge.close()
    with pytest.raises(FileNotFoundError, match="No usable"):
        Refuge([tmp_path / "missing", None])


def test_a_place_that_does_not_take_it_is_passed_by(tmp_path: Path) -> None:
    refuge = Refuge([tmp_path / "missing", tmp_path])
    assert refuge.path.parent == tmp_path
    refuge.close()
    with pytest.raises(OSError, match="missing"):
        Refuge([tmp_path / "missing"])
