"""Reading along with a fetch of a sibling process, until it is over or nobody goes on with it (F1, F11).

What is told is `sharing`'s to say. A word that is lost costs a second: then whoever follows asks again, and looks at
the lock. Knows not how a fetch is gone on with.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

from mirror.errors import Absent, Denied, Malformed, MirrorError, StoreError, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.reading import opened
from mirror.pull.told import error_of
from mirror.siblings import GONE, LOST
from mirror.store.store import Store
from mirror.tasks import within

_LOOKS = (0.02, 0.1, 0.3)  # seconds before each of the first looks, while nobody has said that he is at it
_LOOK = 1.0  # seconds between later ones


@dataclass(eq=False, slots=True)
class _Heard:
    """What was told of one file, by its inode. `offset` -1: nothing has come yet."""

    inode: int
    offset: int = -1
    total: int | None = None
    place: tuple[str, str] | None = None  # upstream and repository that it is fetched for
    size: int | None = None  # once it is verified
    failure: MirrorError | None = None
    is_left: bool = False
    is_doubted: bool = False  # somebody has died, or a word was lost
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Following:
    """The readings along of one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._siblings = siblings = store.siblings
        self._heard: dict[Digest, set[_Heard]] = {}
        if siblings.count > 1:
            siblings.hear("holding", self._holding)
            siblings.hear("grown", self._grown)
            siblings.hear("whole", self._whole)
            siblings.hear("failed", self._failed)
            siblings.hear("left", self._left)
            siblings.hear(GONE, lambda *_: self._doubt())
            siblings.hear(LOST, self._doubt)

    async def follow(self, fetch: Fetch) -> bool:
        """Read along with whoever stores this blob. False when nobody does any more: then it is ours to go on with.

        What it ends with is its readers' to hear. Raises nothing but its own cancellation, which they hear of, too.
        """
        try:
            return await self._follow(fetch)
        except MirrorError as error:
            fetch.growth.fail(error)
            return True
        except asyncio.CancelledError:
            fetch.growth.fail(Unreachable("the mirror is shutting down"))
            raise

    async def _follow(self, fetch: Fetch) -> bool:
        descriptor = await self._store.run(self._store.alongside.open, fetch.digest)
        if descriptor is None:
            return False
        inode = os.fstat(descriptor).st_ino
        if not fetch.growth.read_in(descriptor, fetch.growth.progress):
            os.close(descriptor)
            return False  # its readers have begun with another file
        heard = _Heard(inode)
        self._heard.setdefault(fetch.digest, set()).add(heard)
        try:
            return await self._listen(fetch, heard)
        finally:
            self._heard[fetch.digest].discard(heard)
            if not self._heard[fetch.digest]:
                del self._heard[fetch.digest]

    async def _listen(self, fetch: Fetch, heard: _Heard) -> bool:
        looks = iter(_LOOKS)
        while True:
            self._siblings.tell("follow", str(fetch.digest))
            while await within(heard.news, _LOOK if heard.place is not None else next(looks, _LOOK)):
                heard.news.clear()
                over = await self._heed(fetch, heard)
                if over is not None:
                    return over
                if heard.is_doubted:
                    break
            heard.is_doubted = False
            over = await self._look(fetch)
            if over is not None:
                return over

    async def _heed(self, fetch: Fetch, heard: _Heard) -> bool | None:
        """Act upon what was told: whether that ends it with the blob or a failure, or with neither; None: go on."""
        growth = fetch.growth
        if heard.failure is not None:
            return self._is_ours_too(fetch, heard, heard.failure)
        if heard.is_left:
            return False
        if heard.offset < 0:
            return None
        if not growth.has_begun:
            if heard.place != fetch.target.place:
                await fetch.ask(heard.total)
            growth.begin(heard.total, heard.offset)
        if heard.size is not None:
            is_compared = growth.total is not None  # `ask` has held it to that
            growth.complete(heard.size)
            if heard.place == fetch.target.place or is_compared:
                fetch.vouching.note()
            return True
        if heard.offset > growth.progress:
            growth.proceed(heard.offset)
        return None

    @staticmethod
    def _is_ours_too(fetch: Fetch, heard: _Heard, failure: MirrorError) -> bool:
        """End with somebody else's failure, if it says anything of what we would ask; False if it does not."""
        upstream, _ = heard.place or ("", "")
        same = heard.place == fetch.target.place
        is_word = isinstance(failure, (Absent, Denied))
        elsewhere = isinstance(failure, UpstreamError) and upstream != fetch.target.name
        unread = isinstance(failure, StoreError) and not fetch.growth.progress
        if (is_word and not same) or elsewhere or (unread and not same):
            return False
        fetch.growth.fail(failure)
        return True

    async def _look(self, fetch: Fetch) -> bool | None:
        """See for oneself whether somebody is still at it; None if so."""
        if await self._store.run(self._store.alongside.is_held, fetch.digest, fetch.growth.descriptor):
            return None
        stored = await opened(self._store, fetch.digest)
        if stored is None:
            return False
        await fetch.serve(stored)
        return True

    # what is told

    def _holding(self, digest: str, inode: int, offset: int, total: int | None, *place: str) -> None:
        for heard in self._of(digest, inode):
            upstream, repository = place
            heard.place, heard.total = (upstream, repository), total
            heard.offset = max(heard.offset, offset)
            heard.news.set()

    def _grown(self, digest: str, inode: int, offset: int) -> None:
        for heard in self._of(digest, inode):
            if heard.place is not None:  # else there is no telling yet for whom it is
                heard.offset = max(heard.offset, offset)
                heard.news.set()

    def _whole(self, digest: str, inode: int, size: int) -> None:
        for heard in self._of(digest, inode):
            heard.offset = heard.size = heard.total = size
            heard.news.set()

    def _failed(self, digest: str, inode: int, upstream: str, repository: str, *words: object) -> None:
        kind, code, message, retry_after = words
        for heard in self._of(digest, inode):
            heard.place = (upstream, repository)
            wait = retry_after if isinstance(retry_after, int) else None
            heard.failure = error_of(str(kind), str(code), str(message), wait)
            heard.news.set()

    def _left(self, digest: str, inode: int) -> None:
        for heard in self._of(digest, inode):
            heard.is_left = True
            heard.news.set()

    def _doubt(self) -> None:
        for several in self._heard.values():
            for heard in several:
                heard.is_doubted = True
                heard.news.set()

    def _of(self, digest: str, inode: int) -> list[_Heard]:
        try:
            return [heard for heard in self._heard.get(Digest.parse(digest), ()) if heard.inode == inode]
        except Malformed:
            return []
