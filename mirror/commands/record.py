"""`mirror record`: the images that clients really pulled, as a list that another mirror can bring."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from mirror.amounts import duration, number
from mirror.commands.invocation import config_option, fail, load, words
from mirror.config.quantities import parse_duration
from mirror.errors import Malformed, MirrorError
from mirror.jobs.lists import Entry, written
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.oci.manifest import Kind, classify
from mirror.oci.platform_choice import parse_platform
from mirror.oci.platforms import platforms_of
from mirror.stock.documents import read_document
from mirror.store.brought import last_given
from mirror.store.images import Image
from mirror.store.looking import Looking


@dataclass(frozen=True, slots=True)
class Recorded:
    """An image that was pulled, as it is written down; `last_pull` by the wall clock, in seconds."""

    entry: Entry
    digest: str
    last_pull: float


@click.command()
@config_option
@click.option("--since", default="7d", show_default=True, metavar="SPAN", help="How far back: 12h, 7d.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
def command(config: Path | None, since: str, output: Path | None, as_json: bool) -> None:
    """Write a list of the images that were pulled lately, each with the platforms that are here of it.

    Another mirror brings them with `mirror pull -f images.txt`, or keeps them ready with `images: [{file: images.txt}]`
    in its mirror.yml. An image stands there by its tags, or by its digest where no tag points to it any more. What was
    only imported is left out until somebody pulls it. The cache's directory is looked into, whether or not a mirror
    runs on it: be the user whose it is.

    Example: mirror record --since 30d --output images.txt
    """
    settings = load(config)
    try:
        span = parse_duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    try:
        with Looking(settings.storage.root.absolute()) as looking:
            found = list(recorded(looking, time.time() - span))
    except MirrorError as error:
        fail(words(error))
    text = f"{json.dumps(_document(found), indent=2)}\n" if as_json else "".join(f"{line}\n" for line in _lines(found))
    if output is None:
        click.echo(text, nl=False)
        if not found:
            click.echo(f"no image was pulled in the last {duration(span)}", err=True)
        return
    try:
        output.write_text(text)
    except OSError as error:
        fail(words(error))
    click.echo(f"{number(len(found), 'image')} in {output}", err=True)


def recorded(looking: Looking, since: float) -> Iterator[Recorded]:
    """What was pulled after this time of the wall clock, an entry for each tag, in the order of names."""
    for image in looking.images.list():
        last_pull = last_given(looking.index, (image.upstream, image.repository, image.digest))
        if last_pull is None or last_pull < since:
            continue
        try:
            digest = Digest.parse(image.digest)
        except Malformed:
            continue
        platforms = _platforms(looking, image, digest)
        for reference in image.tags or (digest,):
            entry = Entry(ImageName(image.upstream, image.repository, reference), platforms)
            yield Recorded(entry, image.digest, last_pull)


def _platforms(looking: Looking, image: Image, digest: Digest) -> tuple[str, ...]:
    """Those of an index that clients were given, whatever is left of them; none for an image that is for one anyway."""
    body = read_document(looking, digest)
    try:
        read = classify(body or b"", image.media_type or None)
    except Malformed:
        return ()
    if body is None or read.kind is not Kind.INDEX:
        return ()
    listed, found = platforms_of(body), []
    for one in read.manifests:
        platform = listed.get(str(one.digest), "")
        member = looking.index.member(image.upstream, image.repository, str(one.digest))
        if "/" in platform and member is not None and member.media_type is not None:
            found.append(platform)
    return tuple(dict.fromkeys(_usual(found)))


def _usual(names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            yield parse_platform(name)
        except Malformed:
            continue  # of a kind that cannot be asked for


def _lines(found: list[Recorded]) -> Iterator[str]:
    return written((one.entry, f"{one.digest}, last pulled {_when(one.last_pull)}") for one in found)


def _document(found: list[Recorded]) -> dict[str, object]:
    return {
        "images": [
            {
                "image": str(one.entry.image),
                "platforms": list(one.entry.platforms),
                "digest": one.digest,
                "last_pull": _when(one.last_pull),
            }
            for one in found
        ]
    }


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
