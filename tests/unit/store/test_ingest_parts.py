"""A blob that is not yet whole, on a disk that gives back little at a time, or refuses; and what its bytes go into."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from tests.support.caches import blob, data_of_the_ingest, descriptors, layout_at, path_of, published, under_way
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1, 5000)


class Sparing(Filesystem):
    """A disk that reads no more than a hundred bytes at a time, or nothing."""

    failing = False

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(descriptor, min(size, 100), offset)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path, Sparing()) as opened:
        before = descriptors(tmp_path)
        yield opened
        assert descriptors(tmp_path) == before


def _left(layout: Layout, data: bytes) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.append(data)
    ingest.leave()


def test_what_was_left_is_taken_up_in_turns(layout: Layout) -> None:
    _left(layout, DATA[:3000])
    again = Ingest(layout, DIGEST, durable=False)
    turns = 0
    while again.is_behind:
        again.take_up()
        turns += 1
    assert (turns, again.offset) == (2, 3000)
    again.append(DATA[3000:])
    assert again.commit() is not None


@pytest.mark.parametrize("length", [0, 1])
def test_only_who_finds_bytes_has_something_to_take_up(layout: Layout, tmp_path: Path, length: int) -> None:
    _left(layout, DATA[:1])
    os.truncate(data_of_the_ingest(tmp_path), length)
    again = Ingest(layout, DIGEST, durable=False)
    assert again.is_behind is bool(length)
    again.abort()


def test_a_disk_that_gives_nothing_back_is_an_error_and_what_was_left_stays(tmp_path: Path) -> None:
    disk = Sparing()
    with layout_at(tmp_path, disk) as layout:
        _left(layout, DATA[:3000])
        again = Ingest(layout, DIGEST, durable=False)
        disk.failing = True
        with pytest.raises(StoreFailed, match="cannot be stored: Input/output error"):
            again.take_up()
        again.leave()
        assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:3000]


def test_an_ingest_that_cannot_begin_closes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        before = os.listdir("/proc/self/fd")
        for call in range(2):  # the directory cannot be made, and the file in it
            disk.arm(call, Fault(errno.EDQUOT))
            with pytest.raises(StoreFailed, match="cannot be stored: Disk quota exceeded"):
                Ingest(layout, DIGEST, durable=False)
            assert disk.fired
        assert os.listdir("/proc/self/fd") == before


def test_a_write_that_fails_on_a_disk_that_cuts_nothing_off_either_is_the_same_error(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.append(DATA[:1000])
        disk.arm(0, Fault(errno.EROFS, lasting=True))
        with pytest.raises(StoreFailed, match="cannot be stored: Read-only file system"):
            ingest.append(DATA[1000:])
        assert disk.calls == ["write", "truncate"]
        with pytest.raises(StoreFailed, match="cannot be stored: Read-only file system"):
            ingest.restart()
        disk.disarm()
        ingest.append(DATA[1000:])
        assert ingest.commit() is not None


def test_a_name_that_cannot_be_given_is_an_error_that_says_why(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.append(DATA)
        disk.arm(0, Fault(errno.EROFS))
        with pytest.raises(StoreFailed, match="cannot be stored: Read-only file system"):
            ingest.commit()
        assert disk.calls[0] == "publish"
    assert published(tmp_path) == under_way(tmp_path) == []


def test_a_name_that_cannot_be_made_to_last_and_does_not_go_either_is_the_same_error(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = Ingest(layout, DIGEST, durable=True)
        ingest.append(DATA)
        disk.arm(2, Fault(errno.EROFS, lasting=True))
        with pytest.raises(StoreFailed, match="cannot be stored: Read-only file system"):
            ingest.commit()
        assert disk.calls[:4] == ["sync", "publish", "sync", "remove"]


class Overtaken(Filesystem):
    """A disk on which another process puts its own file under the name, before that is made to last; which fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._syncs = 0

    def sync(self, descriptor: int) -> None:
        self._syncs += 1
        if self._syncs == 2:
            aside = self._path.with_name("aside")
            aside.write_bytes(DATA)
            aside.replace(self._path)
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_name_that_is_anothers_by_now_stays_though_ours_could_not_be_made_to_last(tmp_path: Path) -> None:
    disk = Overtaken(path_of(tmp_path, DIGEST))
    with layout_at(tmp_path) as layout:
        layout.filesystem = disk
        ingest = Ingest(layout, DIGEST, durable=True)
        ingest.append(DATA)
        with pytest.raises(StoreFailed, match="cannot be stored: Input/output error"):
            ingest.commit()
    assert published(tmp_path) == [str(DIGEST)]


