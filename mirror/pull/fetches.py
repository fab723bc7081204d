"""The fetches under way: at most one for each upstream and digest (F1), so many at a time for each upstream (F3)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from mirror.errors import Code, Refused, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.upstreams import Target
from mirror.store.store import Store
from mirror.tasks import end, spawn


@dataclass(frozen=True, slots=True)
class Bounds:
    """`at_once`: fetches of one upstream; `wait`: seconds for one's turn; `resumes`: tries without progress."""

    at_once: int
    wait: float
    resumes: int


class Reader:
    """One reader of a fetch, as a `Readable`. Its holder closes it; the fetch does not notice (F2)."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._open = True
        fetch.hold()

    @property
    def size(self) -> int | None:
        return self._fetch.total

    @property
    def descriptor(self) -> int:
        return self._fetch.descriptor

    async def begun(self) -> None:
        """Wait until the size is known, as far as it ever will be before the end. Raises what the fetch ended with."""
        await self._fetch.begun()

    async def ready(self, offset: int) -> int:
        return await self._fetch.ready(offset)

    async def whole(self) -> int:
        """Wait for the end; the size of the whole. Raises what the fetch ended with."""
        offset = 0
        while (reached := await self._fetch.ready(offset)) > offset:
            offset = reached
        return offset

    def close(self) -> None:
        if self._open:
            self._open = False
            self._fetch.release()


class Fetches:
    """The pool. It owns every fetch's task; `aclose` ends them, and what they have got is gone on with next time."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._bounds = bounds
        self._fetches: dict[tuple[str, Digest], Fetch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(bounds.at_once))
        self.began = 0
        self.joined = 0
        self.on_end: Callable[[Fetch], None] | None = None

    def __len__(self) -> int:
        return len(self._fetches)

    def find(self, target: Target, digest: Digest) -> Fetch | None:
        """The fetch of this digest from this upstream that is under way, whichever repository it began for."""
        return self._fetches.get((target.name, digest))

    def join(self, target: Target, digest: Digest) -> tuple[Reader, bool]:
        """A reader of the fetch that is under way, or of a new one; and whether there was one. Never waits (F1).

        A fetch for another repository may be joined only by those who have proven that theirs has the digest too.
        """
        key = (target.name, digest)
        fetch = self._fetches.get(key)
        if fetch is not None:
            self.joined += 1
            return Reader(fetch), True
        fetch = self._fetches[key] = Fetch(target, digest, self._store, self._bounds.resumes)
        self.began += 1
        reader = Reader(fetch)
        task = spawn(self._run(key, fetch), f"fetch:{target.name}:{digest}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return reader, False

    async def aclose(self) -> None:
        """Break every fetch off, keeping what it has got."""
        await end(*self._tasks)

    async def _run(self, key: tuple[str, Digest], fetch: Fetch) -> None:
        turns = self._turns[key[0]]
        try:
            try:
                async with asyncio.timeout(self._bounds.wait):
                    await turns.acquire()
            except TimeoutError:
                message = "too many blobs are being fetched from that registry"
                fetch.fail(Refused(message, code=Code.BUSY, retry_after=5))
                return
            except asyncio.CancelledError:
                fetch.fail(Unreachable("the mirror is shutting down"))
                raise
            try:
                await fetch.run()
            finally:
                turns.release()
        finally:
            del self._fetches[key]  # F9; in the same breath as the end, so that nobody joins what has failed
            if self.on_end is not None:
                self.on_end(fetch)
