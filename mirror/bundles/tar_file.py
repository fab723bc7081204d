"""A bundle in a file, which has its name once it is whole. Blocks.

Until then it is a part beside it, of which an error leaves nothing. What a kill or a power cut has left is gone on
with: the same images are the same bytes, so as much of it stays as is the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mirror.amounts import size as in_words
from mirror.bundles.layout import LAYOUT, MARK, Plan
from mirror.bundles.shelves import Shelves
from mirror.bundles.tar_format import BLOCK, header
from mirror.bundles.writing import archive_of, size_of_archive
from mirror.errors import MirrorError

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_ROOM = {
    errno.ENOSPC: "there is no more room for it",
    errno.EDQUOT: "there is no more room for it",
    errno.EFBIG: "its file system takes no file of that size: name a directory, or take fewer images at once",
}


def write_archive(plan: Plan, shelves: Shelves, target: Path) -> None:
    """Write the archive into this file, and have it on disk. Raises MirrorError, OSError."""
    try:
        _write(plan, shelves, target)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise MirrorError(f"{target}: {_NO_ROOM[error.errno]}; nothing of it was left there") from error
        raise


def _write(plan: Plan, shelves: Shelves, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    with _claimed(part) as file:
        try:
            _look_for_room(file, size_of_archive(plan), target)
            _go_on(file, archive_of(plan, shelves))
            file.flush()
            os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _claimed(part: Path) -> BinaryIO:
    """The part, new or left over, for nobody else to write meanwhile. Raises MirrorError, OSError."""
    try:
        descriptor, is_new = os.open(part, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        descriptor, is_new = os.open(part, _FLAGS), False
    file = os.fdopen(descriptor, "r+b")
    try:
        if not is_new and not _is_left_over(descriptor):
            raise MirrorError(f"{part} is in the way: remove it, and export again")
        if not _is_alone(descriptor, part):
            raise MirrorError(f"{part} is being written by another export: wait for its end, or name another file")
    except BaseException:
        file.close()
        raise
    return file


def _is_left_over(descriptor: int) -> bool:
    """Whether this may be the part of an earlier export by the same user, and nothing else by another name."""
    status = os.fstat(descriptor)
    is_own = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()
    return is_own and header(LAYOUT, len(MARK)).startswith(os.pread(descriptor, BLOCK, 0))  # cut short, or empty


def _is_alone(descriptor: int, part: Path) -> bool:
    """Whether nobody else writes it, nor has just given it the name of the whole."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    with suppress(FileNotFoundError):
        return os.path.samestat(part.lstat(), os.fstat(descriptor))
    return False


def _look_for_room(file: BinaryIO, size: int, target: Path) -> None:
    """Raises MirrorError before hours are spent on what cannot end well."""
    place = os.fstatvfs(file.fileno())
    free = place.f_bavail * place.f_frsize + os.fstat(file.fileno()).st_size
    if place.f_blocks and size > free:  # there are file systems that do not tell
        raise MirrorError(f"{target}: the bundle takes {in_words(size)}, and there is room for {in_words(free)} alone")


def _go_on(file: BinaryIO, pieces: Iterator[bytes]) -> None:
    """Have the file hold this. What it holds of it already is left as it is."""
    at, is_same = 0, True
    for data in pieces:
        if is_same and file.read(len(data)) != data:
            is_same = False
            file.seek(at)
            file.truncate()
        if not is_same:
            file.write(data)
        at += len(data)
    file.truncate(at)
