"""A rehearsal over the cache directory of a mirror that does not run. Nobody is asked, and nothing is evicted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

from mirror.commands.at_rest import see_that_it_is_ours
from mirror.commands.rehearsing import Heed
from mirror.config.settings import Settings
from mirror.log.events import errors_alone
from mirror.pull.configured import Making
from mirror.pull.explaining import is_own
from mirror.rehearsal.rehearsal import Rehearsals, Stage
from mirror.rehearsal.terms import terms_of
from mirror.stock.premises import premises_of
from mirror.store.eviction import ENDLESS
from mirror.store.store import Store
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved


async def resting(settings: Settings, terms: Mapping[str, Any], heed: Heed, user: int) -> None:
    """`heed` hears of each image, and last of the end. `user` is who looks: opening a cache may mend it.

    Raises MirrorError: StoreBusy where a mirror uses the directory, or for one that is none or somebody else's.
    """
    storage = settings.storage
    await asyncio.to_thread(see_that_it_is_ours, storage.root, user)
    with errors_alone():
        making = Making(settings, unobserved, Surroundings(contact=Contact(frozen=True)))
        try:
            upstreams = await making.make()
            store = await Store.open(storage.root, ENDLESS, durable=storage.durability == "safe")
            try:
                premises = premises_of(settings, partial(is_own, settings))
                stage = Stage(store, upstreams, premises, settings.limits.manifest_size)
                async with aclosing(Rehearsals(stage).run(terms_of(terms))) as documents:
                    async for document in documents:
                        heed(document)
            finally:
                await store.aclose()
        finally:
            await making.aclose()
