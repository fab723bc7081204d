"""`mirror ls`: the images that are cached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from mirror.amounts import duration, size
from mirror.commands.columns import columns
from mirror.commands.invocation import config_option
from mirror.commands.naming_images import image_argument
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options

_TAGS = 3  # that are named of an image
_DIGEST = len("sha256:") + 12  # characters that tell images apart
_TITLES = ("REPOSITORY", "TAGS", "DIGEST", "PULLED", "SIZE", "STATE")


@click.command()
@config_option
@where_options
@click.option("--upstream", metavar="NAME", help="Only images of this registry.")
@click.option("--sort", type=click.Choice(["pull", "size", "name"]), default="pull", show_default=True)
@click.option("--pinned", is_flag=True, help="Only images that are pinned.")
@click.option("--quiet", "-q", is_flag=True, help="Only names, one a line, for other commands.")
@image_argument("pattern", required=False)
def command(
    config: Path | None,
    url: str | None,
    as_json: bool,
    pattern: str | None,
    **wishes: Any,
) -> None:
    """List the images that are cached, the one that was pulled last first.

    PATTERN is a name (ubuntu, ghcr.io/owner/name:tag), the beginning of one up to a slash (ghcr.io, ghcr.io/owner),
    or has `*` in it ('ghcr.io/*/app:v1*'). The state says whether what was pulled of an image could be pulled again
    while its registry cannot be reached: full, partial, index only, or manifest only.

    Example: mirror ls --sort size 'docker.io/library/*'
    """
    wanted = {"pattern": pattern or "", "sort": wishes["sort"], "pinned": str(wishes["pinned"]).lower()}
    if wishes["upstream"] is not None:
        wanted["upstream"] = wishes["upstream"]
    document = ask(config, url, lambda stock: stock.images(wanted))
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    images = document["images"]
    for line in [image["image"] for image in images] if wishes["quiet"] else lines_of(images, time.time()):
        click.echo(line)
    if not images:
        is_narrowed = pattern or wishes["pinned"] or wishes["upstream"] is not None
        click.echo("no such image is cached" if is_narrowed else "no image is cached", err=True)
    if document["total"] > len(images):
        click.echo(f"and {document['total'] - len(images)} more: narrow it with a pattern", err=True)


def lines_of(images: list[dict[str, Any]], now: float) -> Iterator[str]:
    """A table with a line for each image. `now`: the wall clock."""
    if images:
        yield from columns([_TITLES, *(_row(image, now) for image in images)], right={4})


def since(moment: str | None, now: float) -> str:
    """How long ago something was that an answer tells the time of."""
    return "-" if moment is None else f"{duration(now - datetime.fromisoformat(moment).timestamp())} ago"


def short(digest: str) -> str:
    """As much of a digest as commands take for it."""
    return digest[:_DIGEST]


def _row(image: dict[str, Any], now: float) -> tuple[str, ...]:
    tags = ",".join(image["tags"][:_TAGS]) or "-"
    more = len(image["tags"]) - _TAGS
    uncounted = image["uncounted"]
    state = image["completeness"] + (" as far as it was looked through" if uncounted else "")
    return (
        f"{image['upstream']}/{image['repository']}",
        f"{tags},+{more}" if more > 0 else tags,
        short(image["digest"]),
        since(image["last_pull"], now),
        f"at least {size(image['size'])}" if uncounted else size(image["size"]),
        state + (", pinned" if image["pinned"] else ""),
    )
