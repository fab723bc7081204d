"""What nobody will come back for goes; what somebody holds or may go on with stays."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.leftovers import clear_ingests
from tests.support.caches import blob, data_of_the_ingest, descriptors, layout_at, path_of, under_way
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1)
NAME = f"sha256-{DIGEST.encoded}"
DAY = 86400.0


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path) as opened:
        before = descriptors(tmp_path)
        yield opened
        assert descriptors(tmp_path) == before


def _left(layout: Layout, data: bytes = DATA[:10]) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.expect(len(DATA))
    ingest.append(data)
    ingest.leave()


# parts of blobs


@pytest.mark.parametrize(("age", "stays"), [(0.0, True), (6 * DAY, True), (8 * DAY, False)])
def test_a_part_of_a_blob_is_kept_for_a_week(layout: Layout, tmp_path: Path, age: float, stays: bool) -> None:
    _left(layout)
    clear_ingests(layout, time.time() + age)
    assert bool(under_way(tmp_path)) is stays


@pytest.mark.parametrize(("age", "stays"), [(0.0, True), (120.0, False)])
def test_an_empty_part_is_kept_for_the_moment(layout: Layout, tmp_path: Path, age: float, stays: bool) -> None:
    _left(layout)
    os.truncate(data_of_the_ingest(tmp_path), 0)
    clear_ingests(layout, time.time() + age)
    assert bool(under_way(tmp_path)) is stays


def test_a_part_of_a_blob_that_is_there_goes_and_the_blob_stays(layout: Layout, tmp_path: Path) -> None:
    _left(layout, DATA)
    os.link(data_of_the_ingest(tmp_path), path_of(tmp_path, DIGEST))  # a crash came before the clearing up
    clear_ingests(layout, time.time())
    assert under_way(tmp_path) != []  # it might be somebody who has just begun
    clear_ingests(layout, time.time() + 120)
    assert under_way(tmp_path) == []
    assert path_of(tmp_path, DIGEST).read_bytes() == DATA


def test_what_somebody_holds_stays_however_old_it_is(layout: Layout, tmp_path: Path) -> None:
    ingest = Ingest(layout, DIGEST, durable=False)
    ingest.append(DATA)
    path_of(tmp_path, DIGEST).write_bytes(DATA)
    clear_ingests(layout, time.time() + 365 * DAY)
    assert under_way(tmp_path) != []
    ingest.leave()
    clear_ingests(layout, time.time() + 120)
    assert under_way(tmp_path) == []


@pytest.mark.parametrize("names", [[], ["total"], ["total", "stray"]])
def test_a_part_without_bytes_goes(layout: Layout, tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "ingest" / NAME).mkdir()
    for name in names:
        (tmp_path / "ingest" / NAME / name).touch()
    clear_ingests(layout, time.time())
    assert under_way(tmp_path) != []  # somebody may be about to write the first
    clear_ingests(layout, time.time() + 120)
    assert under_way(tmp_path) == []


class Interposed(Filesystem):
    """A disk on which somebody begins an ingest just before a call."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.begun: list[Ingest] = []
        self.layout: Layout

    def names(self, directory: int) -> list[str]:
        self._begin("names", directory)
        return super().names(directory)

    def lock(self, descriptor: int) -> bool:
        self._begin("lock", -1)
        return super().lock(descriptor)

    def remove_directory(self, name: str, parent: int) -> None:
        self._begin("remove_directory", -1)
        super().remove_directory(name, parent)

    def _begin(self, call: str, directory: int) -> None:
        if call == self.call and directory != self.layout.ingest:
            self.call = ""
            self.begun.append(Ingest(self.layout, DIGEST, durable=False))
            self.begun[0].append(DATA)


@pytest.mark.parametrize("call", ["names", "remove_directory"])
def test_what_somebody_begins_while_it_is_cleared_away_stays(layout: Layout, tmp_path: Path, call: str) -> None:
    (tmp_path / "ingest" / NAME).mkdir()
    layout.filesystem = disk = Interposed(call)
    disk.layout = layout
    clear_ingests(layout, time.time() + 120)
    assert disk.begun[0].commit() is not None
    assert path_of(tmp_path, DIGEST).read_bytes() == DATA


def test_a_lock_on_what_was_just_replaced_removes_nothing(layout: Layout, tmp_path: Path) -> None:
    _left(layout)
    layout.filesystem = disk = Interposed("lock")
    disk.layout = layout
    os.link(data_of_the_ingest(tmp_path), tmp_path / "aside")  # so that whoever begins makes a new file
    clear_ingests(layout, time.time() + 8 * DAY)
    assert disk.begun[0].commit() is not None


PLANTS: dict[str, Callable[[Path], object]] = {
    "a file for the directory": lambda place: place.touch(),
    "a link for the directory": lambda place: place.symlink_to("/nonexistent"),
    "a link to a directory": lambda place: place.symlink_to(place.parent),
    "a link for the bytes": lambda place: (place / "data").symlink_to("/nonexistent"),
    "a FIFO for the bytes": lambda place: os.mkfifo(place / "data"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_was_planted_in_the_way_of_a_blob_goes(layout: Layout, tmp_path: Path, plant: str) -> None:
    place = tmp_path / "ingest" / NAME
    if "bytes" in plant:
        place.mkdir()
    PLANTS[plant](place)
    clear_ingests(layout, time.time())
    assert under_way(tmp_path) == []
    Ingest(layout, DIGEST, durable=False).abort()


@pytest.mark.parametrize("name", ["notes.txt", "sha256-short", "md5-" + "0" * 32])
def test_what_is_not_ours_stays(layout: Layout, tmp_path: Path, name: str) -> None:
    (tmp_path / "ingest" / name).mkdir()
    clear_ingests(layout, time.time() + 365 * DAY)
    assert under_way(tmp_path) == [name]


def test_one_that_cannot_be_removed_does_not_keep_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        for number in range(3):
            (tmp_path / "ingest" / f"sha256-{blob(number)[0].encoded}").mkdir()
        disk.arm(1, Fault(errno.EIO))
        clear_ingests(layout, time.time() + 120)
        assert disk.fired
        assert len(under_way(tmp_path)) == 1
        assert [record.getMessage() for record in caplog.records] == [
            "a part of a blob cannot be removed: Input/output error"
        ]
