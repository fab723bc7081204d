"""Which stored blobs are being read in this process: what is, is not evicted while others can go in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mirror.oci.digest import Digest


class Readers:
    """Each reader enters and leaves once. Only what takes a while to send is worth it."""

    def __init__(self) -> None:
        self._reading: Counter[Digest] = Counter()

    def enter(self, digest: Digest) -> None:
        self._reading[digest] += 1

    def leave(self, digest: Digest) -> None:
        self._reading[digest] -= 1
        if self._reading[digest] <= 0:
            del self._reading[digest]

    def __iter__(self) -> Iterator[Digest]:
        """What is being read, each once."""
        return iter(tuple(self._reading))
