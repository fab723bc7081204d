"""When clients were given images: noted in microseconds, and written down in batches as long as nothing is new."""

from __future__ import annotations

from collections.abc import Mapping

from cachetools import LRUCache

from mirror.store.images import Images, Name
from mirror.store.index import Index
from mirror.store.ranking import measure
from mirror.store.writer import Writer

_MEASURED = 20  # images at a time
_KNOWN = 65_536  # images that are known to have been noted: some 200 bytes each


class PullNotes:
    """On the loop's thread. Whoever keeps house calls `flush` now and then."""

    def __init__(self, write_index: Writer[Index]) -> None:
        self._write_index = write_index
        self._known: LRUCache[Name, None] = LRUCache(_KNOWN)
        self._waiting: dict[Name, float] = {}

    def pulled(self, name: Name, when: float) -> None:
        """Note that a client was given this manifest, by the wall clock.

        The first time at once: until then what has come of it is no image's, and would be the first to go.
        """
        self._waiting[name] = when
        if name not in self._known:
            self._known[name] = None
            self.flush()

    def is_waiting(self, name: Name) -> bool:
        """Whether it was pulled since pulls were last handed to the writer."""
        return name in self._waiting

    def forget(self, name: Name) -> None:
        """Take the next pull of this image for its first one."""
        self._known.pop(name, None)

    def flush(self) -> None:
        """Hand what was noted to the writer."""
        if self._waiting:
            pulls, self._waiting = self._waiting, {}
            self._write_index.submit(lambda index: _note(index, pulls))


def _note(index: Index, pulls: Mapping[Name, float]) -> None:
    """And measure what was pulled before: when something has to go, nobody should have to wait for that."""
    measure(index, _MEASURED)
    Images(index).note_pulls(pulls)
