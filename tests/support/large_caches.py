"""Cache directories whose index knows of very many blobs, made without pulling any."""

from __future__ import annotations

from pathlib import Path

from mirror.oci.digest import Digest
from mirror.store.index import Index
from mirror.store.ingest import Stamp
from tests.support.caches import store_at

EACH = 10  # bytes of a blob


def digest_of(number: int) -> Digest:
    return Digest("sha256", f"{number:064x}")


async def filled(root: Path, blobs: int, rows: int) -> None:
    """A cache with so many blobs, whose index knows of many more, that were used later."""
    async with store_at(root):
        pass
    index = Index(root / "index")
    with index:
        for number in range(blobs):
            path = root / "blobs" / "sha256" / digest_of(number).encoded
            path.write_bytes(b"x" * EACH)
            index.put_blob(str(digest_of(number)), Stamp.of(path.stat()), float(number))
        for number in range(blobs, blobs + rows):
            index.put_blob(str(digest_of(number)), Stamp(0, 1, 1), float(number))
    index.close()
