"""A bundle in a directory, in which files of the cache have a second name if they can. Blocks.

A hard link is not read: it costs nothing, and who imports it reads it. What is copied is hashed on its way.
`index.json` comes last: until then it is no layout, and whatever broke it off, the next export to it goes on.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mirror.bundles.contents import Piece
from mirror.bundles.files import PIECE
from mirror.bundles.layout import CONTENTS, INDEX, LAYOUT, SEAL, Plan, path_of
from mirror.bundles.shelves import Shelves
from mirror.bundles.writing import verified
from mirror.errors import MirrorError

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOENT}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_PART = ".part"  # a copy that is not whole
_BLOBS = "blobs"
_UNFINISHED = {_PART, _BLOBS, LAYOUT, CONTENTS, SEAL}


def write_directory(plan: Plan, shelves: Shelves, blobs: Path, target: Path) -> None:
    """Write the bundle into a directory that is empty, not there, or not finished, and have it on disk.

    Content is linked from below `blobs` if it can be. Raises MirrorError, OSError.
    """
    heading = plan.heading
    target = _made(target)
    with _claimed(target):
        _look_for_others(target)
        try:
            _put_all(plan.contents.pieces, shelves, blobs, target)
            for name, data in sorted(heading, key=lambda file: file[0] == INDEX):
                _write(target / name, data)
        except OSError as error:
            if error.errno in _NO_ROOM:
                words = f"{os.strerror(error.errno)}: what was written there is gone on with by the same export"
                raise MirrorError(f"{target}: {words}") from error
            raise
        finally:
            (target / _PART).unlink(missing_ok=True)
        for directory in (*(target / _BLOBS).glob("*"), target):
            _sync(directory)


def _made(target: Path) -> Path:
    """The directory, there now; by its own name where it is given as a link, which is followed once. Raises so, too."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        what = "is a link to no directory" if target.is_symlink() else "is no directory"
        raise MirrorError(f"{target} {what}: name a directory, or a file that ends in .tar") from None
    return target.resolve()


def _look_for_others(target: Path) -> None:
    """Raises MirrorError where anything is but what an export may have left. A link within leads to somebody else's."""
    blobs = target / _BLOBS
    if not {path.name for path in target.iterdir()} <= _UNFINISHED:
        raise MirrorError(f"{target} is not empty: name a directory that is to be made")
    for path in (blobs, *blobs.glob("*")):
        if path.is_symlink():
            raise MirrorError(f"{path} is a link, and nothing is written through it: remove it, and export again")


@contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """Have nobody else write into the directory meanwhile. Raises MirrorError, OSError."""
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = "is being written by another export: wait for its end, or name another directory"
            raise MirrorError(f"{target} {words}") from None
        except OSError:
            pass  # a file system without locks, or without those of directories
        yield
    finally:
        os.close(descriptor)


def _put_all(pieces: Sequence[Piece], shelves: Shelves, blobs: Path, target: Path) -> None:
    (target / _BLOBS).mkdir(exist_ok=True)
    for piece in pieces:
        _put(piece, shelves, blobs / piece.digest.algorithm / piece.digest.encoded, target)
    for piece in pieces:  # all of them now: one after the other would cost a wait for the disk each
        _sync(target / path_of(piece.digest))


def _put(piece: Piece, shelves: Shelves, cached: Path, target: Path) -> None:
    path = target / path_of(piece.digest)
    if _is_there(path, cached, piece):
        return
    path.parent.mkdir(exist_ok=True)
    part = target / _PART
    part.unlink(missing_ok=True)
    if not _linked(cached, part, piece):
        with part.open("xb") as file:
            file.writelines(verified(piece, shelves))
    part.replace(path)


def _is_there(path: Path, cached: Path, piece: Piece) -> bool:
    """Whether an export that broke off has put it there, whole."""
    try:
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size != piece.size:
                return False
            with suppress(OSError):
                if os.path.samestat(status, cached.lstat()):
                    return True
            hasher = piece.digest.hasher()
            while data := file.read(PIECE):
                hasher.update(data)
    except FileNotFoundError:
        return False
    return piece.digest.matches(hasher)


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


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(data)
    _sync(path)


def _sync(path: Path) -> None:
    """Have a file or directory on disk."""
    descriptor = os.open(path, _FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
