"""A copy of a database whose own file cannot be written to, as it is now. Knows nothing of what is in it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from mirror.store.index import DatabaseError

_PATIENCE = 5.0  # seconds
_PAGES = 4096  # a step


def size_of(source: Path) -> int:
    """Bytes that a copy may take, 0 where there is nothing. Raises OSError."""
    found = 0
    for path in (source, Path(f"{source}-wal")):
        try:
            found += path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def copy(source: Path, target: Path) -> None:
    """Copy it, with what is only in its log yet; other processes may be using it. Raises DatabaseError, OSError."""
    log = Path(f"{source}-wal")
    if not log.exists():
        _back_up(source, target, "mode=ro&immutable=1")  # nobody uses it, and no file beside it could be made here
        return
    try:
        _back_up(source, target, "mode=ro")
    except DatabaseError:
        # The index of the log is lacking, which is made by whoever uses the database: so nobody does.
        for one, other in ((source, target), (log, Path(f"{target}-wal"))):
            shutil.copyfile(one, other)
            other.chmod(0o600)


def _back_up(source: Path, target: Path, how: str) -> None:
    until = time.monotonic() + _PATIENCE

    def look(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > until:
            raise DatabaseError("it cannot be copied in time")

    address = f"{source.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(address, timeout=1, uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=_PAGES, progress=look, sleep=0.05)
    target.chmod(0o600)
