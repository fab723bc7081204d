"""The pull as a whole: its parts put together, and ended in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mirror.pull.blobs import Blobs
from mirror.pull.content import Manifest
from mirror.pull.fetches import Bounds, Fetches
from mirror.pull.images import Images
from mirror.pull.manifests import Manifests
from mirror.pull.memory import Memory
from mirror.pull.prefetch import Prefetch
from mirror.pull.referrers import Referrers
from mirror.pull.repositories import Repositories
from mirror.pull.searches import Searches
from mirror.pull.shelf import Shelf
from mirror.pull.spending import Ledger
from mirror.pull.tag_lists import TagLists
from mirror.pull.tags import Tags
from mirror.pull.upstreams import Target, Upstreams
from mirror.store.store import Store


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes: `memory` for small content, `manifest` beyond which nothing is a manifest."""

    memory: int
    manifest: int


class Pulls:
    """What the server asks. Neither the store nor the upstreams are its own; whoever made them closes them.

    `now` is the wall clock, in seconds, that tags grow old by.
    """

    def __init__(
        self, upstreams: Upstreams, store: Store, bounds: Bounds, sizes: Sizes, now: Callable[[], float] = time.time
    ) -> None:
        memory = Memory(sizes.memory)
        store.blobs.watch_gone(memory.forget)  # else it would be given from memory, and never be stored again
        shelf = Shelf(store, memory, sizes.manifest)
        self._store = store
        self.upstreams = upstreams
        self.shelf = shelf
        self.fetches = Fetches(store, bounds)
        self.images = Images()
        self.prefetch = Prefetch(store, self.fetches, self.images)
        self.ledger = Ledger(siblings=store.siblings)
        tags = Tags(shelf, store.facts, self.ledger, store.leases, now)
        self.manifests = Manifests(shelf, tags, store.facts, self.ledger, store.leases)
        self.blobs = Blobs(store, self.fetches, memory, bounds.answer)
        self.tag_lists = TagLists(store.facts, store.leases, now)
        self.referrers = Referrers(self.manifests, store.facts, store.leases, now)
        self.repositories = Repositories(upstreams, store.facts)
        self.searches = Searches(upstreams, self.repositories)

    def given(self, target: Target, manifest: Manifest) -> None:
        """Note that a client is being given this manifest, or has been told that it is the one it has."""
        if manifest.body is not None:
            self._store.images.pulled((target.name, target.repository, str(manifest.digest)), time.time())

    async def aclose(self) -> None:
        """End every call and every fetch under way; what fetches have got stays, and is gone on with."""
        self.prefetch.close()
        await self.searches.aclose()
        await self.referrers.aclose()
        await self.manifests.aclose()
        await self.tag_lists.aclose()
        await self.blobs.aclose()
        await self.fetches.aclose()
