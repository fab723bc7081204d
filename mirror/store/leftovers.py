"""Removes what nobody will come back for: old parts of blobs, and what is in the way of new ones."""

from __future__ import annotations

import errno
import logging
import os

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.layout import Layout, ingest_digest, ingest_name

_KEPT = 7 * 86400.0  # seconds after which a part of a blob is given up
_FRESH = 60.0  # seconds in which somebody may be about to lock what was just made
_NO_DIRECTORY = {errno.ENOTDIR, errno.ELOOP}
_NO_FILE = {errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO}
_OVERTAKEN = {errno.ENOENT, errno.ENOTEMPTY}  # somebody has just removed it, or begun anew in it

_log = logging.getLogger(__name__)


def clear_ingests(layout: Layout, now: float) -> None:
    """Remove ingests that nobody holds and nobody will go on with. Safe while the store serves. `now`: wall clock."""
    for name in layout.filesystem.names(layout.ingest):
        try:
            _clear_ingest(layout, ingest_digest(name), now)
        except Malformed:
            continue  # not made by us
        except OSError as error:
            if error.errno not in _OVERTAKEN:
                _log.warning("a part of a blob cannot be removed: %s", error.strerror)


def _clear_ingest(layout: Layout, digest: Digest, now: float) -> None:
    files, name = layout.filesystem, ingest_name(digest)
    try:
        directory = files.open_directory(name, layout.ingest)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY:
            raise
        files.remove(name, layout.ingest)  # it would be in the way for ever
        return
    try:
        if _may_go(layout, digest, directory, now):
            files.remove_directory(name, layout.ingest)
    finally:
        os.close(directory)


def _may_go(layout: Layout, digest: Digest, directory: int, now: float) -> bool:
    """Empty the directory of an ingest, if nobody holds it; whether that is done."""
    files = layout.filesystem
    try:
        data, _ = files.open_to_read("data", directory)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        if error.errno != errno.ENOENT:
            return _emptied(layout, directory, sparing="")
        # Where there is no `data`, somebody may be about to make it: then that one, and the directory, stay.
        is_fresh = files.status_of(directory).st_mtime >= now - _FRESH
        return not is_fresh and _emptied(layout, directory, sparing="data")
    try:
        return (
            _is_over(layout, digest, data, now)
            and files.lock(data)
            and files.status("data", directory).st_ino == files.status_of(data).st_ino  # else it is another's by now
            and _emptied(layout, directory, sparing="")
        )
    finally:
        os.close(data)


def _emptied(layout: Layout, directory: int, sparing: str) -> bool:
    for name in sorted(layout.filesystem.names(directory), key="data".__eq__):  # `data` last, as in `Ingest.abort`
        if name == sparing:
            return False
        layout.filesystem.remove(name, directory)
    return True


def _is_over(layout: Layout, digest: Digest, data: int, now: float) -> bool:
    status = layout.filesystem.status_of(data)
    is_of_use = status.st_size and not layout.filesystem.exists(*layout.blob(digest))
    return status.st_mtime < now - (_KEPT if is_of_use else _FRESH)
