"""`mirror warm`: have the running mirror look after the images now that it is to keep ready, or those of a list."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from mirror.commands.invocation import config_option, fail, load, words
from mirror.commands.ordering import NoAnswer, Ordering
from mirror.commands.pull import full_name, read_lists
from mirror.commands.pulling import Wanted, pull_all, shown_on, stop_when_gone
from mirror.errors import Malformed, Refused
from mirror.healthcheck import admin_url
from mirror.oci.image_name import ImageName


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--file", "-f", "lists", multiple=True, metavar="LIST", help="These images instead; - for stdin.")
@click.option("--cancel", is_flag=True, help="Ctrl-C ends the pull, and not only the looking on.")
@click.option("--json", "as_json", is_flag=True, help="The mirror's events as they are, a line of JSON each.")
def command(config: Path | None, url: str | None, lists: tuple[str, ...], cancel: bool, as_json: bool) -> None:
    """Bring the images now that `images` in the configuration is to keep ready, or those of a LIST.

    One after another, and only while no client needs the line: it may take long on a busy mirror. An image for which a
    list names no platforms is brought for all of them. No login is lent for it: upstreams are asked as configured.

    Ends with 1 when an image could not be brought.

    Example: mirror warm -f images.txt
    """
    try:
        url = admin_url(load(config).admin.listen) if url is None else url
        ordering = Ordering(url)
    except ValueError as error:
        fail(words(error))
    try:
        wanted = list(_listed(lists) if lists else _kept(ordering))
        if not wanted:
            click.echo("no image is to be kept ready: name some in `images` of mirror.yml, or give a list with -f")
        pull_all(ordering, wanted, shown_on(sys.stdout, as_json), cancel=cancel)
    except Refused as error:
        fail(words(error))
    except NoAnswer as error:
        stop_when_gone(error, url)
    finally:
        ordering.close()


def _listed(lists: tuple[str, ...]) -> Iterator[Wanted]:
    for entry in read_lists(lists):
        yield _wanted(str(full_name(entry.image)), {"platforms": list(entry.platforms)})


def _kept(ordering: Ordering) -> Iterator[Wanted]:
    for one in ordering.kept().get("images") or ():
        yield _wanted(str(one.get("image")), {"platforms": one.get("platforms") or []})


def _wanted(image: str, order: Mapping[str, Any]) -> Wanted:
    try:
        registry = ImageName.parse(image).registry
    except Malformed:
        registry = None
    return Wanted(image, registry or "the registry", lambda: {**order, "image": image, "quiet": True})