def _writes(disk: FaultyDisk) -> list[str]:
    """The files that were written to since the trace began, in their order."""
    return [call[1] for call in disk.trace if call[0] == "write"]


def test_no_size_is_noted_of_what_comes_whole(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        for pieces, written in (([DATA], ["data"]), ([DATA[:-1], DATA[-1:]], ["total", "data", "data"])):
            ingest = Ingest(layout, DIGEST, durable=False)
            ingest.expect(len(DATA))
            disk.disarm()  # begins a new trace
            for piece in pieces:
                ingest.append(piece)
            assert _writes(disk) == written
            ingest.abort()


def test_a_size_that_was_not_noted_yet_is_when_the_part_is_left(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.append(DATA[:1])
        ingest.expect(len(DATA))
        disk.disarm()
        ingest.leave()
        assert _writes(disk) == ["total"]
        again = Ingest(layout, DIGEST, durable=False)
        again.take_up()
        assert (again.offset, again.total) == (1, len(DATA))
        again.restart()
        again.append(DATA[:1])
        again.leave()
        last = Ingest(layout, DIGEST, durable=False)
        last.take_up()
        assert (last.offset, last.total) == (1, None)  # a size that was forgotten does not come back
        last.abort()


def test_a_size_is_noted_once_and_before_the_bytes(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.append(DATA[:1])
        ingest.expect(len(DATA))
        disk.disarm()  # begins a new trace
        for start in (1, 2, 3):
            ingest.append(DATA[start : start + 1])
        writes = [call for call in disk.trace if call[0] == "write"]
        assert writes == [("write", "total"), *[("write", "data")] * 3]
        ingest.abort()


def test_a_file_that_has_taken_the_name_is_not_published(layout: Layout, tmp_path: Path) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.append(DATA)
    data_of_the_ingest(tmp_path).rename(tmp_path / "aside")
    (data,) = [path / "data" for path in (tmp_path / "ingest").iterdir()]
    data.write_bytes(bytes(len(DATA)))
    with pytest.raises(StoreFailed, match="was changed by somebody else while it was stored"):
        ingest.commit()
    assert published(tmp_path) == []


# where bytes go that do not go here


def test_the_rest_can_go_elsewhere_and_is_verified_with_what_came_before(layout: Layout, tmp_path: Path) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.expect(len(DATA))
    ingest.append(DATA[:3000])
    spool = ingest.spool()
    ingest.abort()
    assert (spool.offset, spool.total) == (3000, len(DATA))
    spool.append(DATA[3000:])
    spool.verify()
    spool.close()
    assert under_way(tmp_path) == []


def test_bytes_before_their_turn_are_kept_until_it_starts_over(layout: Layout, tmp_path: Path) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.append(DATA[:1000])
    runs = ingest.runs()
    runs.begin(3000).append(DATA[3000:])
    ingest.leave()
    runs.close()
    again = Ingest(layout, DIGEST, durable=False)
    runs = again.runs()
    assert [(run.start, run.size) for run in runs.found(1000, len(DATA))] == [(3000, 2000)]
    runs.close()
    again.restart()
    assert [path.name for path in data_of_the_ingest(tmp_path).parent.iterdir()] == ["data"]
    again.abort()
