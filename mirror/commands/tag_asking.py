"""Questions and orders about tags, of the mirror that runs, or, where none runs, of its cache directory.

Knows what is said of them, not how a command line is read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from mirror.commands.admin_client import AdminClient
from mirror.commands.invocation import load, words
from mirror.config.settings import Settings
from mirror.errors import MirrorError, StoreBusy
from mirror.healthcheck import admin_url
from mirror.log.events import errors_alone
from mirror.pull.configured import Making
from mirror.pull.explaining import keeping
from mirror.pull.tag_documents import chosen, move_document, tag_document
from mirror.pull.tag_keeping import TagKeeping
from mirror.store.eviction import Room
from mirror.store.store import Store
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

Document: TypeAlias = dict[str, Any]

_PATH = "/api/v1/tags"


class RunningTags:
    """Those of the mirror that runs. Every call raises OSError when it does not answer, ValueError, Refused."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def tags(self, image: str) -> Document:
        return self._client.get(_PATH, {"image": image})

    def history(self, image: str) -> Document:
        return self._client.get(f"{_PATH}/history", {"image": image})

    def pin(self, image: str, terms: Document) -> Document:
        return self._client.post(f"{_PATH}/pin", {"image": image, **terms})

    def unpin(self, image: str) -> Document:
        return self._client.post(f"{_PATH}/unpin", {"image": image})

    def roll_back(self, image: str, terms: Document) -> Document:
        return self._client.post(f"{_PATH}/rollback", {"image": image, **terms})


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

    def history(self, image: str) -> Document:
        async def told(keeping: TagKeeping) -> Document:
            return {"moves": [move_document(move) for move in await keeping.history(image)]}

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
        if not (root / "version").exists():
            raise MirrorError(f"no mirror runs, and {root} is no cache: start the mirror, or name it with --url")
        if root.stat().st_uid != self._user:
            raise MirrorError(f"{root} belongs to another user: be that one, or ask the mirror while it runs")
        making = Making(settings, unobserved, Surroundings(contact=Contact(frozen=True)))
        try:
            upstreams = await making.make()
            room = Room(settings.storage.max_size.of, settings.storage.min_free.of)
            store = await Store.open(root, room, durable=settings.storage.durability == "safe")
            try:
                return await told(keeping(settings, upstreams, store, None))
            finally:
                await store.aclose()
        finally:
            await making.aclose()


Tags: TypeAlias = RunningTags | RestingTags


def chosen_tags(config: Path | None, url: str | None) -> Callable[[Callable[[Tags], Document]], Document]:
    """What asks the mirror at this URL, or else the one that is configured, or else its directory.

    What is returned raises what the tags do. The process ends when the configuration cannot be used.
    """
    if url is not None:
        running = RunningTags(AdminClient(url))
        return lambda ask: ask(running)
    settings = load(config)

    def asked(ask: Callable[[Tags], Document]) -> Document:
        try:
            return ask(RunningTags(AdminClient(admin_url(settings.admin.listen))))
        except (OSError, ValueError) as error:
            try:
                document = ask(RestingTags(settings, os.geteuid()))
                click.echo("no mirror answers on the admin listener: this is its cache directory's answer", err=True)
                return document
            except StoreBusy:
                raise MirrorError(
                    f"a mirror runs over {settings.storage.root}, but its admin listener cannot be reached:"
                    f" {words(error)}"
                ) from None

    return asked
