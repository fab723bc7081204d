"""A bundle as a stream of bytes that is a tar archive. Blocks.

Every byte is hashed on its way, so that no bundle is made of a broken cache.
"""

from __future__ import annotations

from collections.abc import Iterator

from mirror.bundles.contents import Piece
from mirror.bundles.layout import Plan, path_of
from mirror.bundles.shelves import Shelves
from mirror.bundles.tar_format import BLOCK, END, header, padding
from mirror.errors import DigestMismatch


def archive_of(plan: Plan, shelves: Shelves) -> Iterator[bytes]:
    """The whole archive, in pieces none of which is empty: the same bytes for the same plan.

    Raises DigestMismatch when content is not what its digest names, and what reading it raises: what has been taken of
    the archive is then none.
    """
    for path, data in plan.heading:
        yield header(path, len(data)) + data + bytes(padding(len(data)))
    for piece in plan.contents.pieces:
        yield header(path_of(piece.digest), piece.size)
        yield from verified(piece, shelves)
        if piece.size % BLOCK:
            yield bytes(padding(piece.size))
    yield END


def size_of_archive(plan: Plan) -> int:
    """Bytes that `archive_of` gives for the plan."""
    members = [(path, len(data)) for path, data in plan.heading]
    members += [(path_of(piece.digest), piece.size) for piece in plan.contents.pieces]
    return sum(len(header(path, size)) + size + padding(size) for path, size in members) + len(END)


def verified(piece: Piece, shelves: Shelves) -> Iterator[bytes]:
    """The bytes of a piece. Raises DigestMismatch, at the latest after the last one, when they are others."""
    hasher, size = piece.digest.hasher(), 0
    for data in shelves.read(piece.digest):
        hasher.update(data)
        size += len(data)
        if size > piece.size:
            break
        if data:
            yield data
    if size != piece.size or not piece.digest.matches(hasher):
        raise DigestMismatch(f"{piece.digest} is not what its digest names")
