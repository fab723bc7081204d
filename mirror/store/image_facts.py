"""The images of a running store, for its loop: asked on the facts' thread, noted in its batches. See `images`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias, TypeVar

from cachetools import LRUCache

from mirror.errors import StoreFailed
from mirror.store.brought import note_brought
from mirror.store.catalog import Catalog, Key, Note
from mirror.store.databases import Databases
from mirror.store.facts import Facts
from mirror.store.images import PIN, Image, Images, Name
from mirror.store.index import GATHERED, DatabaseError, Index
from mirror.store.pull_notes import PullNotes
from mirror.store.reach import Sizes
from mirror.store.release import Belongings, belongings

_KNOWN = 65_536  # documents whose needs are known to have been noted: some 200 bytes each
_PAGE = 200  # images that are looked at before others have their turn on the facts' thread

Listed: TypeAlias = "list[Image]"
Names: TypeAlias = list[str]
Remove: TypeAlias = Callable[[Iterable[tuple[str, int]]], Awaitable[int]]
T = TypeVar("T")


def pin_key(pattern: str) -> Key:
    """What a pin is noted under in the catalog."""
    return Key(PIN, "", "", pattern)


class ImageFacts:
    """Made by the store. `remove` lets blobs go, and tells how many bytes that were."""

    def __init__(self, databases: Databases, facts: Facts, pulls: PullNotes, remove: Remove) -> None:
        self._databases = databases
        self._facts = facts
        self._pulls = pulls
        self._remove = remove
        self._documents: LRUCache[str, None] = LRUCache(_KNOWN)

    # notes, which take microseconds and never fail

    def pulled(self, name: Name, when: float) -> None:
        """Note that a client was given this manifest, by the wall clock."""
        self._pulls.pulled(name, when)

    def brought(self, name: Name, when: float) -> None:
        """Note that this image has come in a bundle, by the wall clock: that keeps it as a pull would."""
        self._pulls.flush()
        self._databases.write_index.submit(lambda index: note_brought(index, name, when))

    def note_pulls(self) -> None:
        """Hand the pulls to the writer that wait to be written down."""
        self._pulls.flush()

    def is_noted(self, document: str) -> bool:
        """Whether it is known what this document needs."""
        if document in self._documents:
            return True
        try:
            known = Images(self._databases.index).is_noted(document)
        except DatabaseError:
            return False
        if known:
            self._documents[document] = None
        return known

    def note(self, document: str, needs: Iterable[str]) -> None:
        """Note what a document needs that has just been stored, or read."""
        children = [*needs]
        self._databases.write_index.submit(lambda index: Images(index).note(document, children))

    def gone(self, document: str) -> None:
        """It is stored no more, and what it needs is to be noted again when it is."""
        self._documents.pop(document, None)

    # questions, which wait for all that was noted before

    async def list(self, upstream: str | None = None, repository: str | None = None) -> Listed:
        """All images that are held, if only their manifest, in the order of their names. Raises one of LOSSES."""
        found: Listed = []
        after: Name = ("", "", "")
        while page := await self._ask(partial(Images.page, of=(upstream, repository), after=after, limit=_PAGE)):
            found += page
            after = (page[-1].upstream, page[-1].repository, page[-1].digest)
        return found

    async def count(self) -> int:
        """How many images are held. Raises one of LOSSES."""
        return await self._ask(Images.count)

    async def are_gathered(self) -> bool:
        """Whether it is known of all that is stored which images it is, and what they need. Raises one of LOSSES."""
        return await self._databases.on_thread(lambda index, _: index.stage >= GATHERED)

    async def closure(self, digest: str) -> Sizes:
        """What a document needs and what that needs, itself first: digests, with the bytes of each that is stored."""
        return await self._ask(lambda images: images.closure(digest))

    async def needed_by(self, digest: str) -> Names:
        """The stored documents that refer to this and mean to be kept with it."""
        return await self._ask(lambda images: images.needed_by(digest))

    async def pins(self) -> Names:
        """Every pattern, in lexical order."""
        return await self._ask(Images.pins)

    async def pin(self, pattern: str) -> None:
        """Keep what this means from being evicted; it is on disk when this returns. Raises StoreFailed, LOSSES."""
        self._see_that_it_lasts()
        await self._change(lambda images: images.pin(pattern))
        await self._note_pin(Note(pin_key(pattern), {}))

    async def unpin(self, pattern: str) -> bool:
        """Let go of a pattern; whether there was such a one. Raises StoreFailed, or one of LOSSES."""
        self._see_that_it_lasts()
        await self._note_pin(Note(pin_key(pattern), None))
        return await self._change(lambda images: images.unpin(pattern))

    async def alone(self, upstream: str, repository: str, digest: str | None) -> Belongings:
        """What `forget` would remove. Raises one of LOSSES."""
        self._pulls.flush()
        await self._databases.flush()
        return await self._databases.on_thread(lambda index, _: belongings(index, (upstream, repository), digest))

    async def forget(self, upstream: str, repository: str, digest: str | None) -> int:
        """Remove an image, or with None all of a repository: what nobody else needs, its tags, and that it was proven.

        Returns the bytes that went; what is being fetched stays, and what is open stays readable (S5). Pins do not
        keep an image from this. Raises one of LOSSES, and StoreFailed when the disk does not let go of something.
        """
        going = await self.alone(upstream, repository, digest)
        for tag in going.tags:
            key = Key("tag", upstream, repository, tag)
            self._facts.forget_tag(key)
            self._facts.heard(key, None)
        for name in going.names:
            self._facts.forget_member(*name)
            self._facts.heard(Key("member", *name), None)
            self._pulls.forget(name)
        self._databases.write_index.submit(lambda index: Images(index).forget(going.names))
        await self._databases.flush()
        return await self._remove(going.stored)

    def _see_that_it_lasts(self) -> None:
        if not self._databases.write_index.is_lasting:
            raise StoreFailed(
                "the disk cannot be used just now, so that it would soon be forgotten: nothing was changed"
            )

    async def _ask(self, question: Callable[[Images], T]) -> T:
        self._pulls.flush()
        await self._databases.flush()
        return await self._databases.on_thread(lambda index, _: question(Images(index)))

    async def _note_pin(self, note: Note) -> None:
        """Note it where it outlives the loss of the index, too."""
        self._databases.write_catalog.submit(lambda catalog: catalog.write(note))
        await self._databases.flush()

    async def _change(self, change: Callable[[Images], T]) -> T:
        def changed(index: Index, _: Catalog) -> T:
            with index:
                return change(Images(index))

        return await self._databases.on_thread(changed)
