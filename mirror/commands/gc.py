"""`mirror gc`: make room in the cache, or see what would go, and why."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirror.amounts import number, size
from mirror.commands.admin_client import AdminClient
from mirror.commands.at_rest import at_rest, see_that_it_is_ours
from mirror.commands.invocation import answer_of, config_option, load, tell
from mirror.commands.where import where_options
from mirror.config.quantities import parse_size
from mirror.healthcheck import admin_url

if TYPE_CHECKING:
    from mirror.config.settings import Settings

PATH = "/api/v1/gc"
_TIMEOUT = 600.0  # seconds: files are removed one by one
_SHORT = len("sha256:") + 12  # characters that tell digests apart

Document = dict[str, Any]


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:  # noqa: ARG001
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@config_option
@where_options
@click.option("--dry-run", "-n", is_flag=True, help="Tell what would go, in which order and why, and remove nothing.")
@click.option("--target", metavar="SIZE", callback=_size, help="Down to this size: 20GiB. Without it, to the bounds.")
def command(config: Path | None, url: str | None, as_json: bool, dry_run: bool, target: int | None) -> None:
    """Make room in the cache, as the mirror does by itself when storage.max_size or storage.min_free demand it.

    First goes what no image needs; then whole images, those that were pulled least lately and least often for their
    size, each with all that no other image needs. What is pinned, being pulled or being read stays. What no registry
    can be asked for just now goes only if the bounds cannot be kept otherwise (see storage.evict_unreachable).

    Where no mirror runs, its cache directory is looked into.

    Example: mirror gc --dry-run --target 20GiB
    """
    wanted = {"dry_run": dry_run} | ({} if target is None else {"target": target})
    if url is not None:
        document = answer_of(lambda: _running(AdminClient(url, _TIMEOUT), wanted))
    else:
        document = answer_of(lambda: _asked(load(config), wanted))
    tell(document, lines_of(document), as_json)


def lines_of(document: Document) -> Iterator[str]:
    """What people read."""
    would = document["dry_run"]
    for place, one in enumerate(document["going"], 1):
        goes = "would go" if would else "went"
        yield f"{place:>4}  {goes}  {size(one['bytes']):>10}  {_name(one)}: {_why(one)}{_with(one)}"
    if document["going_untold"]:
        yield f"      and {document['going_untold']} more"
    for one in document["staying"]:
        yield f"      stays {'':>13} {_name(one)}: {_kept(one)}"
    images, rest = document["images"], document["images"] - document["images_going"]
    yield (
        f"{size(document['bytes'])} {'would go' if would else 'went'} of {size(document['size'])}"
        f" (at most {size(document['limit'])}); {rest} of {number(images, 'image')} {'stays' if rest == 1 else 'stay'}"
    )
    if document["lacking"]:
        yield f"{size(document['lacking'])} more should go, and cannot: unpin something, or give the cache more room"


def _name(one: Document) -> str:
    """The image with its tags, or else its digest; what is no image goes by its digest."""
    digest = str(one["digest"])[:_SHORT]
    if one["image"] is None:
        return digest
    tags = one.get("tags") or ()
    return f"{one['image']}:{','.join(tags)}" if tags else f"{one['image']}@{digest}"


def _why(one: Document) -> str:
    pulled = "" if one["last_pull"] is None else f", last on {one['last_pull'][:10]}"
    return f"{one['why']}{pulled} ({number(one['blobs'], 'blob')})"


def _with(one: Document) -> str:
    """Images that are the same, in other repositories, or a part of it."""
    others = one.get("others")
    if not others:
        return ""
    more = f" and {one['others_untold']} more" if one["others_untold"] else ""
    names = (other["image"] if other["digest"] == one["digest"] else _name(other) for other in others)
    return f", and with it {', '.join(names)}{more}"


def _kept(one: Document) -> str:
    return one["why"] if one["pin"] is None else f"{one['why']} by {one['pin']}"


def _running(client: AdminClient, wanted: Document) -> Document:
    return client.post(PATH, wanted)


def _asked(settings: Settings, wanted: Document) -> Document:
    try:
        return _running(AdminClient(admin_url(settings.admin.listen), _TIMEOUT), wanted)
    except (OSError, ValueError) as unanswered:
        with at_rest(settings.storage.root, unanswered):
            return asyncio.run(_resting(settings, wanted))


async def _resting(settings: Settings, wanted: Document) -> Document:
    """The same of a directory that no mirror uses, and in which nothing goes but for this."""
    from mirror.stock.collecting import Collecting
    from mirror.store.eviction import ENDLESS, Room, Space, excess
    from mirror.store.store import Store

    storage = settings.storage
    root = storage.root
    await asyncio.to_thread(see_that_it_is_ours, root, os.geteuid())
    store = await Store.open(root, ENDLESS, durable=storage.durability == "safe")
    try:
        total, _, free = await asyncio.to_thread(shutil.disk_usage, root)
        needed = excess(Space(store.size, total, free), Room(storage.max_size.of, storage.min_free.of))
        target = wanted.get("target", store.size - needed)
        collecting = Collecting(store)
        document = await (collecting.rehearsed if wanted["dry_run"] else collecting.collected)(target)
        return document | {"limit": storage.max_size.of(total), "target": wanted.get("target")}
    finally:
        await store.aclose()
