"""A bundle written: as a stream of bytes that is a tar archive, or into a directory. Blocks.

Every byte that is copied is hashed on its way, so that no bundle is made of a broken cache. A hard link is not read:
it costs nothing, and who imports it reads it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mirror.bundles.contents import Piece
from mirror.bundles.layout import INDEX, Plan, path_of
from mirror.bundles.shelves import Shelves
from mirror.bundles.tar_format import BLOCK, END, header, padding
from mirror.errors import DigestMismatch, MirrorError

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOENT}


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


def write_archive(plan: Plan, shelves: Shelves, target: Path) -> None:
    """Write the archive into a file, which is there once it is whole. Raises MirrorError, OSError."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    with part.open("xb") as file:  # through no link that somebody else has put there
        try:
            for data in archive_of(plan, shelves):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def write_directory(plan: Plan, shelves: Shelves, blobs: Path, target: Path) -> None:
    """Write the bundle into a directory that is empty, or not there; content is linked from below `blobs` if it can be.

    The heading comes last, so that what is not written to its end is no layout. Raises MirrorError, OSError.
    """
    heading = plan.heading
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise MirrorError(f"{target} is not empty: name a directory that is to be made")
    (target / "blobs").mkdir()
    for piece in plan.contents.pieces:
        path = target / path_of(piece.digest)
        path.parent.mkdir(exist_ok=True)
        if not _linked(blobs / piece.digest.algorithm / piece.digest.encoded, path, piece):
            with path.open("xb") as file:
                file.writelines(verified(piece, shelves))
    for name, data in sorted(heading, key=lambda file: file[0] == INDEX):
        (target / name).write_bytes(data)


def _linked(source: Path, path: Path, piece: Piece) -> bool:
    """Whether there is a second name now for the file in the cache, which is as long as it should be."""
    try:
        os.link(source, path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    if path.lstat().st_size == piece.size:
        return True
    path.unlink()
    return False
