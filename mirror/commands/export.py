"""`mirror export`: images from the cache into a bundle, beside a mirror that runs or without one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mirror.amounts import number, size
from mirror.bundles.contents import Contents, Image
from mirror.bundles.gathering import Found, Gathering, Terms
from mirror.bundles.inventory import read_inventory
from mirror.bundles.laid_out import write_directory
from mirror.bundles.layout import Plan
from mirror.bundles.names import Name, Wish
from mirror.bundles.seal import read_key
from mirror.bundles.shelves import CacheShelves, Shelves
from mirror.bundles.tar_file import write_archive
from mirror.bundles.writing import archive_of
from mirror.commands.invocation import config_option, fail, load, words
from mirror.config.quantities import parse_duration
from mirror.errors import DigestMismatch, Malformed, MirrorError
from mirror.oci.digest import Digest
from mirror.store.images import Image as Stored
from mirror.store.looking import Looking

PIPE = "-"
_NAMED = 20  # images in a command that is proposed
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@config_option
@click.option("--to", "target", required=True, metavar="DIR|FILE.tar|-", help="Where the bundle goes; - is a pipe.")
@click.option("--all", "everything", is_flag=True, help="All images in the cache.")
@click.option("--pulled-since", "span", metavar="SPAN", help="Those that clients pulled within a span: 7d, 12h.")
@click.option("--platform", "platforms", multiple=True, metavar="OS/ARCH", help="Of indexes these platforms alone.")
@click.option("--lacking", type=_FILE, metavar="INVENTORY", help="Only what the mirror of this inventory lacks.")
@click.option("--sign-key", type=_FILE, metavar="FILE", help="Sign the bundle with the key in this file.")
@click.option("--partial", is_flag=True, help="Take images that are not whole along as far as they are here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object about the bundle, for programs.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
def command(
    config: Path | None,
    target: str,
    everything: bool,
    span: str | None,
    platforms: tuple[str, ...],
    lacking: Path | None,
    sign_key: Path | None,
    partial: bool,
    as_json: bool,
    images: tuple[str, ...],
) -> None:
    """Write images into a bundle, for a mirror that cannot reach their registries: `mirror import` reads it there.

    IMAGE is a name (ubuntu:24.04, ghcr.io/owner/name:tag, name@sha256:…) or a pattern ('docker.io/library/*').

    The bundle is an OCI image layout, in a directory or a tar archive, that skopeo and others read, too. Of an index it
    holds the platforms that are in the cache. An image that is not whole is refused by name. In a directory on the file
    system of the cache, files are hard links: do not change them. An export that was broken off is gone on with when it
    is called again.

    \b
    Examples:
      mirror export --all --to bundle.tar
      mirror export --pulled-since 7d --lacking site-b.inventory --sign-key key --to -  | ssh site-b mirror import -
    """
    if not images and not everything and span is None:
        raise click.UsageError("name images, or say --all, or --pulled-since 7d")
    if images and everything:
        raise click.UsageError("--all is all images: name some, or say --all")
    if target == PIPE and sys.stdout.isatty():
        raise click.UsageError("a bundle is nothing for a terminal: name a file, or a program that reads it after |")
    root = load(config).storage.root.absolute()
    try:
        wishes = [Wish.parse(said) for said in images]
        since = None if span is None else time.time() - parse_duration(span)
        key = None if sign_key is None else read_key(sign_key)
        terms = Terms(platforms, _inventory(lacking))
        with Looking(root) as cache:
            shelves = CacheShelves(cache)
            chosen = list(_chosen(cache.images.list(), wishes, since))
            contents = gathered(shelves, chosen, terms, partial)
            _write(Plan(contents, key), shelves, root, target)
    except DigestMismatch as error:
        fail(f"{words(error)}: `mirror fsck` mends the cache")
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    click.echo(json.dumps(_told(contents, target)) if as_json else _summary(contents), err=target == PIPE)


def gathered(shelves: Shelves, images: Sequence[Image], terms: Terms, partial: bool) -> Contents:
    """What goes into the bundle. Raises MirrorError, with a line for each image that is not whole, unless `partial`."""
    gathering = Gathering(shelves, terms)
    found = [gathering.look(image) for image in images]
    short = [one for one in found if one.shortage is not None]
    for one in short if partial else ():
        click.echo(f"taken as far as it is here: {one.shortage}", err=True)
    if short and not partial:
        _refuse(short, terms.platforms)
    for one in found:
        gathering.add(one)
    return gathering.contents()


def _refuse(short: Sequence[Found], platforms: Sequence[str]) -> None:
    for one in short:
        click.echo(one.shortage, err=True)
    names = sorted({one.image.full_name for one in short if one.can_be_pulled})
    pull = " ".join(["mirror pull", *(f"--platform {one}" for one in platforms), *names[:_NAMED]])
    remedy = f"`{pull}` brings what is not here; else " if names else ""
    raise MirrorError(f"{len(short)} of the images cannot be exported whole: {remedy}leave them out, or say --partial")


def _chosen(stored: Sequence[Stored], wishes: Sequence[Wish], since: float | None) -> Iterator[Image]:
    """The images that are meant, by each of their names. Raises MirrorError for a wish that means none."""
    met: set[Wish] = set()
    for one in stored:
        tags = one.tags or (None,)
        for name in [Name(one.upstream, one.repository, tag) for tag in tags]:
            meant = [wish for wish in wishes if wish.means(name, one.digest)]
            met.update(meant)
            if (meant or not wishes) and (since is None or one.last_pull >= since):
                yield Image(name, Digest.parse(one.digest))
    for wish in wishes:
        if wish not in met:
            raise Malformed(f"no image in the cache is called {wish.said}: `mirror ls` shows those that are")


def _inventory(path: Path | None) -> frozenset[Digest]:
    if path is None:
        return frozenset()
    with path.open("rb") as file:
        return read_inventory(file, str(path))


def _write(plan: Plan, shelves: Shelves, root: Path, target: str) -> None:
    if target == PIPE:
        for data in archive_of(plan, shelves):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif target.endswith(".tar"):
        write_archive(plan, shelves, Path(target))
    else:
        write_directory(plan, shelves, root / "blobs", Path(target))


def _told(contents: Contents, target: str) -> dict[str, object]:
    return {
        "to": target,
        "images": [{"name": image.full_name, "digest": str(image.digest)} for image in contents.images],
        "blobs": len(contents.pieces),
        "bytes": contents.size,
        "left_out": len(contents.left_out),
        "absent": len(contents.absent),
    }


def _summary(contents: Contents) -> str:
    left = f"; {number(len(contents.left_out), 'blob')} left out, which the other side has" if contents.left_out else ""
    images, blobs = number(len(contents.images), "image"), number(len(contents.pieces), "blob")
    return f"{images} in {blobs} with {size(contents.size)}{left}"
