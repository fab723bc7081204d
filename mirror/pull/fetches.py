"""The fetches under way: at most one for each upstream and digest (F1), so many at a time for each upstream (F3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from weakref import WeakValueDictionary

from mirror.errors import Code, Refused, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.following import Following
from mirror.pull.ranges import Ways
from mirror.pull.reader import Reader
from mirror.pull.sharing import Sharing
from mirror.pull.turns import SOMEBODYS, Places, Ticket, Turns, Wish
from mirror.pull.upstreams import Target, Upstream
from mirror.pull.width import Widths
from mirror.store.store import Store
from mirror.tasks import end, spawn


@dataclass(frozen=True, slots=True)
class Bounds:
    """`at_once`: fetches of one upstream; `wait`: seconds for one's turn; `resumes`: tries without progress.

    `under_way`: fetches in all, most of them waiting: they outlive the requests that began them. `ahead`: those of
    `at_once` that no client need have asked for. `answer`: seconds for which the whole of a small blob is waited for.
    """

    at_once: int
    wait: float
    resumes: int
    under_way: int = 4096
    ahead: int = 0
    answer: float = 14.0


@dataclass(slots=True)
class _Claim:
    """A fetch's place, or its wish for one; `over` is called when it has ended."""

    turns: Turns
    ticket: Ticket
    over: Callable[[Fetch], None] | None = None


