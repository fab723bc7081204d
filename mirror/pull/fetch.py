"""One download of one blob into the store, which goes on to its end whoever waits for it. Knows no readers.

F7  a broken body is gone on with at the exact offset, and only tries without progress count;
F9  nothing stays of it but what the next fetch can go on with.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial

from mirror.errors import (
    Absent,
    Denied,
    DigestMismatch,
    Interrupted,
    LeftoverMismatch,
    MirrorError,
    Nonsense,
    SizeMismatch,
    StoreBusy,
    StoreError,
    Unreachable,
    UpstreamError,
)
from mirror.oci.digest import Digest
from mirror.pull.growth import Growth
from mirror.pull.patience import Patience
from mirror.pull.pieces import next_piece
from mirror.pull.ranges import Ranges, Ways
from mirror.pull.rescue import begin_alike
from mirror.pull.sink import Sink
from mirror.pull.upstreams import Target
from mirror.pull.vouching import Vouching
from mirror.store.open_blob import OpenBlob
from mirror.store.store import Store
from mirror.upstream.blob_body import BlobBody

_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)  # seconds before another try, by the number of tries without progress
_WORTH = 64 * 1024  # bytes of one body that are worth another without a pause
_LONGEST_PAUSE = 10.0  # seconds, whatever the upstream wishes: readers are waiting

_log = logging.getLogger(__name__)


class Fetch:
    """The download, and in `growth` what its readers see of it. Made and run by `Fetches`."""

    def __init__(self, target: Target, digest: Digest, store: Store, resumes: int) -> None:
        """`resumes`: how many tries of a broken body may bring nothing."""
        self.digest = digest
        self.target = target
        self.growth = Growth(partial(store.start, os.close))
        self.vouching = Vouching(target, digest, store.facts, self.growth)
        self.ended = asyncio.Event()  # what could be kept of it is
        self.sink = Sink(digest, store, self.growth)
        self._store = store
        store.removal.readers.enter(digest)  # also for those who read on when it has ended
        self.growth.on_closed = partial(store.removal.readers.leave, digest)
        self._resumes = resumes
        self.patience = Patience()
        self._source: BlobBody | None = None  # that was read last
        self.ways: Ways | None = None  # to fetch it over more than one connection
        self._ranges: Ranges | None = None

    @property
    def failure(self) -> MirrorError | None:
        """What the fetch ended with, if it ended without the blob."""
        return self.growth.failure

    async def run(self) -> bool:
        """Download, verify, commit. False when a sibling process is at it: then nothing was done.

        Raises nothing but its own cancellation: failures go to the readers. Whoever ran it ends `growth`.
        """
        try:
            stored = await self.sink.open()
            if stored is not None:
                await self.serve(stored)
            else:
                await self._download()
        except StoreBusy as error:
            if self._store.siblings.count > 1:
                return False
            self.growth.fail(error)
        except MirrorError as error:
            self.growth.fail(error)
        except asyncio.CancelledError:
            self.growth.fail(Unreachable("the mirror is shutting down"))
            raise
        return True

    async def serve(self, stored: OpenBlob) -> None:
        """Hand out what somebody else has brought meanwhile, once the upstream says that it is ours too."""
        growth = self.growth
        if not growth.read_in(stored.descriptor, stored.size):
            try:
                alike = await self._store.run(begin_alike, growth.descriptor, stored.descriptor, growth.progress)
                if not alike:
                    raise DigestMismatch("what readers have had of a blob is not how it begins")
            except BaseException:
                stored.close()
                raise
            growth.turn(stored.descriptor, growth.progress)
        await self.ask(stored.size)
        growth.complete(stored.size)
        self.vouching.note()

    async def _download(self) -> None:
        sink, left = self.sink, self.sink.offset
        try:
            await self._bring()
            await sink.verify()
        except StoreError as error:
            is_wrong = isinstance(error, (DigestMismatch, SizeMismatch))
            if self._source is not None and is_wrong:
                self._source.doubt()
            await sink.drop()
            if left and is_wrong:
                raise LeftoverMismatch(str(error)) from error
            raise
        except BaseException:
            await sink.leave()
            raise
        self.growth.complete(sink.offset)  # readers need not wait for the disk
        self.vouching.note()  # now, and not when it was said: before, anybody could have named any size
        try:
            await asyncio.sleep(0)  # they have their last byte before a thread that keeps it is in their way
        finally:
            await sink.keep()

    async def _bring(self) -> None:
        """Bring the sink to its end, over as many connections at a time as may be used."""
        if self.ways is None:
            return await self._fill()
        self._ranges = Ranges(self.target, self.digest, self._store, self.sink, self.ways)
        try:
            if self.sink.offset:
                await self._ranges.take_up()
                await self._ranges.advance()
            await self._fill()
        finally:
            await self._ranges.aclose()

    async def _fill(self) -> None:
        """Bring the sink to its end, over as many bodies as that takes (F7)."""
        sink = self.sink
        if sink.offset == sink.total:
            await self.ask(sink.total)  # an earlier process ended just before its commit, perhaps for somebody else
        barren, by_range = 0, True
        while sink.total is None or sink.offset < sink.total:
            before = sink.offset
            try:
                if not await self._advanced():
                    await self._take(sink.offset if by_range else 0)
            except (Absent, Denied):
                raise  # its last word, also in the middle of a blob
            except UpstreamError as error:
                gained = sink.offset - before
                barren = 0 if gained else barren + 1
                # Perhaps it was only the range that it made no sense of: 416, or a part that it does not describe.
                by_range = not (by_range and before and isinstance(error, Nonsense))
                if by_range and (not self.growth.has_begun or barren > self._resumes):
                    raise
                if self.patience.is_over(sink.offset, 0.0 if self._source is None else self._source.held):
                    raise
                _log.info("%s broke off at byte %d: %s", self.digest, sink.offset, error)
                pause = _PAUSES[min(barren if gained >= _WORTH else max(barren, 1), len(_PAUSES) - 1)]
                pause += error.retry_after or 0
                await asyncio.sleep(min(pause, _LONGEST_PAUSE))
        await sink.settle()
        self.growth.begin(sink.total, sink.offset)

    async def _advanced(self) -> bool:
        """Whether that was all, once what other connections have brought, or are bringing, is appended."""
        if self._ranges is not None and self.growth.has_begun:
            await self._ranges.advance()
        return self.sink.offset == self.sink.total

    async def _take(self, offset: int) -> None:
        """Append what one body, asked for from `offset` on, brings of what is not here yet."""
        stop = self._ranges.edge if self._ranges is not None and offset == self.sink.offset else None
        async with self.target.upstream.registry.blob(self.target.repository, self.digest, offset, stop) as body:
            self._source = body
            if not await self._accept(body):
                return
            if self._ranges is not None:
                self._ranges.begin(body)
            is_rest = await self._copy(body)
            if is_rest and body.total is None:
                await self._end()
            elif is_rest and self.sink.offset < (body.total or 0):
                raise Interrupted("the upstream's body ended early")

    async def _end(self) -> None:
        """Take the end of a body of unknown size for the end of the blob."""
        if self.sink.total not in (None, self.sink.offset):
            raise SizeMismatch("the upstream's body is not as long as the blob was said to be")
        await self.sink.expect(self.sink.offset)

    async def _accept(self, body: BlobBody) -> bool:
        """Take note of what the upstream has just said: that it has the blob, and of what size.

        False when it contradicts what an earlier process left: then that is forgotten, and this body of no use.
        """
        if body.total is not None and (self.sink.total not in (None, body.total) or self.sink.offset > body.total):
            if self.growth.has_begun:
                body.doubt()
                raise Nonsense("the upstream changed the size of a blob while sending it")
            await self.sink.restart()
            if self._ranges is not None:
                await self._ranges.forget()
            return False
        if body.total is not None:
            await self.sink.expect(body.total)
        await self.sink.settle()
        self.growth.begin(self.sink.total, self.sink.offset)
        return True

    async def _copy(self, body: BlobBody) -> bool:
        """Append the body to the ingest, but for what is here already: an upstream may send all of it again.

        False when that left some of the body behind: other connections bring the rest.
        """
        behind = self.sink.offset - body.offset
        following = next_piece if self._ranges is None else self._ranges.piece
        while piece := await following(body):
            fresh, behind = piece[behind:], max(behind - len(piece), 0)
            edge = self._ranges.edge if self._ranges is not None else None
            if edge is not None and self.sink.offset + len(fresh) >= edge:
                await self.sink.append(fresh[: edge - self.sink.offset])
                return False
            if self.sink.total is not None and self.sink.offset + len(fresh) > self.sink.total:
                raise SizeMismatch("the upstream sent more bytes than the blob was said to have")
            if fresh:
                await self.sink.append(fresh)
        return True

    async def ask(self, held: int | None) -> None:
        """Have the upstream's word that this repository has the blob, of the size that is known, unless we have it."""
        target = self.target
        if self._store.facts.member(target.name, target.repository, str(self.digest)) is None:
            await target.upstream.registry.head_blob(target.repository, self.digest, held)
