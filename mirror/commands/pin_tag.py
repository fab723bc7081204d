"""`mirror pin-tag`: have a tag answered with one digest."""

from __future__ import annotations

from pathlib import Path

import click

from mirror.commands.invocation import config_option
from mirror.commands.tag_ordering import carry_out
from mirror.commands.where import where_options


@click.command()
@config_option
@where_options
@click.option("--to", metavar="DIGEST", help="The digest; without it, the one that clients are given now.")
@click.argument("image", metavar="IMAGE:TAG")
def command(config: Path | None, url: str | None, as_json: bool, to: str | None, image: str) -> None:
    """Have IMAGE:TAG answered with one digest from now on, wherever the upstream lets the tag point.

    The digest has to be cached whole, or still to be had from the upstream, and is not evicted. Clients are told by a
    Warning. `mirror unpin-tag` takes it back.

    Example: mirror pin-tag ghcr.io/owner/name:prod
    """
    carry_out(config, url, lambda tags: tags.pin(image, {} if to is None else {"to": to}), as_json)
