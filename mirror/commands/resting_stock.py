"""What is cached in the directory of a mirror that does not answer, and orders about it. See `stock_asking`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from mirror.config.settings import Settings
from mirror.errors import MirrorError
from mirror.log.events import errors_alone
from mirror.pull.explaining import is_own
from mirror.stock.accounts import accounts
from mirror.stock.detail import detailed
from mirror.stock.listing import listed, wanted_of
from mirror.stock.pinning import pinned
from mirror.stock.plan import planned, told_of
from mirror.stock.premises import premises_of
from mirror.stock.stock import Stock
from mirror.store.eviction import ENDLESS
from mirror.store.store import Store

Document: TypeAlias = dict[str, Any]


class RestingStock:
    """That of a directory. Looking needs only to read it; changing it, that no mirror uses it. Raises MirrorError.

    `user` is who asks: the mirror could not use what another one has made in its directory.
    """

    def __init__(self, settings: Settings, user: int) -> None:
        self._storage = settings.storage
        self._premises = premises_of(settings, partial(is_own, settings))
        self._user = user

    def images(self, wanted: Mapping[str, str]) -> Document:
        asked = wanted_of(wanted)
        return self._premises.look(lambda looking: listed(looking.images, self._premises.naming, asked))

    def image(self, name: str) -> Document:
        named = self._premises.naming.image(name)
        return self._premises.look(lambda looking: detailed(looking, named))

    def usage(self) -> Document:
        premises = self._premises
        return premises.look(lambda looking: accounts(looking, premises.root, premises.room))

    def removal(self, name: str) -> Document:
        found = self._premises.look(lambda looking: planned(looking, self._premises.naming, name))
        return {**told_of(*found), "dry_run": True}

    def remove(self, name: str) -> Document:
        return self._change(lambda stock: stock.remove(name))

    def pins(self) -> Document:
        return self._premises.look(pinned)

    def pin(self, name: str) -> Document:
        return self._change(lambda stock: stock.pin(name))

    def unpin(self, name: str) -> Document:
        return self._change(lambda stock: stock.unpin(name))

    def _change(self, order: Callable[[Stock], Awaitable[Document]]) -> Document:
        root = self._premises.root
        self._premises.look(lambda _: None)  # that there is a cache: changing makes none
        if root.stat().st_uid != self._user:
            raise MirrorError(f"{root} belongs to another user: be that one, or ask the mirror while it runs")
        with errors_alone():
            return asyncio.run(self._changed(order))

    async def _changed(self, order: Callable[[Stock], Awaitable[Document]]) -> Document:
        durable = self._storage.durability == "safe"
        store = await Store.open(self._premises.root, ENDLESS, durable=durable)
        try:
            return await order(Stock(store, self._premises))
        finally:
            await store.aclose()
