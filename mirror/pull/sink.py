"""Where a fetch puts what it brings: on disk, or, once the disk fails, through memory to the readers that it has (F12).

Knows nothing of where the bytes come from. F1: the ingest on disk is locked, and the store is looked into once more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mirror.errors import StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.growth import Growth
from mirror.pull.reading import opened
from mirror.store.blobs import OpenBlob
from mirror.store.ingest import Ingest
from mirror.store.spool import Spool
from mirror.store.store import Store

_BUSY = (0.02, 0.1, 0.5)  # seconds before another look at an ingest that somebody holds
_WINDOW = 4 * 1024 * 1024  # bytes in memory between the slowest reader and the upstream

_log = logging.getLogger(__name__)


class Sink:
    """`open` it, fill it, then `keep`, `leave` or `drop` it. `growth` is told which files its readers read.

    `on_overflow` is called when the disk has failed: whoever else wants the blob is free to try it anew.
    """

    def __init__(self, digest: Digest, store: Store, growth: Growth) -> None:
        self.overflowed = False
        self.on_overflow: Callable[[], None] | None = None
        self._digest = digest
        self._store = store
        self._growth = growth
        self._held: Ingest | Spool | None = None

    @property
    def offset(self) -> int:
        """How many bytes are there."""
        return 0 if self._held is None else self._held.offset

    @property
    def total(self) -> int | None:
        """The size of the whole, once known."""
        return None if self._held is None else self._held.total

    async def open(self) -> OpenBlob | None:
        """The blob, if it has been stored since the request looked; otherwise this is ready to be filled.

        Raises StoreBusy. For a moment somebody else may hold the ingest, who stores a manifest that is asked for as a
        blob here.
        """
        for pause in (*_BUSY, None):
            stored = await opened(self._store, self._digest)
            if stored is not None:
                return stored
            try:
                await self._begin()
            except StoreBusy:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                break
        return None

    async def append(self, piece: bytes) -> None:
        """The next bytes. Raises StoreFailed when they can be neither kept nor passed on; may wait for readers then."""
        held = self._held
        if isinstance(held, Ingest):
            try:
                if held.total is None and held.offset + len(piece) > self._store.limit:
                    raise StoreFailed("a blob whose size nobody has said is larger than the cache may be")
                await self._store.run(held.append, piece)
            except StoreFailed as error:
                await self._overflow(held, error)
            else:
                return
        spool = self._spool()
        wanted = await self._room()
        await self._store.run(spool.forget, wanted)
        await self._store.run(spool.append, piece)

    async def expect(self, total: int) -> None:
        """Note the size of the whole. Raises SizeMismatch if there is more already."""
        held = self._held
        if isinstance(held, Ingest):
            try:
                await self._store.expect(held, total)
            except StoreFailed as error:
                await self._overflow(held, error)
            else:
                return
        self._spool().expect(total)

    async def restart(self) -> None:
        """Forget what an earlier try has left, of which nobody has read yet."""
        held = self._held
        if isinstance(held, Ingest):
            try:
                await self._store.run(held.restart)
            except StoreFailed as error:
                await self._overflow(held, error)
            else:
                return
        self._spool().close()
        self._pass_on(Spool(self._digest, self._digest.hasher(), 0, None))

    def verify(self) -> None:
        """Whether the bytes are what the digest names: SizeMismatch or DigestMismatch if not."""
        if self._held is not None:
            self._held.verify()

    async def keep(self) -> None:
        """Publish it, if the disk has it. That it cannot be kept is said in the log alone: the readers have it."""
        held = self._held
        if not isinstance(held, Ingest):
            return self._spool().close()
        try:
            await self._store.commit(held)
        except StoreFailed as error:
            _log.error("a verified blob could not be kept: %s", error)

    async def leave(self) -> None:
        """What is there is good, and gone on with by the next fetch."""
        if isinstance(self._held, Ingest):
            await self._store.leave(self._held)
        elif self._held is not None:
            self._held.close()

    async def drop(self) -> None:
        """Nothing can come of it."""
        if isinstance(self._held, Ingest):
            await self._store.drop(self._held)
        elif self._held is not None:
            self._held.close()

    async def _begin(self) -> None:
        ingest = None
        try:
            ingest = await self._store.begin(self._digest)
            self._growth.descriptor = ingest.duplicate()
        except StoreFailed as error:
            if ingest is not None:
                await self._store.leave(ingest)  # with what an earlier try has left, which our readers cannot read
            self._pass_on(Spool(self._digest, self._digest.hasher(), 0, None))
            self._say(error)
        else:
            self._held = ingest

    async def _overflow(self, ingest: Ingest, error: StoreFailed) -> None:
        """Go on without the disk, which is given back what it has been written so far."""
        try:
            self._pass_on(ingest.spool())
        finally:
            await self._store.drop(ingest)
        self._say(error)

    def _pass_on(self, spool: Spool) -> None:
        self._held = spool
        self._growth.turn(spool.duplicate(), spool.offset)

    def _say(self, error: StoreFailed) -> None:
        self.overflowed = True
        _log.warning("%s is passed on without being kept: %s", self._digest, error)
        if self.on_overflow is not None:
            self.on_overflow()

    async def _room(self) -> int:
        """Wait for the readers; from where on they still need bytes. Without readers there is nothing to be done."""
        try:
            wanted = await self._growth.room(_WINDOW)
        except TimeoutError:
            raise StoreFailed("a blob that the disk does not take is read too slowly") from None
        if not self._growth.held:
            raise StoreFailed("nobody waits any more for a blob that the disk does not take")
        return wanted

    def _spool(self) -> Spool:
        if not isinstance(self._held, Spool):
            raise StoreFailed("the blob is not being stored")
        return self._held
