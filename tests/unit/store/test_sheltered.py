"""A cache directory on a disk that takes nothing, and its way back."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.recovery import SAFE
from mirror.store.sheltered import Sheltered
from mirror.store.tenancy import Tenancy
from tests.support.caches import layout_at
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST = Digest.of(b"x")
ALONE = Tenancy()
FIRST, SECOND = Tenancy(0, 2, begins=True), Tenancy(1, 2, begins=False)


def held(root: Path) -> None:
    """A cache directory with a blob in it."""
    with layout_at(root) as layout:
        os.close(layout.filesystem.open_to_write(*layout.blob(DIGEST))[0])


@contextmanager
def sheltered(root: Path, disk: Filesystem | None = None, tenancy: Tenancy = ALONE) -> Iterator[Sheltered]:
    layout = Sheltered(root, disk or read_only(), tenancy, "the disk is full")
    try:
        yield layout
    finally:
        layout.close()


def read_only() -> FaultyDisk:
    disk = FaultyDisk()
    disk.arm(0, Fault(errno.EROFS, lasting=True))
    return disk


def come_home(first: Layout, second: Layout) -> None:
    """The second can only after the first, which begins the run there."""
    with pytest.raises(StoreBusy):
        second.renew()
    first.renew()
    first.begin(SAFE)
    first.admit()
    second.renew()
    second.begin(SAFE)


def runs_in(root: Path) -> set[str]:
    return {path.name for path in root.glob("running*")}


def is_there(layout: Layout) -> bool:
    return layout.filesystem.exists(*layout.blob(DIGEST))


def test_what_is_stored_can_be_read_and_the_databases_are_elsewhere(tmp_path: Path) -> None:
    held(tmp_path)
    with sheltered(tmp_path) as layout:
        assert is_there(layout)
        assert not layout.index.is_relative_to(tmp_path)
        assert not layout.catalog.is_relative_to(tmp_path)
        assert not layout.is_in_place()
        layout.begin(SAFE)
        assert not layout.is_last()
    assert not (tmp_path / "running").exists()


@pytest.mark.parametrize("missing", ["version", "blobs", "ingest", "all"])
def test_what_is_not_wholly_there_passes_for_empty(tmp_path: Path, missing: str) -> None:
    root = tmp_path / "cache"
    if missing != "all":
        held(root)
        (root / missing).rename(tmp_path / "aside")
    with sheltered(root) as layout:
        assert not is_there(layout)
        with pytest.raises(FileNotFoundError):
            layout.filesystem.open_to_read(*layout.blob(DIGEST))
    assert root.exists() == (missing != "all")


def test_databases_that_cannot_be_copied_make_it_pass_for_empty(tmp_path: Path) -> None:
    held(tmp_path)
    (tmp_path / "index" / "index.db").write_bytes(b"no database" * 1000)
    with sheltered(tmp_path) as layout:
        assert not is_there(layout)  # what is pinned is not known: nothing may go


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with layout_at(tmp_path), pytest.raises(StoreBusy, match=f"process {os.getpid()}"):
        Sheltered(tmp_path, read_only(), Tenancy(), "the disk is full")


@pytest.mark.parametrize("was_there", [True, False])
def test_it_goes_home_once_the_disk_takes_things_again(tmp_path: Path, was_there: bool) -> None:
    root = tmp_path / "cache"
    if was_there:
        held(root)
    disk = read_only()
    with sheltered(root, disk) as layout:
        refuge = layout.index.parent
        with pytest.raises(StoreFailed):
            layout.renew()
        assert layout.trouble
        disk.disarm()
        layout.renew()
        assert not layout.is_in_place()  # not before a run has begun there
        layout.begin(SAFE)
        assert not layout.trouble
        assert layout.is_in_place()
        assert layout.index == root / "index"
        assert is_there(layout) == was_there
        assert (root / "lock").read_text() == f"{os.getpid()}\n"
        assert (root / "running").read_text() == "safe\n"
        assert not refuge.exists()
        with pytest.raises(StoreBusy):
            Layout(root, Filesystem())
        assert layout.is_last()


@pytest.mark.parametrize("was_there", [True, False])
def test_of_several_the_first_goes_home_first_and_says_how_the_run_begins(tmp_path: Path, was_there: bool) -> None:
    root = tmp_path / "cache"
    if was_there:
        held(root)
    disk = read_only()
    with sheltered(root, disk, FIRST) as first:
        first.admit()
        with sheltered(root, disk, SECOND) as second:
            disk.disarm()
            come_home(first, second)
            assert (first.tenancy.begins, second.tenancy.begins) == (True, False)
            assert runs_in(root) == {"running", "running.0", "running.1"}
            assert second.is_in_place()


def test_where_the_lock_can_be_written_to_the_second_waits_for_the_first_as_well(tmp_path: Path) -> None:
    held(tmp_path)
    with sheltered(tmp_path, Filesystem(), FIRST) as first:  # a full disk takes what replaces as much
        first.admit()
        with sheltered(tmp_path, Filesystem(), SECOND) as second:
            assert (first.is_apart, second.is_apart) == (True, True)
            come_home(first, second)
            assert (first.is_apart, second.is_apart) == (False, False)
            assert runs_in(tmp_path) == {"running", "running.0", "running.1"}


def test_a_successor_joins_those_who_are_at_home(tmp_path: Path) -> None:
    with layout_at(tmp_path):
        pass
    first = Layout(tmp_path, Filesystem(), FIRST)
    first.begin(SAFE)
    first.admit()
    disk = read_only()
    with sheltered(tmp_path, disk, replace(SECOND, number=0)) as successor:
        disk.disarm()
        successor.renew()
        assert not successor.tenancy.begins
    first.close()
