"""`mirror thaw`: allow contact with upstreams again."""

from __future__ import annotations

from pathlib import Path

import click

from mirror.commands.invocation import config_option, fail, words
from mirror.commands.switching import chosen
from mirror.errors import MirrorError


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
def command(config: Path | None, url: str | None) -> None:
    """Ask upstreams again, after `mirror freeze`.

    Example: mirror thaw
    """
    try:
        click.echo(chosen(config, url).thaw())
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
