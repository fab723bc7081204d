"""Bytes before their turn: what they are kept in, what is found again, what is not."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.filesystem import Filesystem
from mirror.store.runs import Runs, is_run
from tests.support.caches import descriptors
from tests.support.faulty_disk import Fault, FaultyDisk


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    before = descriptors(tmp_path)
    yield tmp_path
    assert descriptors(tmp_path) == before


def opened(place: Path, files: Filesystem | None = None) -> Runs:
    return Runs(files or Filesystem(), os.open(place, os.O_RDONLY | os.O_DIRECTORY))


def left(place: Path, runs: dict[int, bytes]) -> None:
    before = opened(place)
    for start, data in runs.items():
        before.begin(start).append(data)
    before.close()


def test_what_is_kept_can_be_read_by_its_position_in_the_blob(place: Path) -> None:
    runs = opened(place)
    run = runs.begin(1000)
    run.append(b"abc")
    run.append(b"defg")
    assert (run.start, run.size, run.end) == (1000, 7, 1007)
    assert (run.read(1002, 3), run.read(1005, 100)) == (b"cde", b"fg")
    runs.close()
    runs.close()


def test_the_files_are_for_their_owner_alone(place: Path) -> None:
    left(place, {8: b"x"})
    assert stat.S_IMODE((place / "ahead-8").stat().st_mode) == 0o600


def test_only_what_goes_on_from_the_blob_is_found_again(place: Path) -> None:
    left(place, {0: b"0123", 4: b"45", 6: b"67", 20: b"xy", 30: b"z", 40: b""})
    runs = opened(place)
    found = runs.found(5, 30)
    assert [(run.start, run.size) for run in found] == [(4, 2), (6, 2), (20, 2)]
    found[-1].append(b"!")
    assert found[-1].read(20, 9) == b"xy!"
    runs.close()
    assert sorted(path.name for path in place.iterdir()) == ["ahead-20", "ahead-4", "ahead-6"]


def test_without_a_size_nothing_is_believed(place: Path) -> None:
    left(place, {4: b"45"})
    runs = opened(place)
    assert runs.found(0, None) == []
    runs.close()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["ahead-", "ahead-01", "ahead--1", "ahead-x", "ahead-٣", "ahead-99999999999999999999"])
def test_a_name_that_is_none_of_ours_is_removed(place: Path, name: str) -> None:
    (place / name).write_bytes(b"abc")
    assert is_run(name)
    runs = opened(place)
    assert runs.found(0, 1 << 62) == []
    runs.close()
    assert list(place.iterdir()) == []


def test_a_link_is_not_followed(place: Path) -> None:
    (place / "secret").write_bytes(b"abc")
    (place / "ahead-4").symlink_to(place / "secret")
    runs = opened(place)
    with pytest.raises(StoreFailed):
        runs.begin(4)
    assert runs.found(0, 100) == []
    runs.close()
    assert [path.name for path in place.iterdir()] == ["secret"]


def test_data_and_total_are_none_of_them(place: Path) -> None:
    for name in ("data", "total"):
        (place / name).write_bytes(b"7")
    runs = opened(place)
    assert runs.found(0, 100) == []
    runs.close()
    assert sorted(path.name for path in place.iterdir()) == ["data", "total"]


def test_a_new_one_begins_empty(place: Path) -> None:
    left(place, {4: b"old"})
    runs = opened(place)
    assert runs.begin(4).size == 0
    runs.close()
    assert (place / "ahead-4").read_bytes() == b""


def test_what_is_removed_is_gone_once(place: Path) -> None:
    runs = opened(place)
    run = runs.begin(4)
    runs.remove(run)
    runs.remove(run)
    runs.close()
    assert list(place.iterdir()) == []


def test_a_piece_that_does_not_fit_leaves_what_was_there(place: Path) -> None:
    disk = FaultyDisk()
    runs = opened(place, disk)
    run = runs.begin(4)
    run.append(b"abcd")
    disk.arm(0, Fault(errno.ENOSPC))
    with pytest.raises(StoreFailed):
        run.append(b"efgh")
    assert disk.fired
    assert run.size == 4
    assert (place / "ahead-4").read_bytes() == b"abcd"
    runs.close()


def test_a_file_that_has_become_short_is_noticed(place: Path) -> None:
    runs = opened(place)
    run = runs.begin(4)
    run.append(b"abcd")
    os.truncate(place / "ahead-4", 2)
    with pytest.raises(StoreFailed):
        run.read(7, 1)
    runs.close()


def test_a_directory_that_is_gone_takes_nothing(place: Path) -> None:
    gone = place / "gone"
    gone.mkdir()
    runs = opened(gone)
    gone.rmdir()
    with pytest.raises(StoreFailed):
        runs.begin(0)
    runs.close()
