"""`mirror inventory`: which images and blobs are here, for a mirror that sends what is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from mirror.bundles.contents import Image
from mirror.bundles.inventory import blobs_below, lines_of
from mirror.bundles.names import Name
from mirror.commands.invocation import config_option, fail, load, words
from mirror.errors import MirrorError
from mirror.oci.digest import Digest
from mirror.store.images import Image as Stored
from mirror.store.looking import Looking


@click.command()
@config_option
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this file instead.",
)
@click.option("--json", "as_json", is_flag=True, help="The same: an inventory is JSON, an object a line.")
def command(config: Path | None, target: Path | None, as_json: bool) -> None:  # noqa: ARG001
    """Write which images and blobs are in the cache, beside a mirror that runs or without one.

    With it, `mirror export --lacking` of another mirror leaves out what this one has.

    Example: mirror inventory --to site-b.inventory
    """
    root = load(config).storage.root.absolute()
    try:
        with Looking(root) as cache:
            lines = lines_of(_images(cache.images.list()), blobs_below(root))
            if target is None:
                sys.stdout.buffer.writelines(lines)
                sys.stdout.buffer.flush()
            else:
                with target.open("wb") as file:
                    file.writelines(lines)
    except (MirrorError, OSError) as error:
        fail(words(error))


def _images(stored: list[Stored]) -> Iterator[Image]:
    for one in stored:
        for tag in one.tags or (None,):
            yield Image(Name(one.upstream, one.repository, tag), Digest.parse(one.digest))
