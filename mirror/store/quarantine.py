"""Files that were not what their names say: out of the way at once, and the newest few kept for somebody to look at.

Knows not how they were found. Blocks, some microseconds for each call but `clear`.
"""

from __future__ import annotations

import logging
import time

from mirror.oci.digest import Digest
from mirror.store.layout import Layout

_KEPT = 16  # files
_KEPT_BYTES = 1 << 30
_KEPT_SECONDS = 30 * 86400.0

_log = logging.getLogger(__name__)


class Quarantine:
    """The files below `quarantine/`. `taken`: how many this process has brought there, or removed for want of it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._files = layout.filesystem
        self.taken = 0

    def take(self, digest: Digest, inode: int | None = None) -> bool:
        """Take the file of this name out of `blobs/`, or only the one of this inode; whether it was there.

        Raises OSError when it cannot go.
        """
        name, parent = self._layout.blob(digest)
        aside = f"{digest.algorithm}-{digest.encoded}-{time.time_ns()}"
        try:
            self._files.move(name, parent, aside, self._layout.quarantine)
        except OSError:
            if not self._files.remove(name, parent):  # it must not stay, or it would keep a good copy out
                return False
        else:
            if inode is not None and self._files.status(aside, self._layout.quarantine).st_ino != inode:
                self._give_back(aside, name, parent)
                return False
        self.taken += 1
        return True

    def clear(self, now: float) -> None:
        """Keep the newest, as many and as large as they may be, for a month; their names end with the time they came.

        Safe while the store serves. `now`: wall clock.
        """
        kept = 0
        names = sorted(self._files.names(self._layout.quarantine), key=_came, reverse=True)
        for position, name in enumerate(names):
            try:
                kept += self._files.status(name, self._layout.quarantine).st_size
                is_too_much = position >= _KEPT or (position and kept > _KEPT_BYTES)
                if is_too_much or _came(name) < (now - _KEPT_SECONDS) * 1e9:
                    self._files.remove(name, self._layout.quarantine)
            except IsADirectoryError:
                _log.warning("there is a directory in the quarantine that is not ours to empty")
            except OSError as error:
                _log.warning("a quarantined file cannot be removed: %s", error.strerror)

    def _give_back(self, aside: str, name: str, parent: int) -> None:
        """It is another file: another process was first with the false one, and has fetched the blob again."""
        self._files.publish(aside, self._layout.quarantine, name, parent)
        self._files.remove(aside, self._layout.quarantine)


def _came(name: str) -> int:
    """When, in nanoseconds; 0 for what was not brought there by us."""
    when = name.rpartition("-")[2]
    return int(when) if when.isascii() and when.isdigit() else 0
