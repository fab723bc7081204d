"""What an operator asks of the cache of a running store, and what it is told to do. Answers are documents.

Asking reads the directory beside the store, in threads, so that it is in nobody's way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mirror.errors import StoreFailed
from mirror.stock.accounts import accounts
from mirror.stock.detail import detailed
from mirror.stock.listing import Wanted, listed
from mirror.stock.pinning import known_pin, meaning, pin_of, pinned
from mirror.stock.plan import Plan, planned, told_of
from mirror.stock.premises import Premises
from mirror.store.catalog import Key
from mirror.store.databases import LOSSES
from mirror.store.looking import Looking
from mirror.store.store import Store

_AT_ONCE = 2  # looks at a time
_KINDS = ("member", "tag", "tags", "referrers", "absent", "absent-blob", "page")  # of what is said of a repository

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Stock:
    """Over a store that whoever made it closes. Its own calls raise Malformed, Refused and StoreFailed."""

    def __init__(self, store: Store, premises: Premises) -> None:
        self._store = store
        self._premises = premises
        self._looks = asyncio.Semaphore(_AT_ONCE)
        self._changes = asyncio.Lock()

    async def images(self, wanted: Wanted) -> dict[str, Any]:
        """The images that are here."""
        return await self._look(lambda looking: listed(looking.images, self._premises.naming, wanted))

    async def image(self, name: str) -> dict[str, Any]:
        """One of them in detail."""
        named = self._premises.naming.image(name)
        return await self._look(lambda looking: detailed(looking, named))

    async def usage(self) -> dict[str, Any]:
        """How much room what takes."""
        return await self._look(lambda looking: accounts(looking, self._premises.root, self._premises.room))

    async def pins(self) -> dict[str, Any]:
        return await self._look(pinned)

    async def pin(self, text: str) -> dict[str, Any]:
        """Keep what this names; the pin that it has become, with what it means."""
        async with self._changes:  # or what is told to be kept may be what is just being removed
            pin = await self._look(lambda looking: pin_of(looking, self._premises.naming, text))
            await self._kept(self._store.images.pin(pin))
            _log.info("pinned by the operator: %s", pin)
            return await self._look(lambda looking: meaning(looking, pin, looking.images.list()))

    async def unpin(self, text: str) -> dict[str, Any]:
        """Let go of a pin; which one, with what it meant."""
        pin = await self._look(lambda looking: known_pin(looking, self._premises.naming, text))
        told = await self._look(lambda looking: meaning(looking, pin, looking.images.list()))
        await self._kept(self._store.images.unpin(pin))
        _log.info("no longer pinned, by the operator: %s", pin)
        return told

    async def removal(self, text: str) -> dict[str, Any]:
        """What `remove` would do."""
        named, going = await self._look(lambda looking: planned(looking, self._premises.naming, text))
        return {**told_of(named, going), "dry_run": True}

    async def remove(self, text: str) -> dict[str, Any]:
        """Remove what is named, and what then nobody needs; what is open stays readable (S5). What that came to."""
        async with self._changes:
            named, going = await self._look(lambda looking: planned(looking, self._premises.naming, text))
            freed = await self._kept(self._carry_out(going))
            _log.info("removed by the operator: %s, with %d bytes", named, freed)
            return {**told_of(named, going), "dry_run": False, "size": freed}

    async def _carry_out(self, going: Plan) -> int:
        """Bytes that went. What was said of a thing is forgotten after the thing, so that nobody learns it anew."""
        images, facts = self._store.images, self._store.facts
        freed = 0
        for place, tag in going.tags:
            facts.forget_tag(Key("tag", *place, tag))
            facts.forget_about(Key("tag", *place, tag))
        for image in going.images:
            if image.place not in going.whole:
                freed += await images.forget(*image.place, image.digest)
                for tag in image.tags:
                    facts.forget_about(Key("tag", *image.place, tag))
                facts.forget_about(Key("referrers", *image.place, image.digest))
        for name in going.members:
            facts.disprove(*name)
        for place in going.whole:
            freed += await images.forget(*place, None)
            for kind in _KINDS:
                facts.forget_about(Key(kind, *place, ""))
        await self._store.flush()
        return freed

    async def _kept(self, change: Awaitable[T]) -> T:
        try:
            return await change
        except LOSSES as error:
            raise StoreFailed(f"the cache's databases cannot be written: {error}") from error

    async def _look(self, call: Callable[[Looking], T]) -> T:
        """What `call` makes of everything that has been noted so far."""
        self._store.images.note_pulls()
        await self._store.flush()
        async with self._looks:
            return await asyncio.to_thread(self._premises.look, call)
