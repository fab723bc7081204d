"""`mirror tags`: where the tags of an image point, and where they have pointed."""

from __future__ import annotations

from pathlib import Path

import click

from mirror.commands.invocation import answer_of, config_option, tell
from mirror.commands.tag_asking import chosen_tags
from mirror.commands.tag_words import move_lines, tag_lines
from mirror.commands.where import where_options

_MOVES = 100


@click.command()
@config_option
@where_options
@click.option("--history", is_flag=True, help="The moves that were seen, the newest first: when, from what, to what.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), help=f"So many moves, {_MOVES} unless it is said.")
@click.argument("image")
def command(config: Path | None, url: str | None, history: bool, limit: int | None, as_json: bool, image: str) -> None:
    """Show where the known tags of IMAGE point, and what clients are given for them.

    IMAGE is a repository (ghcr.io/owner/name), or one tag of it (ghcr.io/owner/name:prod). No upstream is asked.

    Example: mirror tags --history ghcr.io/owner/name:prod
    """
    if limit is not None and not history:
        raise click.UsageError("--limit says how many moves are shown: it goes with --history")
    ask = chosen_tags(config, url)
    if history:
        document = answer_of(lambda: ask(lambda tags: tags.history(image, limit or _MOVES)))
        tell(document, move_lines(document), as_json)
    else:
        document = answer_of(lambda: ask(lambda tags: tags.tags(image)))
        tell(document, tag_lines(document["tags"]), as_json)
