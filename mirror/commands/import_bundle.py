"""`mirror import`: a bundle, an OCI image layout or an archive of `docker save` into the cache.

The mirror that runs takes it over its admin listener; where none runs, its cache directory is opened.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from mirror.amounts import number, size
from mirror.bundles.layout import Plan
from mirror.bundles.names import Name
from mirror.bundles.opening import LARGEST, opened
from mirror.bundles.parcel import Parcel, open_parcel
from mirror.bundles.piped import Pipe, passed_on
from mirror.bundles.receiving import Receiving, check_size
from mirror.bundles.seal import read_key
from mirror.bundles.writing import archive_of
from mirror.commands.admin_client import AdminClient
from mirror.commands.import_room import Need, disk_of, need
from mirror.commands.invocation import config_option, fail, load, words
from mirror.commands.upload import upload
from mirror.config.served import unserved
from mirror.config.settings import Settings
from mirror.errors import MirrorError, Refused, StoreBusy, StoreError
from mirror.healthcheck import admin_url
from mirror.oci.digest import Digest
from mirror.store.eviction import Room
from mirror.store.looking import Looking
from mirror.store.removal import everybody
from mirror.store.store import Store

PIPE = "-"
_UNSERVED = "is no upstream of this mirror, so clients are refused its images: add it to `upstreams` in mirror.yml"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@config_option
@click.option("--url", help="The admin listener to send it to, such as http://127.0.0.1:5001.")
@click.option("--dry-run", is_flag=True, help="Verify every byte, tell what would be done, and do nothing.")
@click.option("--verify-key", type=_FILE, metavar="FILE", help="Take nothing but what is signed with this key.")
@click.option("--name", metavar="NAME:TAG", help="What the one image in it is to be called here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.argument("source", metavar="FILE|DIR|-")
def command(
    config: Path | None,
    url: str | None,
    dry_run: bool,
    verify_key: Path | None,
    name: str | None,
    as_json: bool,
    source: str,
) -> None:
    """Take images into the cache that were carried here, so that clients pull them under their own names.

    FILE is a tar archive, packed by gzip or not, DIR a directory: a bundle of `mirror export`, an OCI image layout, or
    what `docker save` wrote. - is a bundle through a pipe. Every byte is verified. What is here already is skipped, so
    that an import that broke off goes on when it is called again; nothing of it is served before all of it is there.

    A tag points to what was imported until its registry, if it can be reached, says otherwise. Where it never can be,
    `mirror freeze` saves clients the wait.

    \b
    Examples:
      mirror import bundle.tar
      docker save app | gzip > app.tar.gz; mirror import app.tar.gz --name registry.example.com/app:1
    """
    if source == PIPE and (dry_run or name is not None):
        raise click.UsageError("--dry-run and --name need a file or directory")
    settings = None if url is not None else load(config)
    try:
        key = None if verify_key is None else read_key(verify_key)
        called = None if name is None else Name.parse(name)[0]
        receive = partial(_tried if dry_run else _sent_parcel, url, settings)
        if source == PIPE:
            _, is_signed, pieces = passed_on(cast(Pipe, sys.stdin.buffer), key)
            document = _sent(url, settings, pieces)
        else:
            largest = _largest(settings)
            with closing(opened(Path(source), largest)) as files:
                parcel = open_parcel(files, key, called, largest)
                is_signed = parcel.is_signed
                document = receive(parcel)
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    _warn(document, is_signed and key is None)
    click.echo(json.dumps(document) if as_json else (_prospect if dry_run else _done)(document))


def _sent_parcel(url: str | None, settings: Settings | None, parcel: Parcel) -> dict[str, Any]:
    """What is here need not be sent."""
    rest = parcel.without(_here(parcel, settings))
    return _sent(url, settings, archive_of(Plan(rest.contents), rest.shelves))


def _sent(url: str | None, settings: Settings | None, pieces: Iterator[bytes]) -> dict[str, Any]:
    """To the mirror at `url`, else to the one that is configured, else into its directory."""
    if url is not None or settings is None:
        return upload(url or "", pieces)
    try:
        running = admin_url(settings.admin.listen)
        AdminClient(running).get("/api/v1/state")
    except (OSError, ValueError) as error:
        return asyncio.run(_taken(pieces, settings, words(error)))
    return upload(running, pieces)


async def _taken(pieces: Iterator[bytes], settings: Settings, unreachable: str) -> dict[str, Any]:
    storage = settings.storage
    if storage.root.exists() and storage.root.stat().st_uid != os.geteuid():
        raise MirrorError(f"{storage.root} belongs to another user: be that one, or start the mirror")
    room = Room(storage.max_size.of, storage.min_free.of)
    try:
        store = await Store.open(storage.root, room, durable=storage.durability == "safe")
    except StoreBusy:
        raise MirrorError(
            f"a mirror runs over {storage.root}, but its admin listener cannot be reached: {unreachable}"
        ) from None
    if not storage.evict_unreachable:
        store.removal.unreachable = everybody
    try:
        received = await Receiving(store).take(_each(pieces))
        return {**asdict(received), "unserved": unserved(settings, received.images)}
    finally:
        await store.aclose()


async def _each(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while data := await asyncio.to_thread(next, pieces, b""):
        yield data


def _here(parcel: Parcel, settings: Settings | None) -> Iterator[Digest]:
    """What need not be sent. That is only looked at; whoever receives it verifies that it is so."""
    if settings is None:
        return
    try:
        with Looking(settings.storage.root) as cache:
            for piece in parcel.contents.known().values():
                blob = cache.open_blob(piece.digest)
                if blob is not None:
                    blob.close()
                    if blob.size == piece.size:
                        yield piece.digest
    except StoreError:
        return  # a cache that is yet to be made, or not for us to see


def _tried(url: str | None, settings: Settings | None, parcel: Parcel) -> dict[str, Any]:
    """What would be done. Raises as the import would; what is at `url` alone is not known here."""
    if settings is not None:
        check_size(parcel.contents, _largest(settings))
    parcel.verify()
    here = frozenset(_here(parcel, settings))
    for piece in parcel.contents.left_out if url is None else ():
        if piece.digest not in here:
            raise Refused(f"the bundle leaves out {piece.digest}, which is not here: export again without --lacking")
    contents = parcel.without(here).contents
    names = [image.full_name for image in contents.images]
    told = {
        "images": names,
        "blobs": len(contents.pieces),
        "bytes": contents.size,
        "skipped": len(contents.left_out),
        "unserved": (),
    }
    if settings is None:
        return told
    return told | {"unserved": unserved(settings, names)} | asdict(need(settings, contents.size))


def _warn(document: dict[str, Any], is_unverified: bool) -> None:
    if is_unverified:
        click.echo("warning: the bundle is signed, and nobody has verified by whom: --verify-key does", err=True)
    for upstream in document.get("unserved", ()):  # which a mirror of another version may not tell
        click.echo(f"warning: {upstream} {_UNSERVED}", err=True)


def _largest(settings: Settings | None) -> int:
    """Bytes that may come of what is packed: those that the cache may hold."""
    if settings is None:
        return LARGEST
    total, _ = disk_of(settings)
    return settings.storage.max_size.of(total)


def _done(document: dict[str, Any]) -> str:
    told = _told(document, "imported")
    told += f"; {number(document['moved'], 'tag')} pointed elsewhere before" if document.get("moved") else ""
    return told + (f"; {size(document['evicted'])} of others went to make room" if document.get("evicted") else "")


def _prospect(document: dict[str, Any]) -> str:
    told = _told(document, "would be imported")
    if "room" not in document:
        return told
    return f"{told}; {Need(document['room'], document['evicted'], document['target'])}"


def _told(document: dict[str, Any], done: str) -> str:
    images, blobs = number(len(document["images"]), "image"), number(document["blobs"], "blob")
    return f"{images} {done}: {blobs} with {size(document['bytes'])}; {document['skipped']} were here already"
