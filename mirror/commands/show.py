"""`mirror show IMAGE`: one cached image in detail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mirror.amounts import number, size
from mirror.commands.columns import columns
from mirror.commands.invocation import config_option, fail, tell
from mirror.commands.ls import short, since
from mirror.commands.naming_images import image_argument
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options

_NAMES = 20  # that are written out: the others are counted


@click.command()
@config_option
@where_options
@click.option("--platform", metavar="OS/ARCH", help="Of the platforms of an index this one only: linux/arm64.")
@image_argument("image")
def command(config: Path | None, url: str | None, platform: str | None, as_json: bool, image: str) -> None:
    """Show what is cached of IMAGE: its platforms with their layers, how much of each is here, tags, and pins.

    IMAGE is a name as Docker takes it (ubuntu, ghcr.io/owner/name:tag, name@sha256:…), or a digest, of which the
    beginning that `mirror ls` shows will do. Layers that other cached images need, too, are called shared.

    Example: mirror show --platform linux/amd64 ubuntu:22.04
    """
    document = ask(config, url, lambda stock: stock.image(image))
    if platform is not None:
        document["platforms"] = _of_platform(document["platforms"], platform)
    tell(document, lines_of(document, time.time()), as_json)


def lines_of(document: dict[str, Any], now: float) -> Iterator[str]:
    """The image in lines, and then each of its platforms. `now`: the wall clock."""
    yield from columns(list(_heading(document, now)))
    if document["platforms"]:
        yield ""
    summaries = columns([_summary(platform) for platform in document["platforms"]], right={3})
    for platform, summary in zip(document["platforms"], summaries, strict=True):
        yield summary
        yield from columns([_blob(blob) for blob in platform["blobs"]], right={2}, indent="  ")
        yield from _untold("  ", platform["blobs_untold"], "more blob")
    yield from _untold("", document["platforms_untold"], "more platform")
    if document["uncounted"]:
        yield "it needs more than any image has reason to: sizes and states are of what was looked through"


def _heading(document: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "image", f"{document['upstream']}/{document['repository']}"
    yield "tags", _some(document["tags"], document["tags_untold"]) or "-"
    yield "digest", document["digest"]
    yield "type", f"{document['kind']}, {document['media_type']}"
    yield "pulled", since(document["last_pull"], now)
    yield "cached", document["completeness"]
    shared = f", {size(document['shared'])} of it shared" if document["shared"] else ""
    yield "size", f"{size(document['size'])}{shared}"
    yield "pinned", f"by {document['pinned_by']}" if document["pinned"] else "no"
    if document["also_in"]:
        yield "also in", _some(document["also_in"], document["also_in_untold"])


def _some(names: list[str], untold: int) -> str:
    more = untold + len(names[_NAMES:])
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more else "")


def _untold(indent: str, count: int, what: str) -> Iterator[str]:
    if count:
        yield f"{indent}and {number(count, what)}"


def _summary(platform: dict[str, Any]) -> tuple[str, ...]:
    whole, held = platform["size"], platform["held"]
    amount = "" if whole is None else size(whole) if held == whole else f"{size(held)} of {size(whole)}"
    return platform["platform"], short(platform["digest"]), platform["completeness"], amount


def _blob(blob: dict[str, Any]) -> tuple[str, ...]:
    state = ("shared" if blob["shared"] else "") if blob["held"] else "missing"
    return blob["role"], short(blob["digest"]), size(blob["size"]), state


def _of_platform(platforms: list[dict[str, Any]], platform: str) -> list[dict[str, Any]]:
    """Those that are for it. Ends the process where there are others, and none is."""
    chosen = [one for one in platforms if _is_for(one, platform)]
    if platforms and not chosen:
        others = _some([one["platform"] for one in platforms], 0)
        fail(f"the image is not made for that platform; it is for {others}")
    return chosen


def _is_for(entry: dict[str, Any], platform: str) -> bool:
    """`linux/arm64` is `linux/arm64/v8` too."""
    return f"{entry['platform']}/".startswith(f"{platform}/")
