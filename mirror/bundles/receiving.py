"""A bundle taken into a store as it comes: as a tar archive, in the order in which `writing` puts it.

Nothing is believed before it is verified, nothing is served before all of it is: whatever breaks off leaves content
that the next import does not need again, and says nothing of it. Memory is bounded by the contents' list.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from mirror.bundles.closure import Document, read_document
from mirror.bundles.contents import LARGEST, MANIFEST, Contents, Piece
from mirror.bundles.incoming import Incoming
from mirror.bundles.layout import CONTENTS, INDEX, LAYOUT, MARK, MOST_OF_AN_INDEX, SEAL, index_of, path_of
from mirror.bundles.publishing import Publishing
from mirror.bundles.seal import LARGEST as LARGEST_SEAL
from mirror.bundles.seal import check
from mirror.bundles.tar_format import Header, Kind
from mirror.bundles.tar_reader import TarReader
from mirror.errors import Code, Malformed, Refused
from mirror.oci.digest import Digest
from mirror.store.store import Store

_HEADING = ((LAYOUT, len(MARK)), (CONTENTS, LARGEST), (SEAL, LARGEST_SEAL), (INDEX, MOST_OF_AN_INDEX))


@dataclass(frozen=True, slots=True)
class Received:
    """What an import has brought: names of images, and content that was not here before."""

    images: tuple[str, ...]
    blobs: int
    bytes: int
    skipped: int  # pieces that were here, or that their sender has left out
    moved: int  # tags that pointed elsewhere before
    evicted: int  # bytes that went meanwhile so that there was room


class Receiving:
    """One bundle's way into a store. `take` it, once."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._reader = TarReader()
        self._heading: list[bytes] = []
        self._contents: Contents
        self._expected: Iterator[Piece] = iter(())
        self._documents: dict[Digest, Document] = {}
        self._incoming: Incoming | None = None
        self._spared: tuple[Digest, ...] = ()  # images that are not to be evicted while the rest of them comes
        self._evicted = store.evicted  # before this import
        self._held: bytearray | None = None  # what is read whole: the heading, and manifests
        self._kept = False
        self._blobs = self._bytes = self._skipped = 0

    async def take(self, stream: AsyncIterator[bytes]) -> Received:
        """Take the bundle from its first byte to its last. Raises Refused, StoreFailed, and what the stream raises.

        May be cancelled; what has come by then is gone on with by the next import.
        """
        try:
            async for data in stream:
                for event in self._reader.feed(data):
                    await (self._begin(event) if isinstance(event, Header) else self._write(event))
            self._reader.close()
            await self._end_member()
            return await self._publish()
        finally:
            for digest in self._spared:
                self._store.removal.readers.leave(digest)
            if self._incoming is not None:
                await self._incoming.leave()

    async def _begin(self, header: Header) -> None:
        await self._end_member()
        if header.kind is not Kind.FILE:
            raise _refused("it holds more than files")
        if len(self._heading) < len(_HEADING):
            path, largest = _HEADING[len(self._heading)]
            if header.path != path or header.size > largest:
                raise _refused("it does not begin as a bundle of `mirror export` does")
            self._held = bytearray()
            return
        piece = next(self._expected, None)
        if piece is None or header.path != path_of(piece.digest) or header.size != piece.size:
            raise _refused("its files are not those that its contents tell of, in their order")
        if piece.media_type is not None:
            self._held = bytearray()
        else:
            await self._keep()
        self._incoming = await Incoming.begin(self._store, piece)

    async def _write(self, data: bytes) -> None:
        if self._held is not None:
            self._held += data
        if self._incoming is not None:
            await self._incoming.write(data)

    async def _end_member(self) -> None:
        """What has come is complete: a file of the heading, or a piece of content."""
        incoming, held = self._incoming, self._held
        self._held = None
        if incoming is not None:
            if held is not None:
                await self._read(incoming.piece, bytes(held))
            was_here = incoming.is_here
            await incoming.finish()
            self._incoming = None
            self._blobs += not was_here
            self._skipped += was_here
            self._bytes += incoming.stored
        elif held is not None:
            self._heading.append(bytes(held))
            if len(self._heading) == len(_HEADING):
                await self._open()

    async def _open(self) -> None:
        """The heading is complete: what it tells is what has to come."""
        mark, contents, sealed, index = self._heading
        await asyncio.to_thread(check, contents, sealed, None)
        self._contents = await asyncio.to_thread(Contents.parse, contents)
        if mark != MARK or index != await asyncio.to_thread(index_of, self._contents):
            raise _refused("its index is not that of its contents")
        if self._store.limit:
            check_size(self._contents, self._store.limit)
        self._heading = [b""] * len(_HEADING)
        self._expected = iter(self._contents.pieces)
        for piece in self._contents.left_out:
            self._skipped += 1
            if piece.media_type is not None:
                await self._read(piece, await self._stored(piece))

    async def _read(self, piece: Piece, body: bytes) -> None:
        try:
            document = await asyncio.to_thread(read_document, piece.digest, body, piece.media_type)
        except Malformed:
            raise _refused("a manifest in it is not what its digest names, or none") from None
        self._documents[piece.digest] = document

    async def _stored(self, piece: Piece) -> bytes:
        """A manifest that the sender has left out because it is here."""
        blob = await self._store.blobs.open(piece.digest)
        if blob is None:
            raise Refused(
                f"the bundle leaves out {piece.digest}, which is not here: make a new inventory, or export without one",
                code=Code.BAD_REQUEST,
            )
        with blob:
            return await self._store.run(os.pread, blob.descriptor, MANIFEST, 0)

    async def _keep(self) -> None:
        """All manifests have come: their images are known."""
        if not self._kept:
            self._kept = True
            await self._publishing().keep(self._now())
            self._spared = tuple(image.digest for image in self._contents.images)
            for digest in self._spared:
                self._store.removal.readers.enter(digest)

    async def _publish(self) -> Received:
        if len(self._heading) < len(_HEADING) or next(self._expected, None) is not None:
            raise _refused("it ends too soon: have it carried again")
        await self._keep()
        publishing = self._publishing()
        await publishing.check()
        moved = await publishing.publish(self._now())
        names = tuple(image.full_name for image in self._contents.images)
        evicted = self._store.evicted - self._evicted
        return Received(names, self._blobs, self._bytes, self._skipped, moved, evicted)

    def _publishing(self) -> Publishing:
        return Publishing(self._store, self._contents, self._documents)


def check_size(contents: Contents, limit: int) -> None:
    """Raises Refused when a cache of so many bytes cannot hold the images."""
    if contents.whole_size > limit:
        words = "what the images in the bundle consist of is larger than the cache may be: raise storage.max_size"
        raise Refused(words, code=Code.STORAGE)


def _refused(words: str) -> Refused:
    return Refused(f"the bundle cannot be read: {words}", code=Code.BAD_REQUEST)
