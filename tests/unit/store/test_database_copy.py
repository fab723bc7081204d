"""Copies of databases, whatever state those are in."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mirror.store.database_copy import copy, size_of
from mirror.store.index import DatabaseError


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT x FROM t ORDER BY x")]


def made(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


def test_a_database_at_rest_is_copied_and_nothing_is_made_beside_it(tmp_path: Path) -> None:
    source, target = tmp_path / "room" / "one.db", tmp_path / "copy.db"
    source.parent.mkdir()
    made(source).close()
    copy(source, target)
    assert [path.name for path in source.parent.iterdir()] == ["one.db"]
    assert rows(target) == [1]
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_is_only_in_the_log_yet_is_copied_and_what_is_not_committed_is_not(tmp_path: Path) -> None:
    source, target = tmp_path / "one.db", tmp_path / "copy.db"
    with closing(made(source)) as used:
        used.execute("INSERT INTO t VALUES (2)")
        used.execute("BEGIN IMMEDIATE")
        used.execute("INSERT INTO t VALUES (3)")
        copy(source, target)
        assert rows(target) == [1, 2]
        assert size_of(source) == source.stat().st_size + Path(f"{source}-wal").stat().st_size


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_log_without_its_index_is_copied_too(tmp_path: Path, is_empty: bool) -> None:
    """As a killed process leaves it on a disk that has no room for an index."""
    source, target = tmp_path / "room" / "one.db", tmp_path / "copy.db"
    source.parent.mkdir()
    with closing(made(tmp_path / "used.db")) as used:
        if is_empty:
            used.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ("", "-wal"):
            shutil.copyfile(tmp_path / f"used.db{ending}", f"{source}{ending}")
    (source.parent / "one.db-shm").mkdir()  # it cannot be made
    copy(source, target)
    assert rows(target) == [1]


def test_what_is_no_database_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "one.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseError):
        copy(tmp_path / "one.db", tmp_path / "copy.db")


def test_what_is_not_there_takes_no_room(tmp_path: Path) -> None:
    assert size_of(tmp_path / "one.db") == 0
