"""What the commands that change a tag have in common: how it is done, and said that it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from mirror.commands.invocation import fail, misconfigured, words
from mirror.commands.tag_asking import Document, Tags, chosen_tags
from mirror.commands.tag_words import standing
from mirror.errors import ConfigurationError, MirrorError


def carry_out(config: Path | None, url: str | None, order: Callable[[Tags], Document], as_json: bool) -> None:
    """Have it done, and say how the tag stands then. Ends the process when it cannot be."""
    try:
        document = chosen_tags(config, url)(order)
    except ConfigurationError as error:
        misconfigured(error)
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    line = json.dumps(document, indent=2) if as_json else standing(document)
    click.echo(line if as_json else "".join(letter for letter in line if letter.isprintable()))
