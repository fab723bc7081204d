"""The fetches under way: at most one for each upstream and digest (F1), so many at a time for each upstream (F3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from weakref import WeakValueDictionary

from mirror.errors import Code, Refused, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.upstreams import Target
from mirror.store.store import Store
from mirror.tasks import end, spawn


@dataclass(frozen=True, slots=True)
class Bounds:
    """`at_once`: fetches of one upstream; `wait`: seconds for one's turn; `resumes`: tries without progress.

    `under_way`: fetches in all, most of them waiting: they outlive the requests that began them.
    """

    at_once: int
    wait: float
    resumes: int
    under_way: int = 4096


class Reader:
    """One reader of a fetch, as a `Readable`. Its holder closes it; the fetch does not notice (F2)."""

    def __init__(self, fetch: Fetch) -> None:
        self.repository = fetch.target.repository  # that the upstream is asked for, perhaps not the reader's
        self._growth = fetch.growth
        self._open = True
        self._place = self._growth.hold()

    @property
    def size(self) -> int | None:
        return self._growth.total

    @property
    def descriptor(self) -> int:
        return self._growth.descriptor_at(self._place.position)

    async def begun(self) -> None:
        """Wait until the size is known, as far as it ever will be before the end. Raises what the fetch ended with."""
        await self._growth.begun()

    async def ready(self, offset: int) -> int:
        self._growth.move(self._place, offset)
        return await self._growth.ready(offset)

    async def whole(self) -> int:
        """Wait for the end; the size of the whole. Raises what the fetch ended with."""
        offset = 0
        while (reached := await self._growth.ready(offset)) > offset:
            offset = reached
        return offset

    def doubt(self) -> None:
        """Nothing that is stored is doubted by this: the file of a fetch may have no name yet."""

    def close(self) -> None:
        if self._open:
            self._open = False
            self._growth.release(self._place)


class Fetches:
    """The pool. It owns every fetch's task; `aclose` ends them, and what they have got is gone on with next time."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._bounds = bounds
        self._fetches: dict[tuple[str, Digest], Fetch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Both are there as long as somebody wants them: of digests, and of a pattern's upstreams, there is no end.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        # There is one ingest for each digest, so upstreams that are asked for the same one have to take turns.
        self._ingests: WeakValueDictionary[Digest, asyncio.Lock] = WeakValueDictionary()
        self.began = 0
        self.joined = 0
        self.passed_on = 0  # fetches that the disk would not keep
        self.on_end: Callable[[Fetch], None] | None = None

    def __len__(self) -> int:
        return len(self._fetches)

    def find(self, target: Target, digest: Digest) -> Fetch | None:
        """The fetch of this digest from this upstream that is under way, whichever repository it began for."""
        return self._fetches.get((target.name, digest))

    def join(self, target: Target, digest: Digest) -> tuple[Reader, bool]:
        """A reader of the fetch that is under way, or of a new one; and whether there was one. Never waits (F1).

        A fetch for another repository may be joined only by those who have proven that theirs has the digest too.
        Raises Refused (BUSY) when too many are waiting for their turn.
        """
        key = (target.name, digest)
        fetch = self._fetches.get(key)
        if fetch is not None and fetch.growth.from_the_beginning:
            self.joined += 1
            return Reader(fetch), True
        if len(self._fetches) >= self._bounds.under_way:
            raise Refused("too many blobs are waiting to be fetched", code=Code.BUSY, retry_after=5)
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
        for fetch in self._fetches.values():  # whose tasks had not even taken their first step
            fetch.growth.fail(Unreachable("the mirror is shutting down"))
        self._fetches.clear()

    async def _run(self, key: tuple[str, Digest], fetch: Fetch) -> None:
        try:
            async with AsyncExitStack() as places:
                if await self._has_its_turn(fetch, places):
                    await fetch.run()
        finally:
            if self._fetches.get(key) is fetch:
                del self._fetches[key]  # F9; in the same breath as the end, so that nobody joins what has failed
            self.passed_on += fetch.sink.overflowed
            if self.on_end is not None:
                self.on_end(fetch)

    async def _has_its_turn(self, fetch: Fetch, places: AsyncExitStack) -> bool:
        """Wait for it; False when that took too long, or when nobody wants the blob any more before it has begun.

        What is taken is given back by `places`.
        """
        ingest = self._ingests.setdefault(fetch.digest, asyncio.Lock())
        turns = self._turns.setdefault(fetch.target.name, asyncio.Semaphore(self._bounds.at_once))
        waits = ingest.locked() or turns.locked()
        try:
            async with asyncio.timeout(self._bounds.wait):
                await ingest.acquire()
                claim = places.enter_context(ExitStack())
                claim.callback(ingest.release)
                fetch.sink.on_overflow = claim.close  # F12: what passes by the disk is in nobody's way there
                await places.enter_async_context(turns)
        except TimeoutError:
            message = "too many blobs are being fetched from that registry, or this one from another for too long"
            fetch.growth.fail(Refused(message, code=Code.BUSY, retry_after=5))
            return False
        except asyncio.CancelledError:
            fetch.growth.fail(Unreachable("the mirror is shutting down"))
            raise
        if waits and not fetch.growth.held:
            fetch.growth.fail(Refused("nobody waits for this blob any more", code=Code.BUSY))
            return False
        return True
