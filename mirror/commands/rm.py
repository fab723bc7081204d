"""`mirror rm NAME…`: removes what is cached of an image, a repository, an upstream, or a digest."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import click

from mirror.amounts import number, size
from mirror.commands.columns import columns
from mirror.commands.invocation import FAILED, INTERRUPTED, MISCONFIGURED, config_option
from mirror.commands.ls import short
from mirror.commands.naming_images import image_argument
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options

_TAGS = 3  # that are named of an image


@click.command()
@config_option
@where_options
@click.option("--dry-run", is_flag=True, help="Tell what would go, and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@image_argument("names", nargs=-1, required=True, metavar="NAME...")
def command(config: Path | None, url: str | None, as_json: bool, names: tuple[str, ...], **wishes: bool) -> None:
    """Remove what is cached under each NAME, and what then no other image needs.

    NAME is an image (ubuntu:22.04, name@sha256:…), a repository with all its images (ubuntu, ghcr.io/owner/name), a
    registry (ghcr.io), or a digest. Where its tags point and when that was asked is forgotten, too, so that the next
    pull asks the registry. What is pinned stays, and downloads under way go on. Of an image with several tags only the
    one that is named goes.

    Example: mirror rm --dry-run ghcr.io/owner/name
    """
    plans = [ask(config, url, methodcaller("removal", name)) for name in names]
    if wishes["dry_run"]:
        _tell(plans, as_json)
        return
    if not wishes["yes"]:
        _confirm(plans, as_json)
    done = [ask(config, url, methodcaller("remove", name)) for name in names]
    _tell(done, as_json)


def lines_of(removal: dict[str, Any]) -> Iterator[str]:
    """What goes, and what is kept; in the end what it comes to."""
    would = "would be " if removal["dry_run"] else ""
    rows = [(_name(image), short(image["digest"]), size(image["size"])) for image in removal["images"]]
    yield from columns([(f"{would}removed", *row) for row in rows], right={3})
    yield from (f"{would}untagged  {name}" for name in removal["untagged"])
    yield from (f"kept  {image['image']}  pinned" for image in removal["kept"])
    images = len(removal["images"])
    if removal["untagged"]:
        yield f"{removal['named']}: its image has other tags, and stays"
    else:
        yield f"{removal['named']}: {number(images, 'image')}, {size(removal['size'])}"


def _name(image: dict[str, Any]) -> str:
    """With all its tags, of which the first is in its name: they go with it."""
    more = image["tags"][1:]
    shown = ",".join([image["image"], *more[: _TAGS - 1]])
    return f"{shown},+{len(more) - _TAGS + 1}" if len(more) >= _TAGS else shown


def _confirm(plans: list[dict[str, Any]], as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        click.echo("nobody can be asked here: say --yes, or --dry-run", err=True)
        sys.exit(MISCONFIGURED)
    _tell(plans, as_json=False)
    try:
        is_wanted = click.confirm("Remove this?")
    except click.Abort:  # Ctrl-C, after which the cursor is still behind the question
        click.echo(err=True)
        sys.exit(INTERRUPTED)
    if not is_wanted:
        click.echo("nothing was removed", err=True)
        sys.exit(FAILED)


def _tell(removals: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"removals": removals}, indent=2))
        return
    for removal in removals:
        for line in lines_of(removal):
            click.echo(line)
