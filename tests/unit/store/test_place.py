"""A cache directory that is no longer where it was: another one is taken in its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.siblings import Alone
from mirror.store.catalog import Key
from mirror.store.databases import Databases
from mirror.store.filesystem import Filesystem
from mirror.store.index import Member
from mirror.store.layout import Layout
from mirror.store.leases import Leases
from mirror.store.opening import begin
from mirror.store.place import Place
from tests.support.caches import opened

DIGEST = Digest.of(b"x")
MEMBER = Member("u", "a/b", str(DIGEST))


class Taken:
    """A cache directory in use, as the store has it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = Layout(root, Filesystem())
        self.databases = Databases(self.layout)
        self.leases = Leases(self.layout, Alone(), self.databases.flush)
        self.place = Place(self.layout, self.databases, self.leases, durable=True)

    def write(self) -> None:
        """Publish something by the descriptors that everybody has."""
        name, parent = self.layout.blob(DIGEST)
        os.close(self.layout.filesystem.open_to_write(name, parent)[0])

    @property
    def is_written(self) -> bool:
        return (self.root / "blobs" / "sha256" / DIGEST.encoded).exists()


@pytest.fixture
async def taken(tmp_path: Path) -> AsyncIterator[Taken]:
    taken = Taken(tmp_path / "cache")
    await begin(taken.layout, taken.databases, durable=True)
    yield taken
    await taken.databases.aclose()
    taken.layout.close()


def removed(root: Path) -> None:
    shutil.rmtree(root)


def emptied(root: Path) -> None:
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def moved_away(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def replaced(root: Path) -> None:
    moved_away(root)
    root.mkdir()


def without_blobs(root: Path) -> None:
    shutil.rmtree(root / "blobs")


WAYS = [removed, emptied, moved_away, replaced, without_blobs]


async def test_a_directory_that_is_in_place_is_left_alone(taken: Taken) -> None:
    assert not await taken.place.look()
    taken.write()
    assert not await taken.place.look()
    assert taken.is_written


@pytest.mark.parametrize("way", WAYS)
async def test_another_one_is_taken_and_everybody_has_it(taken: Taken, way: Callable[[Path], None]) -> None:
    way(taken.root)
    assert await taken.place.look()
    taken.write()
    assert taken.is_written
    assert (taken.root / "running").exists()
    assert not await taken.place.look()


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_locked_as_the_old_one_was(taken: Taken, way: Callable[[Path], None]) -> None:
    way(taken.root)
    await taken.place.look()
    with (taken.root / "lock").open() as lock:
        assert not Filesystem().lock(lock.fileno())


@pytest.mark.parametrize("way", WAYS)
async def test_facts_are_written_into_the_new_one(taken: Taken, way: Callable[[Path], None]) -> None:
    way(taken.root)
    await taken.place.look()
    taken.databases.write_index.submit(lambda index: index.put_members([MEMBER]))
    await taken.databases.flush()
    assert taken.databases.index.member("u", "a/b", str(DIGEST)) == MEMBER
    assert taken.databases.catalog.get(Key("tag", "u", "a/b", "v1")) is None


async def test_what_is_open_in_the_old_one_stays_readable(taken: Taken) -> None:
    with opened(taken.root / "version") as descriptor:
        removed(taken.root)
        assert await taken.place.look()
        assert os.read(descriptor, 1) == b"1"


async def test_no_descriptor_is_left_over(taken: Taken) -> None:
    removed(taken.root)
    assert await taken.place.look()  # each thread has its own connections, some of which are made when needed
    before = len(os.listdir("/proc/self/fd"))
    for way in (removed, emptied, removed):
        way(taken.root)
        assert await taken.place.look()
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_one_that_is_not_ours_is_not_taken_and_that_is_said_once(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    replaced(taken.root)
    (taken.root / "somebodys").touch()
    for _ in range(3):
        assert not await taken.place.look()
    assert caplog.text.count("nothing is kept until it is back") == 1
    (taken.root / "somebodys").unlink()
    assert await taken.place.look()
    taken.write()
    assert taken.is_written


async def test_one_in_use_by_another_is_not_taken(taken: Taken) -> None:
    replaced(taken.root)
    another = Layout(taken.root, Filesystem())
    try:
        assert not await taken.place.look()
    finally:
        another.close()
    assert await taken.place.look()
