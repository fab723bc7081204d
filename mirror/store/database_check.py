"""Looks through the databases of a cache that no mirror uses, and compares the index with the files.

Changes nothing: each finding says how it is mended. What a mirror brings in order at its start is a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from mirror.amounts import number
from mirror.store.catalog import Catalog
from mirror.store.findings import Finding, Severity
from mirror.store.index import DatabaseError, Index
from mirror.store.layout import Layout
from mirror.store.recovery import is_there, open_database, reconcile
from mirror.store.soundness import check_thoroughly

_BATCH = 1000  # rows a look


def look_at_databases(layout: Layout) -> Iterator[Finding]:
    """Everything that is found. A finding may be mended before the next one is asked for. Raises OSError."""
    yield from _look(Catalog, layout.catalog)
    yield from _look(Index, layout.index)
    if not (layout.index / Index.FILE).exists():
        return
    try:
        with closing(Index(layout.index)) as index:
            yield from _compare(layout, index)
    except DatabaseError:
        return  # that it is broken has been told
    for name in ("catalog.broken", "index.broken"):
        if layout.filesystem.exists(name, layout.directory):
            yield Finding("database", name, "a broken database was set aside here to be looked at", Severity.NOTE)


def _look(kind: type[Catalog] | type[Index], directory: Path) -> Iterator[Finding]:
    path = directory / kind.FILE
    place = f"{directory.name}/{kind.FILE}"
    if not path.exists():
        words = "there is none; it is made again from the other one and from the files"
        yield Finding("database", place, words, Severity.NOTE)
        return
    try:
        check_thoroughly(path)
    except DatabaseError as error:
        yield Finding("database", place, f"it is broken: {error}", mend=partial(_make_anew, kind, directory))


def _make_anew(kind: type[Catalog] | type[Index], directory: Path) -> None:
    """Set a broken one aside; the next start fills the new one."""
    if kind is Catalog:
        open_database(Catalog, directory).close()
    else:
        open_database(Index, directory).close()


def _compare(layout: Layout, index: Index) -> Iterator[Finding]:
    noted = gone = 0
    for digest in _noted(index):
        noted += 1
        gone += not is_there(layout, digest)
    there = sum(len(layout.filesystem.names(directory)) for directory in layout.blobs.values())
    if gone or there != noted - gone:
        unnoted = max(there - noted + gone, 0)
        words = f"{_are(gone, 'blob')} noted and not there, {_are(unnoted, 'blob')} there and not noted"
        yield Finding("index", f"index/{Index.FILE}", words, Severity.NOTE, lambda: sum(reconcile(layout, index)))
    unheld = sum(not is_there(layout, member.content or member.digest) for member in index.members())
    if unheld:
        words = f"{_are(unheld, 'member')} known of repositories whose content is not here: it is fetched when wanted"
        yield Finding("members", f"index/{Index.FILE}", words, Severity.NOTE)


def _are(count: int, noun: str) -> str:
    return f"{number(count, noun)} {'is' if count == 1 else 'are'}"


def _noted(index: Index) -> Iterator[str]:
    after = ""
    while digests := index.digests(after, _BATCH):
        yield from digests
        after = digests[-1]
