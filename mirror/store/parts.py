"""Parts of blobs that wait for the next try: what they take up, and which of them go when room is needed.

Knows nothing of their age but its order; what is given up for its age is `leftovers`' affair.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from mirror.errors import Malformed, StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout, ingest_digest, ingest_name
from mirror.store.runs import is_run

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a blob: its bytes so far, and when it last grew."""

    digest: Digest
    size: int
    mtime_ns: int


def parts(layout: Layout) -> list[Part]:
    """Every part, held or not, that has bytes of its own; the oldest first. Blocks. Raises OSError."""
    found = []
    for name in layout.filesystem.names(layout.ingest):
        try:
            part = _part(layout, ingest_digest(name), name)
        except (Malformed, OSError):
            continue  # not made by us, gone meanwhile, or for `leftovers` to clear away
        if part.size:
            found.append(part)
    return sorted(found, key=lambda part: part.mtime_ns)


def give_up(layout: Layout, oldest: Iterable[Part], needed: int) -> int:
    """Remove parts in the order given until `needed` bytes are free; bytes that are. What somebody holds stays."""
    freed = 0
    for part in oldest:
        if freed >= needed:
            break
        try:
            ingest = Ingest(layout, part.digest, durable=False)
        except StoreBusy:
            continue
        except StoreFailed as error:
            _log.warning("a part of a blob cannot be given up: %s", error.__cause__)
            continue
        ingest.abort()  # never raises, so look
        if not layout.filesystem.exists(ingest_name(part.digest), layout.ingest):
            freed += part.size
    return freed


def _part(layout: Layout, digest: Digest, name: str) -> Part:
    files = layout.filesystem
    directory = files.open_directory(name, layout.ingest)
    try:
        status = files.status("data", directory)
        ahead = sum(run.st_size for name, run in files.entries(directory) if is_run(name))
    finally:
        os.close(directory)
    is_its_own = stat.S_ISREG(status.st_mode) and status.st_nlink == 1  # else it is a blob's, and counted there
    return Part(digest, (status.st_size if is_its_own else 0) + ahead, status.st_mtime_ns)
