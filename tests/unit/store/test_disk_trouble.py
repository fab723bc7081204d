"""What passes by itself, and what an operator has to mend."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.disk_trouble import is_disk_trouble


def failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def wrapped(error: Exception) -> StoreFailed:
    try:
        raise StoreFailed("it cannot be used") from error
    except StoreFailed as raised:
        return raised


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE])
def test_a_disk_that_refuses_is_in_trouble_however_deep_that_is_buried(number: int) -> None:
    assert is_disk_trouble(failed(number))
    assert is_disk_trouble(wrapped(failed(number)))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMFILE])
def test_what_is_wrongly_named_or_not_allowed_is_no_trouble_of_the_disk(number: int) -> None:
    assert not is_disk_trouble(wrapped(failed(number)))


def test_a_database_without_room_is_such_trouble_and_a_broken_or_a_held_one_is_not(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "full.db")) as full:
        full.execute("CREATE TABLE t (x)")
        full.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as refused:
            full.execute("INSERT INTO t VALUES (zeroblob(100000))")
        full.rollback()
        assert is_disk_trouble(wrapped(refused.value))
        full.execute("BEGIN EXCLUSIVE")
        with (
            closing(sqlite3.connect(tmp_path / "full.db", timeout=0)) as other,
            pytest.raises(sqlite3.Error) as held,
        ):
            other.execute("BEGIN IMMEDIATE")
        assert not is_disk_trouble(held.value)
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    with closing(sqlite3.connect(tmp_path / "broken.db")) as broken, pytest.raises(sqlite3.Error) as garbled:
        broken.execute("SELECT 1 FROM t")
    assert not is_disk_trouble(garbled.value)


def test_a_directory_of_somebody_else_is_none() -> None:
    assert not is_disk_trouble(StoreFailed("not a cache of this program"))
