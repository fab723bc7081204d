"""`mirror unpin NAME…`: lets go of what `mirror pin` keeps."""

from __future__ import annotations

from operator import methodcaller
from pathlib import Path

import click

from mirror.commands.invocation import config_option
from mirror.commands.pin import tell
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options


@click.command()
@config_option
@where_options
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def command(config: Path | None, url: str | None, as_json: bool, names: tuple[str, ...]) -> None:
    """Let go of each pin called NAME, as `mirror pin` lists it or as it was given.

    Nothing is removed by this: the images may be evicted from now on, when room is needed.

    Example: mirror unpin ubuntu:22.04
    """
    pins = [ask(config, url, methodcaller("unpin", name)) for name in names]
    tell(pins, "unpinned", as_json)
