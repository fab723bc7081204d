"""What a store may say once a bundle's content is in it: which repository has what, and where its tags point.

Whoever imports a bundle vouches for it as the upstream does for its answers: the other mirror has had them from there.
A tag counts as checked now, and does not run out, because where bundles go nobody may ever be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from mirror.bundles.closure import Document, walk
from mirror.bundles.contents import Contents, Image
from mirror.bundles.incoming import is_here
from mirror.errors import Code, Malformed, Refused
from mirror.oci.digest import Digest
from mirror.store.catalog import Key, TagRecord
from mirror.store.index import Member
from mirror.store.journal import Sighting
from mirror.store.store import Store

MOST = 1_000_000  # manifests and blobs of the images, for each repository
_CENTURY = 100 * 365 * 86400.0  # seconds
_TURN = 64  # notes until others have their turn
_WAITING = 128 * _TURN  # notes that wait to be written


class Publishing:
    """Of one bundle. `documents`: its manifests, those included that its sender left out."""

    def __init__(
        self, store: Store, contents: Contents, documents: Mapping[Digest, Document], most: int = MOST
    ) -> None:
        """`most`: manifests and blobs that there is something to say of."""
        self._store = store
        self._contents = contents
        self._documents = documents
        self._most = most
        self._known = contents.known()
        self._here: set[Digest] = set()
        self._said = 0
        # Of the tags of an image one is enough to say what its repository has.
        named = ((image.name.upstream, image.name.repository, image.digest) for image in contents.images)
        self._images = dict(zip(named, contents.images, strict=True)).values()

    async def keep(self, when: float) -> None:
        """Note the images before their blobs come, so that making room for one does not cost another."""
        for document in self._documents.values():
            needs = [str(entry.digest) for entry in (*document.blobs, *document.manifests)]
            self._store.images.note(str(document.digest), needs)
            await self._rest(len(needs))
        for image in self._images:
            self._store.images.brought((image.name.upstream, image.name.repository, str(image.digest)), when)
            await self._rest()

    async def check(self) -> None:
        """That every image is whole. Raises Refused, and nothing has been said of any."""
        left = self._most
        for image in self._images:
            async for document in self._walk(image):
                left -= 1 + len(document.blobs) + len(document.manifests)
                if left < 0:
                    raise Refused("the images of the bundle consist of too much", code=Code.BAD_REQUEST)
                for blob in document.blobs:
                    await self._check(blob.digest, blob.foreign)

    async def publish(self, when: float) -> int:
        """Say all there is to say; it is on disk when this returns. When cancelled, it is said in part.

        What is returned is how many tags pointed elsewhere before.
        """
        for image in self._images:
            async for document in self._walk(image):
                self._prove(image, document.digest, document.media_type)
                for blob in document.blobs:
                    if blob.digest in self._known:
                        self._prove(image, blob.digest, None)
                        await self._rest()
        moved = 0
        for image in self._contents.images:
            moved += self._point(image, when)
            await self._rest()
        await self._store.flush()
        return moved

    async def _walk(self, image: Image) -> AsyncIterator[Document]:
        try:
            for document in walk(image.digest, self._found):
                yield document
                await self._rest(1 + len(document.blobs) + len(document.manifests))
        except Malformed as error:
            raise Refused(str(error), code=Code.BAD_REQUEST) from error

    async def _rest(self, said: int = 1) -> None:
        """After each of what may be thousands: let others have their turn, and what was noted be written."""
        before, self._said = self._said, self._said + said
        if self._said // _TURN > before // _TURN:
            await asyncio.sleep(0)
        if self._said // _WAITING > before // _WAITING:
            await self._store.flush()

    def _found(self, digest: Digest) -> Document | None:
        document = self._documents.get(digest)
        if document is None and digest not in self._contents.absent:
            raise self._lacking(digest)
        return document

    async def _check(self, digest: Digest, foreign: bool) -> None:
        if digest in self._contents.absent or digest in self._here:
            return
        piece = self._known.get(digest)
        if piece is None and foreign:
            return
        if piece is None or not await is_here(self._store, piece):
            raise self._lacking(digest)
        self._here.add(digest)

    def _prove(self, image: Image, digest: Digest, media_type: str | None) -> None:
        facts, name = self._store.facts, image.name
        facts.prove(Member(name.upstream, name.repository, str(digest), media_type))
        kind = "absent-blob" if media_type is None else "absent"
        facts.forget_absent(Key(kind, name.upstream, name.repository, str(digest)))

    def _point(self, image: Image, when: float) -> bool:
        """Have its tag point to the image; whether it pointed to another one."""
        facts, name = self._store.facts, image.name
        if name.tag is None:
            return False
        key = Key("tag", name.upstream, name.repository, name.tag)
        facts.forget_absent(Key("absent", name.upstream, name.repository, name.tag))
        known = facts.tag(key)
        before = None if known is None else known.digest
        facts.journal.note(Sighting(name.upstream, name.repository, name.tag, str(image.digest), before, when))
        facts.put_tag(key, TagRecord(str(image.digest), when, lasting=True), _CENTURY)
        facts.heard(key, None)  # whoever remembers an answer of this process is to look again
        return before not in (None, str(image.digest))

    def _lacking(self, digest: Digest) -> Refused:
        words = f"an image in the bundle is not whole here: it needs {digest}"
        if any(piece.digest == digest for piece in self._contents.pieces):
            words += ", which has gone again, or is broken: see `mirror gc --dry-run`, and import again"
            return Refused(words, code=Code.STORAGE)
        words += ". A bundle made with --lacking needs the mirror whose inventory that was: "
        return Refused(words + "make a new inventory there, or export without", code=Code.BAD_REQUEST)
