"""`mirror freeze`: stop all contact with upstreams."""

from __future__ import annotations

from pathlib import Path

import click

from mirror.commands.invocation import config_option, fail, words
from mirror.commands.switching import chosen
from mirror.errors import MirrorError


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who look later.")
@click.option("--status", is_flag=True, help="Say whether it is so, and change nothing.")
@click.option("--rehearse", "rehearses", is_flag=True, help="Tell what would not survive it, and change nothing.")
def command(config: Path | None, url: str | None, reason: str, status: bool, rehearses: bool) -> None:
    """Stop asking upstreams, at once and over restarts, until `mirror thaw`.

    What is cached is served: by digest always, by tag as long as it may be stale. What is not cached is refused at
    once, so that clients turn elsewhere. Downloads under way are broken off, and gone on with afterwards.

    Where no mirror runs, it will be frozen when it starts.

    --rehearse is `mirror rehearse` with its defaults: images of 30 days, and an outage of one day.

    Example: mirror freeze --reason "maintenance of the line"
    """
    if rehearses:
        from mirror.commands.rehearse import Hearing, rehearse

        rehearse(config, url, {}, Hearing())
    try:
        switch = chosen(config, url)
        click.echo(switch.state() if status else switch.freeze(reason))
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
