"""Whether the file of a database is sound. Knows nothing of what is in it; both of ours are SQLite's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mirror.store.index import DatabaseError

_BROKEN = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def check(path: Path) -> None:
    """Read the database through, if it is there, and see that it can be written to.

    Raises DatabaseError; `is_broken` says whether the file is at fault.
    """
    _check(path, "PRAGMA quick_check(1)")


def check_thoroughly(path: Path) -> None:
    """The same, and that what it has to find rows by agrees with the rows: several times as slow."""
    _check(path, "PRAGMA integrity_check(1)")


def _check(path: Path, question: str) -> None:
    for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if one.exists() and not one.is_file():
            raise DatabaseError(f"{one.name} is no file")
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=2, isolation_level=None)
    try:
        (found,) = connection.execute(question).fetchone()
        connection.execute("BEGIN IMMEDIATE")  # diskcache would try for a minute where somebody else holds the file
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    if found != "ok":
        raise DatabaseError("its pages contradict each other")


def is_broken(error: DatabaseError) -> bool:
    """Whether the file is at fault, and not a full disk or somebody who holds it: those pass, and the file is good."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _BROKEN


def is_refused(error: DatabaseError) -> bool:
    """Whether the disk did not let it be read or written."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _REFUSED
