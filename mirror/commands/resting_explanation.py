"""What a pull would do, by the cache of a mirror that does not run, or by its configuration alone. Asks no upstream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mirror.commands.invocation import words
from mirror.config.settings import Settings
from mirror.errors import StoreError
from mirror.log.events import errors_alone
from mirror.pull.configured import Making
from mirror.pull.explaining import explanations
from mirror.store.eviction import ENDLESS
from mirror.store.store import Store
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved


def explained_at_rest(settings: Settings, image: str, user: int) -> dict[str, Any]:
    """The explanation, with its `source`: `cache`, or `configuration` where that cannot be opened.

    Raises MirrorError for a name that leads nowhere, ConfigurationError when an upstream cannot be made. `user` is who
    looks: opening a cache may mend it, and a mirror could not use what another one has made in it.
    """
    with errors_alone():
        return asyncio.run(_explained(settings, image, user))


async def _explained(settings: Settings, image: str, user: int) -> dict[str, Any]:
    making = Making(settings, unobserved, Surroundings(contact=Contact(frozen=True)))
    try:
        upstreams = await making.make()
        async with _store(settings, user) as store:
            contact = Contact(store is not None and store.freeze_note.read() is not None)
            found = await explanations(settings, upstreams, contact, store).explain(image)
            # As JSON has it, whoever was asked: a tuple is a list.
            document: dict[str, Any] = json.loads(json.dumps(asdict(found)))
            return {"source": "configuration" if store is None else "cache", **document}
    finally:
        await making.aclose()


@asynccontextmanager
async def _store(settings: Settings, user: int) -> AsyncIterator[Store | None]:
    """The cache, if it is there and nobody uses it; looking does not make one."""
    storage = settings.storage
    if not await asyncio.to_thread(_is_to_be_looked_at, storage.root, user):
        yield None
        return
    try:
        store = await Store.open(storage.root, ENDLESS, durable=storage.durability == "safe")
    except StoreError as error:
        click.echo(words(error), err=True)
        yield None
        return
    try:
        yield store
    finally:
        await store.aclose()


def _is_to_be_looked_at(root: Path, user: int) -> bool:
    """Whether it is there, and this user's; that it is not is said."""
    try:
        if not (root / "version").exists():
            return False
        owner = root.stat().st_uid
    except OSError as error:
        click.echo(f"{words(error)}: be the mirror's user to have its cache looked at", err=True)
        return False
    if owner != user:
        click.echo(f"{root} belongs to another user: be that one to have it looked at", err=True)
    return owner == user
