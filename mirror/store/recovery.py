"""Makes the databases true again: opens them whatever became of them, and brings them in line with the files.

Disk is the truth. A database that is gone or broken is made anew: what it knew of the registry from the other one,
what it knew of the files from the files.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TypeVar

from mirror.errors import Malformed, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.aside import set_aside
from mirror.store.catalog import Catalog, Key, Note, TagRecord, member_note, noted_member
from mirror.store.images import PIN, Images
from mirror.store.index import TOLD, DatabaseError, Index, TagRow
from mirror.store.layout import Layout
from mirror.store.parts import give_up, parts
from mirror.store.soundness import check, is_broken
from mirror.store.tag_pins import KIND as TAG_PIN
from mirror.store.tag_pins import TagPin, pins_of, put_pins

SAFE, FAST = "safe", "fast"  # durabilities, as a run notes its own

_BATCH = 1000  # rows a step, so that the writer gets its turn

_log = logging.getLogger(__name__)

D = TypeVar("D", Catalog, Index)
T = TypeVar("T")


def open_database(kind: type[D], directory: Path) -> D:
    """The database in `directory`; a broken one is set aside (`.broken`) and replaced. Raises StoreFailed."""
    name = kind.__name__.lower()
    try:
        check(directory / kind.FILE)
        return kind(directory)
    except OSError as error:
        raise StoreFailed(f"the {name} in {directory} cannot be opened: {error.strerror}") from error
    except DatabaseError as error:
        if not is_broken(error):
            raise StoreFailed(f"the {name} in {directory} cannot be opened: {error}") from error
        _log.error("the %s is broken (%s); it is set aside and made again from what is on disk", name, error)
    try:
        set_aside(directory)
        directory.mkdir(mode=0o700)
        return kind(directory)
    except (OSError, DatabaseError) as error:
        raise StoreFailed(f"the {name} in {directory} cannot be made again: {error}") from error


def open_sound(kind: type[D], directory: Path) -> D:
    """The database in `directory`, which other processes use. Raises StoreFailed."""
    try:
        return kind(directory)
    except (OSError, DatabaseError) as error:
        raise StoreFailed(f"the {kind.__name__.lower()} in {directory} cannot be opened: {error}") from error


def take_over(layout: Layout, index: Index, booted: float) -> None:
    """Act upon a last run that did not end tidily: doubt what it cannot have synced. Raises OSError, DatabaseError.

    `booted`: when the system was started, by the wall clock. A part of a blob that is older has outlived a failure of
    the power, perhaps with zeros in it, which would only be noticed when they have been sent.
    """
    durability = layout.unfinished()
    if durability is None:
        return
    give_up(layout, (part for part in parts(layout) if part.mtime_ns < booted * 1e9), sys.maxsize)
    if durability != SAFE:
        _log.warning("the last run ended without closing the cache: each blob is verified before it is served")
        index.distrust()


def make_again(index: Index, catalog: Catalog) -> None:
    """Tell a database that was just made what the other one knows of the registry, all of it or nothing."""
    if not index.is_told:
        with index:
            members, tags = _fill_index(index, catalog)
            index.set_stage(TOLD)
        _report("index", members, tags)
    if not catalog.is_told:
        with catalog.transaction():
            members, tags = _fill_catalog(index, catalog)
            catalog.set_told()
        _report("catalog", members, tags)


def reconcile(layout: Layout, index: Index) -> Iterator[int]:
    """Bring the index in line with the files, a transaction a step; each step tells how many rows it looked at.

    Safe while the store serves: it only adds what is there and removes what is not. Blocks; for millions of blobs it
    takes seconds, and no memory.
    """
    for blobs in _batches(_blobs(layout)):
        with index:
            index.find_blobs(blobs)
        yield len(blobs)
    after = ""
    while digests := index.digests(after, _BATCH):
        with index:
            for digest in digests:
                if not is_there(layout, digest):
                    index.forget_blob(digest)
        after = digests[-1]
        yield len(digests)


def _blobs(layout: Layout) -> Iterator[tuple[str, int, float]]:
    """Digest, size and time of last change of every blob file; what has no digest's name is left alone."""
    for algorithm, directory in layout.blobs.items():
        for name, status in layout.filesystem.entries(directory):
            try:
                yield str(Digest(algorithm, name)), status.st_size, status.st_mtime
            except Malformed:
                continue


def is_there(layout: Layout, digest: str) -> bool:
    """Whether there is a file, of whatever kind, under the name that a row holds. Raises OSError."""
    try:
        return layout.filesystem.exists(*layout.blob(Digest.parse(digest)))
    except Malformed:
        return False


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _fill_index(index: Index, catalog: Catalog) -> tuple[int, int]:
    members = tags = 0
    for key, fact in catalog.facts():
        if key.kind == "member" and (member := noted_member(key, fact)) is not None:
            index.put_members([member])
            members += 1
        elif key.kind == "tag" and not key.variant and (record := TagRecord.of(fact)) is not None:
            index.put_tags([TagRow(key.upstream, key.repository, key.reference, record.digest, record.checked)])
            tags += 1
        elif key.kind == TAG_PIN and (pin := TagPin.of(key, fact)) is not None:
            put_pins(index, [pin])
        elif key.kind == PIN:
            Images(index).pin(key.reference)
    return members, tags


def _fill_catalog(index: Index, catalog: Catalog) -> tuple[int, int]:
    """What the catalog knows already stays: it says more of a tag, and for how long."""
    members = tags = 0
    for member in index.members():
        note = member_note(member)
        if catalog.get(note.key) is None:
            catalog.write(note)
            members += 1
    for pin in pins_of(index):
        catalog.write(pin.note)
    for pattern in Images(index).pins():
        catalog.write(Note(Key(PIN, "", "", pattern), {}))
    for row in index.tags():
        key = Key("tag", row.upstream, row.repository, row.tag)
        if catalog.get(key) is None:
            catalog.write(Note(key, asdict(TagRecord(row.digest, row.checked))))
            tags += 1
    return members, tags


def _report(name: str, members: int, tags: int) -> None:
    if members or tags:
        _log.warning("the %s was made again from the other database: %d members, %d tags", name, members, tags)
