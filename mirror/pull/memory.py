"""Small content kept in memory, bounded by bytes, the longest unused forgotten first. Knows digests only."""

from __future__ import annotations

from cachetools import LRUCache

SMALL = 64 * 1024  # bytes up to which a blob is kept in memory, and held back until it is verified
_OVERHEAD = 400  # bytes that an entry costs beside its content


class Memory:
    """Bytes that have been verified. An entry is a share of the bound at most, so that one cannot flush the rest."""

    def __init__(self, capacity: int) -> None:
        self._largest = capacity // 4
        self._entries: LRUCache[str, bytes] = LRUCache(max(capacity, 1), getsizeof=lambda body: len(body) + _OVERHEAD)

    def get(self, digest: str) -> bytes | None:
        return self._entries.get(digest)

    def put(self, digest: str, body: bytes) -> None:
        if len(body) + _OVERHEAD <= self._largest:
            self._entries[digest] = body

    def forget(self, digest: str) -> None:
        self._entries.pop(digest, None)
