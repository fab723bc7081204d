"""The pull over a store of its own, in front of registries that a test has made; and reading as the server reads."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mirror.config.settings import Limits
from mirror.config.settings import Upstream as Configured
from mirror.pull.content import FoundBlob, Readable
from mirror.pull.fetch import Fetch
from mirror.pull.fetches import Bounds
from mirror.pull.freshness import Policy
from mirror.pull.pulls import Pulls, Sizes
from mirror.pull.upstreams import Target, Upstream, Upstreams
from mirror.siblings import Alone, Siblings
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.store import Store
from mirror.upstream.concord import Concord
from mirror.upstream.contact import Contact
from mirror.upstream.registry import Registry
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport
from tests.support.caches import ENDLESS, store_at

POLICY = Policy(tag_ttl=300, stale_for=3600, not_found_ttl=60)
BOUNDS = Bounds(at_once=8, wait=5, resumes=2)
SIZES = Sizes(memory=4 * 1024**2, manifest=1024**2)
LIMITS = Limits(connect_timeout=2, first_byte_timeout=2, read_timeout=2, answer_timeout=5)
TURN = 64 * 1024  # bytes that a reader takes at once


@dataclass(frozen=True, slots=True)
class Setup:
    """What a pull is made with: the disk of its store, the wall clock for tags, and a monotonic one for the rest."""

    policy: Policy = POLICY
    bounds: Bounds = BOUNDS
    limits: Limits = LIMITS
    filesystem: Filesystem = field(default_factory=Filesystem)
    room: Room = ENDLESS
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    siblings: Siblings = field(default_factory=Alone)


class Pulling:
    """A pull, and the store and the upstreams that it was made with."""

    def __init__(self, store: Store, pulls: Pulls, upstreams: Mapping[str, Upstream], contact: Contact) -> None:
        self.store = store
        self.contact = contact
        self.pulls = pulls
        self.blobs = pulls.blobs
        self.fetches = pulls.fetches
        self.manifests = pulls.manifests
        self.over: list[Fetch] = []  # the fetches that have ended
        self._upstreams = upstreams
        self._news = asyncio.Event()
        pulls.fetches.on_end = self._has_ended

    def target(self, repository: str = "a/b", upstream: str = "one") -> Target:
        return Target(self._upstreams[upstream], repository)

    async def ended(self, times: int = 1) -> list[Fetch]:
        """The fetches that have ended, once they are so many; TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while len(self.over) < times:
                await self._news.wait()
        return self.over

    def _has_ended(self, fetch: Fetch) -> None:
        self.over.append(fetch)
        self._news.set()
        self._news = asyncio.Event()


@asynccontextmanager
async def pulling(root: Path, setup: Setup | None = None, **endpoints: str | Sequence[str]) -> AsyncIterator[Pulling]:
    """`async with pulling(tmp_path, one=registry.url) as pull:` with an upstream of each name, `one` the default."""
    setup = setup or Setup()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            store_at(root, room=setup.room, filesystem=setup.filesystem, siblings=setup.siblings)
        )
        upstreams = {}
        around = Surroundings(clock=setup.clock, jitter=lambda: 0.5, concord=Concord(setup.siblings))
        for name, urls in endpoints.items():
            configured = Configured(endpoints=(urls,) if isinstance(urls, str) else tuple(urls))
            transport = Transport(name, configured, setup.limits, surroundings=around)
            registry = Registry(name, configured, setup.limits, transport, setup.clock)
            stack.push_async_callback(registry.aclose)
            upstreams[name] = Upstream(name, registry, setup.policy)
        table = Upstreams(list(upstreams.values()), {}, {}, "one")
        pulls = Pulls(table, store, setup.bounds, SIZES, setup.now)
        stack.push_async_callback(pulls.aclose)
        yield Pulling(store, pulls, upstreams, around.contact)


async def read(content: Readable, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes from `start` to `stop`, by position, as they become ready. Raises what the fetch ends with."""
    pieces, offset = [], start
    while stop is None or offset < stop:
        end = await content.ready(offset)
        if end <= offset:
            break
        piece = os.pread(content.descriptor, min(TURN, end - offset, (stop or end) - offset), offset)
        if not piece:
            raise AssertionError("bytes were promised that are not there")
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


async def body(found: FoundBlob) -> bytes:
    """All of a blob that was found; lets go of it."""
    if found.content is None:
        raise AssertionError("that was the answer to a HEAD")
    if isinstance(found.content, bytes):
        return found.content
    try:
        return await read(found.content)
    finally:
        found.content.close()
