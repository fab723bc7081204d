"""`mirror tags`: where the tags of an image point, and where they have pointed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mirror.commands.invocation import config_option, fail, misconfigured, words
from mirror.commands.tag_asking import chosen_tags
from mirror.commands.tag_words import move_lines, tag_lines
from mirror.commands.where import where_options
from mirror.errors import ConfigurationError, MirrorError


@click.command()
@config_option
@where_options
@click.option("--history", is_flag=True, help="Every move that was seen, the newest first: when, from what, to what.")
@click.argument("image")
def command(config: Path | None, url: str | None, history: bool, as_json: bool, image: str) -> None:
    """Show where the known tags of IMAGE point, and what clients are given for them.

    IMAGE is a repository (ghcr.io/owner/name), or one tag of it (ghcr.io/owner/name:prod). No upstream is asked.

    Example: mirror tags --history ghcr.io/owner/name:prod
    """
    try:
        ask = chosen_tags(config, url)
        document = ask(lambda tags: tags.history(image) if history else tags.tags(image))
    except ConfigurationError as error:
        misconfigured(error)
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in move_lines(document["moves"]) if history else tag_lines(document["tags"]):
        click.echo("".join(letter for letter in line if letter.isprintable()))
