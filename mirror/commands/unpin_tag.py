"""`mirror unpin-tag`: have a tag answered as its upstream says again."""

from __future__ import annotations

from pathlib import Path

import click

from mirror.commands.invocation import config_option
from mirror.commands.tag_ordering import carry_out
from mirror.commands.where import where_options


@click.command()
@config_option
@where_options
@click.argument("image", metavar="IMAGE:TAG")
def command(config: Path | None, url: str | None, as_json: bool, image: str) -> None:
    """Have IMAGE:TAG answered as its upstream says, after `mirror pin-tag` or `mirror rollback`.

    Example: mirror unpin-tag ghcr.io/owner/name:prod
    """
    carry_out(config, url, lambda tags: tags.unpin(image), as_json)
