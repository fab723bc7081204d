"""Where a fetch puts what it brings: on disk, or, once the disk fails, through memory to the readers that it has (F12).

Knows nothing of where the bytes come from. F1: the ingest on disk is locked, and the store is looked into once more.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from mirror.errors import StoreBusy, StoreError, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.claiming import claimed
from mirror.pull.growth import Growth
from mirror.pull.passing import Passing
from mirror.pull.reading import opened
from mirror.pull.rescue import spooled
from mirror.pull.writing import Writing
from mirror.store.ingest import Ingest
from mirror.store.open_blob import OpenBlob
from mirror.store.runs import Runs
from mirror.store.spool import Spool
from mirror.store.store import Store

_BUSY = (0.02, 0.1, 0.5)  # seconds before another look at an ingest that somebody holds

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
        self._held: Ingest | Passing | None = None
        self._writing: Writing | None = None  # to the ingest that is held

    @property
    def offset(self) -> int:
        """How many bytes were taken; those last ones that are still on their way to the disk are among them."""
        if self._writing is not None:
            return self._writing.offset
        return 0 if self._held is None else self._held.offset

    @property
    def total(self) -> int | None:
        """The size of the whole, once known."""
        return None if self._held is None else self._held.total

    @property
    def is_stored(self) -> bool:
        """Whether what is brought goes to the disk."""
        return isinstance(self._held, Ingest)

    async def open(self) -> OpenBlob | None:
        """The blob, if it has been stored since the request looked; otherwise this is ready to be filled.

        Raises StoreBusy. For a moment somebody else may hold the ingest, who stores a manifest that is asked for as a
        blob here; with siblings it is one of them, who can be followed.
        """
        for pause in (*(_BUSY if self._store.siblings.count == 1 else ()), None):
            try:
                return await opened(self._store, self._digest) or await self._begin()
            except StoreBusy as error:
                if self._growth.is_orphaned:
                    await self._go_without(error)
                    break
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        return None

    async def append(self, piece: bytes) -> None:
        """Take the next bytes; `growth` hears when they are there. When cancelled, they are taken all the same or not.

        Raises StoreFailed when they can be neither kept nor passed on; may wait for the disk, or for readers.
        """
        if self._writing is None:
            await self._passing().put(piece)
        elif self._is_too_much(piece):
            await self._overflow(StoreFailed("a blob whose size nobody has said is larger than the cache may be"))
            await self._passing().put(piece)
        else:
            try:
                await self._writing.put(piece)
            except StoreFailed as error:
                await self._overflow(error)

    async def settle(self) -> None:
        """Wait until all that was taken is there. Raises StoreFailed as `append`."""
        if self._writing is not None:
            try:
                await self._writing.settle()
            except StoreFailed as error:
                await self._overflow(error)

    def runs(self) -> Runs | None:
        """Where bytes are kept that come before their turn, the caller's to close; None where nothing is kept."""
        try:
            return self._held.runs() if isinstance(self._held, Ingest) else None
        except OSError:
            return None

    async def expect(self, total: int) -> None:
        """Note the size of the whole. Raises SizeMismatch if there is more already."""
        held = self._held
        if isinstance(held, Ingest):
            try:
                await self._store.expect(held, total)
            except StoreFailed as error:
                await self._overflow(error)
            else:
                return
        self._passing().expect(total)

    async def restart(self) -> None:
        """Forget what an earlier try has left, unread by us. StoreBusy: siblings may read it, so drop it and `open`."""
        held = self._held
        if isinstance(held, Ingest) and self._store.siblings.count > 1:
            raise StoreBusy("others may be reading what a blob was begun with")
        if isinstance(held, Ingest):
            try:
                await self._store.run(held.restart)
            except StoreFailed as error:
                await self._overflow(error)
            else:
                self._writing = self._written_to(held)
                return
        self._passing().close()
        self._pass_on(Spool(self._digest, self._digest.hasher(), 0, None))

    async def verify(self) -> None:
        """Whether the bytes are what the digest names, all of which are there then: SizeMismatch or DigestMismatch.

        Raises StoreFailed as `append`.
        """
        await self.settle()
        if self._held is not None:
            self._held.verify()

    async def keep(self) -> None:
        """Publish it, if the disk has it. That it cannot be kept is said in the log alone: the readers have it."""
        held = self._held
        if not isinstance(held, Ingest):
            return self._passing().close()
        try:
            await self._store.commit(held)
        except StoreFailed as error:
            _log.error("a verified blob could not be kept: %s", error)

    async def leave(self) -> None:
        """What is there is good, and gone on with by the next fetch."""
        if isinstance(self._held, Ingest):
            try:
                await self._still()
            finally:
                await self._store.leave(self._held)
        elif self._held is not None:
            self._held.close()

    async def drop(self) -> None:
        """Nothing can come of it."""
        if isinstance(self._held, Ingest):
            try:
                await self._still()
            finally:
                await self._store.drop(self._held)
        elif self._held is not None:
            self._held.close()

    async def _begin(self) -> OpenBlob | None:
        """Be ready to be filled; or the blob, if somebody has stored it in this moment."""
        ingest = None
        try:
            found = await claimed(self._store, self._digest)
            if isinstance(found, OpenBlob):
                return found
            ingest = found
            descriptor = ingest.duplicate()
            if not self._growth.read_in(descriptor, ingest.offset):
                os.close(descriptor)
                raise StoreFailed("its readers have begun with a file that is gone")
        except StoreFailed as error:
            if ingest is not None:
                await self._store.leave(ingest)  # with what an earlier try has left, which our readers cannot read
            await self._go_without(error)
        else:
            self._held = ingest
            self._writing = self._written_to(ingest)
        return None

    async def _go_without(self, error: StoreError) -> None:
        """Go on without the disk, from what our readers have had."""
        growth = self._growth
        total = growth.total if growth.progress else None
        self._pass_on(await self._store.run(spooled, self._digest, growth.descriptor, growth.progress, total))
        self._say(error)

    def _written_to(self, ingest: Ingest) -> Writing:
        return Writing(ingest, self._store, self._grown)

    def _grown(self, offset: int) -> None:
        if self._growth.has_begun:  # before that nobody may know
            self._growth.proceed(offset)

    async def _still(self) -> None:
        if self._writing is not None:
            await self._writing.still()

    def _is_too_much(self, piece: bytes) -> bool:
        """Whether a blob of unknown size has become larger than the cache may be."""
        return self.total is None and self.offset + len(piece) > self._store.limit

    async def _overflow(self, error: StoreFailed) -> None:
        """Go on without the disk, which is given back what it has been written so far."""
        ingest, writing = self._held, self._writing
        if not isinstance(ingest, Ingest) or writing is None:
            raise error
        try:
            await writing.still()
            self._pass_on(ingest.spool())
        finally:
            await self._store.drop(ingest)
        self._say(error)
        for piece in writing.rest():
            await self._passing().put(piece)

    def _pass_on(self, spool: Spool) -> None:
        self._held, self._writing = Passing(spool, self._store, self._growth), None

    def _say(self, error: StoreError) -> None:
        self.overflowed = True
        _log.warning("%s is passed on without being kept: %s", self._digest, error)
        if self.on_overflow is not None:
            self.on_overflow()

    def _passing(self) -> Passing:
        if not isinstance(self._held, Passing):
            raise StoreFailed("the blob is not being stored")
        return self._held
