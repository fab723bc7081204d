"""`mirror explain IMAGE`: the running mirror is asked, else its cache, else the configuration alone. No upstream is."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mirror.commands.admin_client import AdminClient
from mirror.commands.explain_words import lines_of
from mirror.commands.invocation import config_option, fail, load, misconfigured, words
from mirror.config.settings import Settings
from mirror.errors import ConfigurationError, MirrorError, StoreError
from mirror.healthcheck import admin_url
from mirror.log.events import errors_alone
from mirror.pull.configured import Making
from mirror.pull.explaining import explanations
from mirror.pull.holdings import WHOLE
from mirror.store.eviction import Room
from mirror.store.store import Store
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

PATH = "/api/v1/explain"
_NOT_RUNNING = "no mirror answers on the admin listener"


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--platform", metavar="OS/ARCH", help="Of the platforms of an index this one only: linux/arm64.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.argument("image")
def command(config: Path | None, url: str | None, platform: str | None, as_json: bool, image: str) -> None:
    """Tell what a pull of IMAGE would do, and why.

    Which upstream it means and by which rule, whom that is asked as, whether it is cached for each platform, how old
    its tag is, when it is checked next, and what would be asked. No upstream is asked for this.

    IMAGE is a name as Docker takes it (ubuntu, ghcr.io/owner/name:tag, name@sha256:…), or one that begins with the
    address of this mirror.
    """
    try:
        document = running(AdminClient(url), image) if url is not None else explained(load(config), image)
    except ConfigurationError as error:
        misconfigured(error)
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    if platform is not None:
        document["images"] = _of_platform(document["images"], platform)
    if as_json:
        click.echo(json.dumps(document))
        return
    if document["source"] != "mirror":
        click.echo(f"{_NOT_RUNNING}: this is what its {document['source']} says", err=True)
    for line in lines_of(document):
        click.echo("".join(letter for letter in line if letter.isprintable()))


def explained(settings: Settings, image: str) -> dict[str, Any]:
    """The explanation, with its `source`: `mirror`, `cache` or `configuration`.

    Raises MirrorError for a name that leads nowhere, ConfigurationError when an upstream cannot be made.
    """
    try:
        return running(AdminClient(admin_url(settings.admin.listen)), image)
    except (OSError, ValueError):
        with errors_alone():
            return asyncio.run(resting(settings, image, os.geteuid()))


def running(client: AdminClient, image: str) -> dict[str, Any]:
    """What the mirror says that runs. Raises OSError when it does not answer, Refused when it says no, ValueError."""
    return {"source": "mirror", **client.get(PATH, {"image": image})}


async def resting(settings: Settings, image: str, user: int) -> dict[str, Any]:
    """What the cache says of a mirror that does not run, or the configuration where that cannot be opened.

    `user` is who looks: opening a cache may mend it, and a mirror could not use what another one has made in it.
    """
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
    if not await asyncio.to_thread(storage.root.joinpath("version").exists):
        yield None
        return
    if (await asyncio.to_thread(storage.root.stat)).st_uid != user:
        click.echo(f"{storage.root} belongs to another user: be that one to have it looked at", err=True)
        yield None
        return
    room = Room(storage.max_size.of, storage.min_free.of)
    try:
        store = await Store.open(storage.root, room, durable=storage.durability == "safe")
    except StoreError as error:
        click.echo(words(error), err=True)
        yield None
        return
    try:
        yield store
    finally:
        await store.aclose()


def _of_platform(images: list[dict[str, Any]] | None, platform: str) -> list[dict[str, Any]] | None:
    """`linux/arm64` is `linux/arm64/v8` too. An image that no index lists does not say what it is for, and stays."""
    return images and [one for one in images if f"{one['platform']}/".startswith((f"{platform}/", f"{WHOLE}/"))]