class Fetches:
    """The pool. It owns every fetch's task; `aclose` ends them, and what they have got is gone on with next time."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._bounds = bounds
        self._fetches: dict[tuple[str, Digest], Fetch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._following = Following(store)
        self._sharing = Sharing(store.siblings, self._fetches.values)
        # Both are there as long as somebody wants them: of digests, and of a pattern's upstreams, there is no end.
        self._turns: WeakValueDictionary[str, Turns] = WeakValueDictionary()
        # There is one ingest for each digest, so upstreams that are asked for the same one have to take turns.
        self._ingests: WeakValueDictionary[Digest, asyncio.Lock] = WeakValueDictionary()
        self._claims: dict[Fetch, _Claim] = {}
        self._widths = Widths()
        self.began = 0
        self.joined = 0
        self.passed_on = 0  # fetches that the disk would not keep
        self.on_end: Callable[[Fetch], None] | None = None
        self.on_place: Callable[[str], None] | None = None  # there may be one for a fetch ahead, at the upstream named

    def __len__(self) -> int:
        return len(self._fetches)

    def find(self, target: Target, digest: Digest) -> Fetch | None:
        """The fetch of this digest from this upstream that is under way, whichever repository it began for."""
        return self._fetches.get((target.name, digest))

    def join(self, target: Target, digest: Digest, wish: Wish = SOMEBODYS) -> tuple[Reader, bool]:
        """A reader of the fetch that is under way, or of a new one; and whether there was one. Never waits (F1).

        A fetch for another repository may be joined only by those who have proven that theirs has the digest too.
        Raises Refused (BUSY) when too many are waiting for their turn.
        """
        fetch = self._fetches.get((target.name, digest))
        if fetch is not None and fetch.growth.from_the_beginning:
            self.joined += 1
            reader = Reader(fetch)
            claim = self._claims[fetch]
            claim.turns.want(claim.ticket, wish.client)
            return reader, True
        if len(self._fetches) >= self._bounds.under_way:
            raise Refused("too many blobs are waiting to be fetched", code=Code.BUSY, retry_after=5)
        fetch = Fetch(target, digest, self._store, self._bounds.resumes)
        reader = Reader(fetch)
        turns, ticket = self._turns_of(target.name), Ticket(wish.client, wish.size)
        turns.announce(ticket)
        self._begin(fetch, _Claim(turns, ticket))
        return reader, False

    @property
    def ever_run_ahead(self) -> bool:
        """Whether there are places for what no client has asked for, when nothing else is fetched."""
        return self._bounds.ahead > 0 and self._bounds.at_once > 1

    def run_ahead(self, target: Target, digest: Digest, size: int, over: Callable[[Fetch], None]) -> Fetch | None:
        """A new fetch that no client waits for yet; None while there is no place for it. Never waits.

        Half of all that may be under way is left to clients. Not for a blob that is `sought` already. Whoever joins it
        makes it one like any other. `over` hears of its end.
        """
        turns, ticket = self._turns_of(target.name), Ticket(size=size, ahead=True)
        if len(self._fetches) * 2 >= self._bounds.under_way or not turns.run_ahead(ticket):
            return None
        fetch = Fetch(target, digest, self._store, self._bounds.resumes)
        self._begin(fetch, _Claim(turns, ticket, over))
        return fetch

    def sought(self, target: Target, digest: Digest) -> bool:
        """Whether this digest is being fetched, from whichever upstream."""
        ingest = self._ingests.get(digest)
        return (target.name, digest) in self._fetches or (ingest is not None and ingest.locked())

    async def left(self, upstream: Upstream) -> None:
        """Wait until nothing is fetched from this very upstream, with the login that it has. May be cancelled."""
        while fetch := next((one for one in self._fetches.values() if one.target.upstream is upstream), None):
            await fetch.ended.wait()

    async def aclose(self) -> None:
        """Break every fetch off, keeping what it has got."""
        await end(*self._tasks)
        for fetch in self._fetches.values():  # whose tasks had not even taken their first step
            fetch.growth.fail(Unreachable("the mirror is shutting down"))
        self._fetches.clear()
        self._claims.clear()

    def _begin(self, fetch: Fetch, claim: _Claim) -> None:
        self._fetches[fetch.target.name, fetch.digest] = fetch
        self._sharing.lend(fetch)
        self._claims[fetch] = claim
        fetch.ways = Ways(self._widths, claim.turns)
        self.began += 1
        task = spawn(self._run(fetch), f"fetch:{fetch.target.name}:{fetch.digest}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _turns_of(self, upstream: str) -> Turns:
        turns = self._turns.get(upstream)
        if turns is None:
            places = Places(self._bounds.at_once, self._bounds.ahead)
            turns = self._turns[upstream] = Turns(places, lambda: self._freed(upstream))
        return turns

    def _freed(self, upstream: str) -> None:
        if self.on_place is not None:
            self.on_place(upstream)

    async def _run(self, fetch: Fetch) -> None:
        key, broken_off = (fetch.target.name, fetch.digest), True
        try:
            while not await self._try(fetch):  # F1: a sibling process has it under way, or had (F11)
                self._claims[fetch].turns.leave(self._claims[fetch].ticket)
                if await self._following.follow(fetch):
                    break
            broken_off = False
        finally:
            self._sharing.over(fetch, broken_off=broken_off)
            fetch.growth.end()
            if self._fetches.get(key) is fetch:
                del self._fetches[key]  # F9; in the same breath as the end, so that nobody joins what has failed
            self.passed_on += fetch.sink.overflowed
            if self.on_end is not None:
                self.on_end(fetch)
            claim = self._claims[fetch]
            if claim.over is not None:
                claim.over(fetch)
            del self._claims[fetch]
            claim.turns.leave(claim.ticket)
            fetch.ended.set()

    async def _try(self, fetch: Fetch) -> bool:
        """Fetch it when its turn has come; False when a sibling process is at it."""
        with ExitStack() as ingest:
            return not await self._has_its_turn(fetch, ingest) or await fetch.run()

    async def _has_its_turn(self, fetch: Fetch, claim: ExitStack) -> bool:
        """Wait for it; False when that took too long, or when nobody wants the blob any more before it has begun.

        The ingest is given back by `claim`, and the turn by whoever began the fetch.
        """
        ingest = self._ingests.setdefault(fetch.digest, asyncio.Lock())
        place = self._claims[fetch]
        waits = ingest.locked()
        try:
            async with asyncio.timeout(self._bounds.wait):
                await ingest.acquire()
                claim.callback(ingest.release)
                fetch.sink.on_overflow = claim.close  # F12: what passes by the disk is in nobody's way there
                waits |= await place.turns.wait(place.ticket)
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
