"""One download of one blob, followed by any number of readers of the same growing file.

F2  it belongs to the pool: no reader's departure or slowness touches it or the others;
F4  readers share the file and read by position;
F5  progress is one number, and growing it wakes all readers: nothing is copied or queued for any of them;
F6  the last byte is withheld until the digest is verified;
F7  a broken body is gone on with at the exact offset, and only tries without progress count;
F8  a failure reaches every reader as the same exception;
F10 where the size is unknown it is the end that is withheld.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator

from mirror.errors import Absent, Denied, Interrupted, MirrorError, Nonsense, StoreFailed, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.pull.upstreams import Target
from mirror.store.blobs import OpenBlob
from mirror.store.index import Member
from mirror.store.ingest import Ingest
from mirror.store.store import Store
from mirror.upstream.blob_body import BlobBody

_PIECE = 256 * 1024  # bytes that are worth a trip to a thread
_FILL = 0.002  # seconds that a slow wire is given to bring more than a few packets
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)  # seconds before another try, by the number of tries without progress

_log = logging.getLogger(__name__)


class Fetch:
    """The download and what its readers may see of it. Made and run by `Fetches`; ends by itself, whatever happens."""

    def __init__(self, target: Target, digest: Digest, store: Store, resumes: int) -> None:
        """`resumes`: how many tries of a broken body may bring nothing."""
        self.digest = digest
        self.target = target
        self.total: int | None = None
        self.verified = False
        self.descriptor = -1
        self._store = store
        self._resumes = resumes
        self._progress = 0
        self._failure: MirrorError | None = None
        self._over = False
        self._holders = 0
        self._grown = asyncio.Event()
        self._begun = asyncio.Event()

    # for readers

    @property
    def available(self) -> int:
        """How many bytes may be handed out: all when they are verified, else all but the last (F6, F10)."""
        if self.verified:
            return self._progress
        return max(self._progress - 1, 0) if self.total is None else min(self._progress, max(self.total - 1, 0))

    async def begun(self) -> None:
        """Wait until the upstream has agreed to send the blob. Raises what the fetch ended with."""
        await self._begun.wait()  # bounded by the upstream's time-outs, as all waits for a fetch are
        self._raise_failure()

    async def ready(self, offset: int) -> int:
        """As `Readable.ready`."""
        while (end := self.available) <= offset:
            self._raise_failure()
            if self.verified:
                return offset
            await self._grown.wait()
        return end

    def hold(self) -> None:
        """Keep the descriptor open until as many calls of `release`, beyond the end of the fetch."""
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        self._close_if_unused()

    # for the pool

    async def run(self) -> None:
        """Download, verify, commit. Never raises but for its own cancellation: failures go to the readers."""
        try:
            stored = await self._store.blobs.open(self.digest)  # it may have been committed since the request looked
            if stored is not None:
                await self._serve(stored)
            else:
                await self._download()
        except MirrorError as error:
            self.fail(error)
        except asyncio.CancelledError:
            self.fail(Unreachable("the mirror is shutting down"))
            raise
        finally:
            self._over = True
            self._close_if_unused()

    @property
    def failure(self) -> MirrorError | None:
        """What the fetch ended with, if it ended without the blob."""
        return self._failure

    async def _serve(self, stored: OpenBlob) -> None:
        """Hand out what another repository's fetch has stored meanwhile, once the upstream says that it is ours too."""
        self.descriptor = stored.descriptor
        name, repository = self.target.name, self.target.repository
        if self._store.facts.member(name, repository, str(self.digest)) is None:
            await self.target.upstream.registry.head_blob(repository, self.digest)
            self._store.facts.prove(Member(name, repository, str(self.digest)))
        self._proceed(stored.size, verified=True)

    async def _download(self) -> None:
        ingest = await self._store.begin(self.digest)
        try:
            self.descriptor = ingest.duplicate()
            await self._fill(ingest)
            ingest.verify()
        except UpstreamError:
            await self._store.leave(ingest)  # what is there is good, and gone on with by the next fetch
            raise
        except asyncio.CancelledError:
            await self._store.leave(ingest)
            raise
        except MirrorError:
            await self._store.drop(ingest)
            raise
        self._proceed(ingest.offset, verified=True)  # readers need not wait for the disk
        try:
            await self._store.commit(ingest)
        except StoreFailed as error:
            _log.error("a verified blob could not be kept: %s", error)

    async def _fill(self, ingest: Ingest) -> None:
        """Bring the ingest to its end, over as many bodies as that takes (F7)."""
        barren = 0
        while ingest.total is None or ingest.offset < ingest.total:
            before = ingest.offset
            try:
                async with self.target.upstream.registry.blob(
                    self.target.repository, self.digest, ingest.offset
                ) as body:
                    if not await self._accept(ingest, body):
                        continue
                    await self._copy(ingest, body)
                    if ingest.total is None:
                        await self._store.run(ingest.expect, ingest.offset)
                    elif ingest.offset < ingest.total:
                        raise Interrupted("the upstream's body ended early")
            except (Absent, Denied):
                raise
            except UpstreamError as error:
                barren = 0 if ingest.offset > before else barren + 1
                if not self._begun.is_set() or barren > self._resumes:
                    raise
                _log.info("%s broke off at byte %d: %s", self.digest, ingest.offset, error)
                await asyncio.sleep(min(_PAUSES[min(barren, len(_PAUSES) - 1)] + (error.retry_after or 0), 10.0))
        self._begin(ingest)

    async def _accept(self, ingest: Ingest, body: BlobBody) -> bool:
        """Take note of what the upstream has just said: that it has the blob, and of what size.

        False when it contradicts what an earlier process left: then that is forgotten, and this body of no use.
        """
        if body.total is not None and ingest.total not in (None, body.total):
            if self._begun.is_set():
                raise Nonsense("the upstream changed the size of a blob while sending it")
            await self._store.run(ingest.restart)
            return False
        if body.offset > ingest.offset:
            raise Nonsense("the upstream sent another range than the one asked for")
        if body.total is not None:
            await self._store.run(ingest.expect, body.total)
        self._store.facts.prove(Member(self.target.name, self.target.repository, str(self.digest)))
        self._begin(ingest)
        return True

    async def _copy(self, ingest: Ingest, body: BlobBody) -> None:
        """Append the body to the ingest, but for what is there already: an upstream may send all of it again."""
        behind = ingest.offset - body.offset
        async for piece in _pieces(body):
            if behind:
                piece, behind = piece[behind:], max(behind - len(piece), 0)
                if not piece:
                    continue
            if ingest.total is not None and ingest.offset + len(piece) > ingest.total:
                raise Nonsense("the upstream sent more bytes than it announced")
            await self._store.run(ingest.append, piece)
            self._proceed(ingest.offset)

    def _begin(self, ingest: Ingest) -> None:
        if not self._begun.is_set():
            self.total = ingest.total
            self._begun.set()
            self._proceed(ingest.offset)

    def _proceed(self, progress: int, *, verified: bool = False) -> None:
        self._progress = progress
        if verified:
            self.verified = True
            self.total = progress
            self._begun.set()
        self._wake()

    def fail(self, error: MirrorError) -> None:
        """End without the blob: every reader hears of it (F8), unless all there is to hear is that it is not kept."""
        if not self.verified:
            self._failure = error
        self._begun.set()
        self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    def _close_if_unused(self) -> None:
        if self._over and self._holders == 0 and self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


async def _pieces(body: BlobBody) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a thread: the first at once, the others as large as the wire makes them."""
    piece = await body.read()
    while piece:
        yield piece
        piece = await body.read()
        if piece and len(piece) < _PIECE // 4:
            await asyncio.sleep(_FILL)
            piece += body.read_ready(_PIECE - len(piece))
