"""Questions and orders about tags in the directory of a mirror that does not run. See `tag_asking`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from mirror.commands.at_rest import see_that_it_is_ours
from mirror.config.settings import Settings
from mirror.log.events import errors_alone
from mirror.pull.configured import Making
from mirror.pull.explaining import keeping
from mirror.pull.tag_documents import chosen, moves_document, tag_document
from mirror.pull.tag_keeping import TagKeeping
from mirror.store.eviction import ENDLESS
from mirror.store.store import Store
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

Document: TypeAlias = dict[str, Any]


class RestingTags:
    """Those of a mirror that does not run; upstreams are not asked. Every call raises MirrorError.

    `user` is who calls: the mirror could not use what another one has made in its directory.
    """

    def __init__(self, settings: Settings, user: int) -> None:
        self._settings = settings
        self._user = user

    def tags(self, image: str) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return {"tags": [tag_document(tag) for tag in await keeping.tags(image)]}

        return self._run(told)

    def history(self, image: str, limit: int) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return moves_document(await keeping.history(image, limit))

        return self._run(told)

    def pin(self, image: str, terms: Document) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return tag_document(await keeping.pin(image, terms.get("to")))

        return self._run(told)

    def unpin(self, image: str) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return tag_document(await keeping.unpin(image))

        return self._run(told)

    def roll_back(self, image: str, terms: Document) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return tag_document(await keeping.roll_back(image, chosen(terms)))

        return self._run(told)

    def _run(self, told: Callable[[TagKeeping], Awaitable[Document]]) -> Document:
        with errors_alone():
            return asyncio.run(self._told(told))

    async def _told(self, told: Callable[[TagKeeping], Awaitable[Document]]) -> Document:
        settings, root = self._settings, self._settings.storage.root
        await asyncio.to_thread(see_that_it_is_ours, root, self._user)
        making = Making(settings, unobserved, Surroundings(contact=Contact(frozen=True)))
        try:
            upstreams = await making.make()
            store = await Store.open(root, ENDLESS, durable=settings.storage.durability == "safe")
            try:
                return await told(keeping(settings, upstreams, store, None))
            finally:
                await store.aclose()
        finally:
            await making.aclose()
