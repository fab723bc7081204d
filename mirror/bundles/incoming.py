"""One piece of a bundle on its way into the store: skipped if it is there, gone on with if an earlier import broke off.

What it is worth is for the digest to say, at its end. Knows nothing of images.
"""

from __future__ import annotations

import asyncio
import time

from mirror.bundles.contents import Piece
from mirror.errors import Code, DigestMismatch, Refused, SizeMismatch, StoreBusy, StoreFailed
from mirror.store.ingest import Ingest
from mirror.store.store import Store

_BATCH = 1024 * 1024  # bytes that are written at once
PATIENCE = 60.0  # seconds for somebody who is just storing the same
_LOOK = 0.25  # seconds between two looks
_FULL = (
    "the cache has no room for the rest of the bundle, and what is in it is pinned, in use, or of the bundle: "
    "raise storage.max_size, or see what stays, and why, with `mirror gc --dry-run`; then import again"
)


class Incoming:
    """Made by `begin`, fed by `write`, ended by `finish` or `leave`."""

    def __init__(self, store: Store, piece: Piece, ingest: Ingest | None) -> None:
        self.piece = piece
        self.stored = 0  # bytes that were not here before
        self._store = store
        self._ingest = ingest
        self._at = 0
        self._is_resumed = ingest is not None and ingest.offset > 0
        self._batch = bytearray()

    @classmethod
    async def begin(cls, store: Store, piece: Piece, patience: float = PATIENCE) -> Incoming:
        """Raises Refused when somebody else is storing it for longer than `patience` (seconds), when it is here in
        another size, or when the cache would become too large; StoreFailed. May be cancelled.
        """
        until = time.monotonic() + patience
        while not await is_here(store, piece):
            try:
                ingest = await store.begin(piece.digest)
            except StoreBusy:
                if time.monotonic() > until:
                    raise Refused("a blob is being fetched just now: import again", code=Code.BUSY) from None
                await asyncio.sleep(_LOOK)
                continue
            return await cls._expecting(store, piece, ingest)
        return cls(store, piece, None)

    @classmethod
    async def _expecting(cls, store: Store, piece: Piece, ingest: Ingest) -> Incoming:
        try:
            if ingest.offset > piece.size:
                await store.run(ingest.restart)
            await _expect(store, ingest, piece)
            if store.limit and store.size + piece.size > store.limit:  # though all has gone that may go
                raise Refused(_FULL, code=Code.STORAGE)
        except BaseException:
            await store.leave(ingest)
            raise
        return cls(store, piece, ingest)

    @property
    def is_here(self) -> bool:
        """Whether it was in the store before."""
        return self._ingest is None

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises Refused when there are too many, StoreFailed. May be cancelled."""
        begin, self._at = self._at, self._at + len(data)
        if self._at > self.piece.size:
            raise _not_as_named()
        if self._ingest is not None:
            fresh = self._ingest.offset + len(self._batch) - begin
            self._batch += data[max(fresh, 0) :] if fresh < len(data) else b""
            if len(self._batch) >= _BATCH:
                await self._flush(self._ingest)

    async def finish(self) -> None:
        """Verify and publish it. Raises Refused when it is not what its digest names, StoreFailed."""
        if self._at != self.piece.size:
            raise _not_as_named()
        if self._ingest is None:
            return
        await self._flush(self._ingest)
        ingest, self._ingest = self._ingest, None
        try:
            await self._store.commit(ingest)
        except (DigestMismatch, SizeMismatch):
            if self._is_resumed:  # it may be the earlier bytes that are wrong, and now they are gone
                raise Refused("what an earlier import had left was broken: import again", code=Code.BUSY) from None
            raise _not_as_named() from None

    async def leave(self) -> None:
        """Let go; what is there is gone on with by the next import. Harmless when repeated, and after `finish`."""
        if self._ingest is not None:
            ingest, self._ingest = self._ingest, None
            await self._store.leave(ingest)

    async def _flush(self, ingest: Ingest) -> None:
        if self._batch:
            data, self._batch = bytes(self._batch), bytearray()
            await self._store.run(ingest.append, data)
            self.stored += len(data)


async def _expect(store: Store, ingest: Ingest, piece: Piece) -> None:
    try:
        await store.expect(ingest, piece.size)
    except StoreFailed as error:
        words = "make room on its disk, and import again: what has come is kept"
        raise StoreFailed(f"{error}; {words}") from error


async def is_here(store: Store, piece: Piece) -> bool:
    """Whether it is stored, whole. Raises Refused when it is, and has another size than the bundle says."""
    blob = await store.blobs.open(piece.digest)
    if blob is None:
        return False
    blob.close()
    if blob.size != piece.size:
        raise Refused("the bundle names a blob with another size than it has", code=Code.BAD_REQUEST)
    return True


def _not_as_named() -> Refused:
    return Refused("something in the bundle is not what its digest names: have it carried again", code=Code.BAD_REQUEST)
