"""What is wrong with a database's file, and what passes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mirror.store.index import DatabaseError, Index
from mirror.store.soundness import check, is_broken


def test_nothing_and_a_sound_file_pass_the_check(tmp_path: Path) -> None:
    check(tmp_path / "index.db")
    assert list(tmp_path.iterdir()) == []
    Index(tmp_path).close()
    check(tmp_path / "index.db")


def test_a_file_that_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseError) as raised:
        check(tmp_path / "index.db")
    assert is_broken(raised.value)


def test_a_page_that_was_overwritten_is_found(tmp_path: Path) -> None:
    index = Index(tmp_path)
    with index:
        for number in range(2000):
            index.find_blobs([(f"{number:064}", 1, 0.0)])
    index.close()
    data = bytearray((tmp_path / "index.db").read_bytes())
    middle = len(data) // 4096 // 2 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    (tmp_path / "index.db").write_bytes(data)
    with pytest.raises(DatabaseError) as raised:
        check(tmp_path / "index.db")
    assert is_broken(raised.value)


def test_somebody_else_s_tables_are_broken_ones(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "index.db")
    other.execute("CREATE TABLE blobs (name TEXT)")
    other.close()
    with pytest.raises(DatabaseError) as raised:
        Index(tmp_path)
    assert is_broken(raised.value)


def test_a_locked_database_is_not_a_broken_one(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.execute("PRAGMA locking_mode = exclusive")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseError, match="locked") as raised:
        Index(tmp_path)
    assert not is_broken(raised.value)
    other.close()
