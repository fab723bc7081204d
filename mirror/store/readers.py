"""Which stored blobs are being read, in this process and in its siblings: what is, is not evicted.

Siblings see marks by a part of the digest. So a blob may pass for read because of another one, and no harm is done.
"""

from __future__ import annotations

from collections import Counter

from mirror.marks import PLACES
from mirror.oci.digest import Digest
from mirror.siblings import Siblings


class Readers:
    """Each reader enters and leaves once, in about a microsecond. Only what takes a while to send is worth it.

    `name in readers`: whether any process reads the blob of this name just now. Any thread may ask.
    """

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._reading: Counter[str] = Counter()
        self._marked: Counter[int] = Counter()  # by place, how many blobs are the reason

    def enter(self, digest: Digest) -> None:
        name = str(digest)
        self._reading[name] += 1
        if self._reading[name] == 1:
            place = _place(name)
            self._marked[place] += 1
            self._siblings.reading.set(self._siblings.number, place)

    def leave(self, digest: Digest) -> None:
        name = str(digest)
        self._reading[name] -= 1
        if self._reading[name]:
            return
        del self._reading[name]
        place = _place(name)
        self._marked[place] -= 1
        if not self._marked[place]:
            del self._marked[place]
            self._siblings.reading.clear(self._siblings.number, place)

    def __contains__(self, name: object) -> bool:
        if name in self._reading:
            return True
        return self._siblings.reading.is_set_elsewhere(self._siblings.number, _place(str(name)))


def _place(name: str) -> int:
    """Of a digest; of what is none, as a row may have that nobody could read, any."""
    encoded = name.partition(":")[2]
    try:
        return int(encoded[:8], 16) % PLACES
    except ValueError:
        return 0
