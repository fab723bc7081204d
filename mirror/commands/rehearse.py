"""`mirror rehearse`: which images would not survive an outage, and why; and `--fetch`, which makes it so."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import click

from mirror.commands.invocation import FAILED, answer_of, config_option, fail, load, words
from mirror.commands.naming_images import image_argument
from mirror.commands.ordering import NoAnswer, Ordering
from mirror.commands.pull import host_platform
from mirror.commands.pulling import Wanted, failed_of, shown_on, stop_when_gone
from mirror.commands.rehearse_words import lines_of, outcome_of
from mirror.commands.rehearsing import Document, rehearsed, rehearsed_at
from mirror.config.quantities import parse_duration
from mirror.errors import Malformed, MirrorError
from mirror.healthcheck import admin_url
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform

EVER = "forever"
_ROUNDS = 3  # what a tag has moved to, and what its former digest lacks, is only known once the tag was fetched

Terms = Mapping[str, Any]


@dataclass(slots=True)
class Hearing:
    """What was heard of a rehearsal: what would not survive, and what it came to. Shown as it comes.

    `everything`: what survives is shown, too.
    """

    everything: bool = False
    as_json: bool = False
    lost: list[Document] = field(default_factory=list)
    end: Document = field(default_factory=dict)

    def heed(self, document: Document) -> None:
        is_end = document.get("event") == "end"
        if is_end:
            self.end = document
        elif not document["survives"]:
            self.lost.append(document)
        if self.as_json:
            click.echo(json.dumps(document))
        elif not is_end and (self.everything or not document["survives"]):
            _print(lines_of(document))

    def again(self) -> Hearing:
        """For another rehearsal."""
        return Hearing(self.everything, self.as_json)

    def close(self, mendable: int) -> NoReturn:
        """Say what it came to, and end the process with the exit code for that."""
        if not self.as_json:
            _print(outcome_of(self.end, mendable))
        sys.exit(FAILED if self.lost else 0)


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--within", default="30d", show_default=True, metavar="SPAN", help="Images pulled since: 12h, 7d.")
@click.option("--outage", default="24h", show_default=True, metavar="SPAN", help="How long it lasts; or `forever`.")
@click.option("--deep", is_flag=True, help="Read and hash every byte.")
@click.option("--fetch", is_flag=True, help="Bring what is missing, within the pull budget, and rehearse again.")
@click.option("--platform", "platforms", multiple=True, metavar="OS/ARCH", help="Fetched where none is known.")
@click.option("--all", "everything", is_flag=True, help="Show what survives, too.")
@click.option("--json", "as_json", is_flag=True, help="The mirror's answer as it is, a line of JSON each.")
@image_argument("images", nargs=-1)
def command(config: Path | None, url: str | None, fetch: bool, everything: bool, as_json: bool, **wishes: Any) -> None:
    """Tell which images that clients pulled lately would not survive an outage, and why.

    What is rehearsed: no registry can be reached, for so long, and clients pull what they have pulled. Nothing is cut
    off for this, and nobody is asked. IMAGE is a name, the beginning of one, or a pattern, as for `mirror ls`; without
    one all images are meant. Where no mirror runs, its cache directory is looked into.

    --fetch has the running mirror bring what is missing, as `mirror warm` does: in nobody's way, and without the pulls
    that are kept for clients.

    Ends with 1 when an image would not survive.

    \b
    Examples:
      mirror rehearse --outage 7d 'ghcr.io/*'
      mirror rehearse --fetch
    """
    terms = _terms(wishes)
    hearing = Hearing(everything, as_json)
    if fetch:
        _fetched(config, url, terms, hearing).close(0)
    rehearse(config, url, terms, hearing)


def rehearse(config: Path | None, url: str | None, terms: Terms, hearing: Hearing) -> NoReturn:
    """A rehearsal at this URL, or else of the configured mirror; the process ends with what it came to."""
    if url is not None:
        answer_of(lambda: _at(url, terms, hearing))
    else:
        answer_of(lambda: rehearsed(load(config), terms, hearing.heed))
    hearing.close(sum(bool(document["orders"]) for document in hearing.lost))


def _at(url: str, terms: Terms, hearing: Hearing) -> None:
    ordering = Ordering(url)
    try:
        rehearsed_at(ordering, terms, hearing.heed)
    finally:
        ordering.close()


def _fetched(config: Path | None, url: str | None, terms: Terms, hearing: Hearing) -> Hearing:
    """Rehearse, bring what is missing, and rehearse again, as long as there is more to bring: the last rehearsal.

    All of it over one connection, so that of several workers the one answers that has brought it.
    """
    place = url or answer_of(lambda: admin_url(load(config).admin.listen))
    ordering = answer_of(lambda: Ordering(place))
    tried: set[str] = set()
    try:
        rehearsed_at(ordering, terms, hearing.heed)
        for _ in range(_ROUNDS):
            orders = {json.dumps(order): order for document in hearing.lost for order in document["orders"]}
            wanted = [_wanted(order) for key, order in orders.items() if key not in tried]
            if not wanted:
                break
            tried.update(orders)
            failed_of(ordering, wanted, shown_on(sys.stdout, hearing.as_json), cancel=False)
            if not hearing.as_json:
                click.echo("rehearsing again")
            hearing = hearing.again()
            rehearsed_at(ordering, terms, hearing.heed)
    except MirrorError as error:
        fail(words(error))
    except NoAnswer as error:
        stop_when_gone(error, place)
    finally:
        ordering.close()
    return hearing


def _wanted(order: Document) -> Wanted:
    try:
        registry = ImageName.parse(order["image"]).registry
    except Malformed:
        registry = None
    return Wanted(order["image"], registry or "the registry", lambda: {**order, "quiet": True})


def _terms(wishes: Mapping[str, Any]) -> Terms:
    try:
        platforms = [parse_platform(one) for one in wishes["platforms"]] or [host_platform()]
    except Malformed as error:
        raise click.BadParameter(str(error), param_hint="--platform") from None
    return {
        "images": list(wishes["images"]),
        "within": _span(wishes["within"], "--within"),
        "outage": None if wishes["outage"] == EVER else _span(wishes["outage"], "--outage"),
        "platforms": platforms,
        "deep": wishes["deep"],
    }


def _span(text: str, option: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo("".join(filter(str.isprintable, line)))
