"""What the commands that change a tag have in common: their options, and how it is said that it was done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mirror.commands.invocation import fail, misconfigured, words
from mirror.commands.tag_asking import Document, Tags, chosen_tags
from mirror.commands.tag_words import standing
from mirror.errors import ConfigurationError, MirrorError

_Command = Callable[..., Any]


def where_options(command: _Command) -> _Command:
    """`--url` and `--json`."""
    url = "The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one."
    command = click.option("--json", "as_json", is_flag=True, help="Print the mirror's answer as it is.")(command)
    return click.option("--url", help=url)(command)


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
