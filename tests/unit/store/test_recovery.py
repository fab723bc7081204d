"""Databases that are gone or broken are made again."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.catalog import Catalog, Key, Note, member_note
from mirror.store.index import Index, Member, TagRow
from mirror.store.ingest import Stamp
from mirror.store.layout import Layout
from mirror.store.recovery import make_again, open_database
from tests.support.caches import blob, descriptors, layout_at

DIGEST, DATA = blob(1)
NAME = str(DIGEST)
STAMP = Stamp(100, 1, 1)
MEMBER = Member("u", "r", NAME, "type", NAME, 50.0)
TAG = TagRow("u", "r", "latest", NAME, 100.0)
TAG_KEY = Key("tag", "u", "r", "latest")
FACT = {"digest": NAME, "checked": 100.0, "failed": 7.0}


@contextmanager
def _both(layout: Layout) -> Iterator[tuple[Index, Catalog]]:
    index, catalog = open_database(Index, layout.index), open_database(Catalog, layout.catalog)
    try:
        yield index, catalog
    finally:
        index.close()
        catalog.close()


def _told(layout: Layout) -> None:
    """A cache that knows a membership, a tag and a variant of it, and an absence."""
    with _both(layout) as (index, catalog):
        make_again(index, catalog)
        index.put_members([MEMBER])
        index.put_tags([TAG])
        with catalog.transaction():
            catalog.write(member_note(MEMBER))
            catalog.write(Note(TAG_KEY, FACT, 60.0))
            catalog.write(Note(Key("tag", "u", "r", "latest", "schema2"), FACT, 60.0))
            catalog.write(Note(Key("absent", "u", "r", "nothing"), {"since": 1.0, "until": 2.0}, 60.0))


# opening


def _remove(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()


def _spoil(directory: Path) -> None:
    for path in directory.iterdir():
        path.write_bytes(b"garbage" * 2000)


def _spoil_a_page(directory: Path) -> None:
    (path,) = directory.iterdir()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


def _cut(directory: Path) -> None:
    (path,) = directory.iterdir()
    os.truncate(path, path.stat().st_size // 4096 // 2 * 4096)


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        path.write_bytes(b"")


def _replace(directory: Path) -> None:
    _remove(directory)
    for name in ("index.db", "cache.db"):
        connection = sqlite3.connect(directory / name)
        connection.executescript("CREATE TABLE blobs (a); CREATE TABLE Cache (a); CREATE TABLE Settings (a)")
        connection.close()


def _replace_by_a_directory(directory: Path) -> None:
    for path in list(directory.iterdir()):
        path.unlink()
        path.mkdir()
        (path / "anything").touch()


def _replace_all_by_a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_bytes(b"anything")


LOSSES: dict[str, Callable[[Path], object]] = {
    "file removed": _remove,
    "directory removed": shutil.rmtree,
    "garbage": _spoil,
    "a page of garbage": _spoil_a_page,
    "cut": _cut,
    "emptied": _empty,
    "another program's": _replace,
    "a directory in its place": _replace_by_a_directory,
    "a file in the directory's place": _replace_all_by_a_file,
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lost", ["index", "catalog", "index catalog"])
def test_a_lost_database_is_made_again_from_the_other(tmp_path: Path, loss: str, lost: str) -> None:
    with layout_at(tmp_path) as layout:
        _told(layout)
    for name in lost.split():
        LOSSES[loss](tmp_path / name)
    with layout_at(tmp_path) as layout, _both(layout) as (index, catalog):
        make_again(index, catalog)
        both_lost = lost == "index catalog"
        assert list(index.members()) == ([] if both_lost else [MEMBER])
        assert list(index.tags()) == ([] if both_lost else [TAG])
        member = catalog.get(member_note(MEMBER).key)
        assert member == (None if both_lost else {"media_type": "type", "content": NAME, "since": 50.0})
        tag = catalog.get(TAG_KEY)
        assert (tag is None) is both_lost
        assert tag is None or (tag["digest"], tag["checked"]) == (NAME, 100.0)
    assert descriptors(tmp_path) == []


def test_a_broken_database_is_kept_aside_once(tmp_path: Path) -> None:
    for attempt in (b"first garbage", b"second garbage"):
        (tmp_path / "database").mkdir(exist_ok=True)
        (tmp_path / "database" / Index.FILE).write_bytes(attempt * 1000)
        open_database(Index, tmp_path / "database").close()
        assert (tmp_path / "database.broken" / Index.FILE).read_bytes() == attempt * 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["database", "database.broken"]


def test_a_database_that_somebody_holds_is_not_set_aside(tmp_path: Path) -> None:
    Index(tmp_path).close()
    other = sqlite3.connect(tmp_path / Index.FILE, isolation_level=None)
    other.executescript("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; CREATE TABLE t (a);")
    with pytest.raises(StoreFailed, match="locked"):
        open_database(Index, tmp_path)
    other.close()
    assert not tmp_path.with_name(f"{tmp_path.name}.broken").exists()
    open_database(Index, tmp_path).close()


def test_a_database_that_can_neither_be_opened_nor_set_aside_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="cannot be opened: No such file"):
        open_database(Index, tmp_path / "nowhere")
    (tmp_path / "database").mkdir()
    (tmp_path / "database" / Index.FILE).write_bytes(b"garbage" * 1000)
    (tmp_path / "database.broken").symlink_to(tmp_path)  # and no directory could be removed there
    with pytest.raises(StoreFailed, match="cannot be made again"):
        open_database(Index, tmp_path / "database")


def test_what_both_know_is_left_as_it_is(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        _told(layout)
        with _both(layout) as (index, catalog):
            index.put_tags([TagRow("u", "r", "only in the index", NAME, 1.0)])  # the catalog may have let it run out
            make_again(index, catalog)
            assert len(list(index.tags())) == 2
            assert catalog.get(TAG_KEY) == FACT
            assert catalog.get(Key("tag", "u", "r", "only in the index")) is None


def test_what_was_noted_before_all_was_told_stays(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        _told(layout)
        _remove(tmp_path / "catalog")
        with _both(layout) as (index, catalog):
            with catalog.transaction():
                catalog.write(Note(TAG_KEY, FACT, 60.0))
            make_again(index, catalog)
            assert catalog.get(TAG_KEY) == FACT
            assert catalog.get(member_note(MEMBER).key) is not None


def test_forged_facts_are_not_carried_over(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout, _both(layout) as (index, catalog):
        with catalog.transaction():
            catalog.write(Note(Key("member", "u", "r", NAME), {"media_type": 1, "content": None}))
            catalog.write(Note(TAG_KEY, {"digest": "nonsense", "checked": 1.0, "failed": 0.0}))
            catalog.write(Note(Key("of a kind of its own", "u", "r", NAME), {"media_type": None, "content": None}))
        make_again(index, catalog)
        assert list(index.members()) == []
        assert list(index.tags()) == []
