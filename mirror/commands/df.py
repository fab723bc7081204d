"""`mirror df`: how much room the cache takes, and what takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mirror.amounts import number, size
from mirror.commands.columns import columns
from mirror.commands.invocation import config_option, fail, tell
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options

_TITLES = ("IMAGES", "SIZE", "UNIQUE", "SHARED")
_NUMBERS = {1, 2, 3, 4}


@click.command()
@config_option
@where_options
@click.option("--repositories", "-r", is_flag=True, help="Each repository below its registry, the largest first.")
@click.argument("upstream", required=False)
def command(config: Path | None, url: str | None, as_json: bool, repositories: bool, upstream: str | None) -> None:
    """Show how much room each registry takes in the cache, and what may still come.

    With UPSTREAM, its repositories. What several of them have is stored once and counted for each as shared; unique
    is what only the one has, and would be freed with it. Loose is what no image needs any more, and goes first.

    Example: mirror df ghcr.io
    """
    document = ask(config, url, lambda stock: stock.usage())
    if upstream is not None:
        document["upstreams"] = [one for one in document["upstreams"] if one["upstream"] == upstream.lower()]
        if not document["upstreams"]:
            fail("nothing of that registry is cached: `mirror df` names those of which there is something")
        lines = _repositories(document["upstreams"][0]["repositories"])
    else:
        lines = _whole(document, below=repositories)
    tell(document, lines, as_json)


def _whole(document: dict[str, Any], below: bool) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("UPSTREAM", *_TITLES)]
    for upstream in document["upstreams"]:
        rows.append(_row(upstream["upstream"], upstream))
        rows += [_row(f"  {one['repository']}", one) for one in _largest(upstream["repositories"] if below else [])]
    if document["upstreams"]:
        yield from columns(rows, _NUMBERS)
        yield ""
    loose = f", {size(document['loose'])} of it loose" if document["loose"] else ""
    images, blobs = number(document["images"], "image"), number(document["blobs"], "blob")
    stays = f", of which {size(document['min_free'])} are to stay so" if document["min_free"] else ""
    yield from columns(
        [
            ("cached", f"{size(document['size'])} in {blobs} of {images}{loose}"),
            ("limit", f"{size(document['limit'])} ({_share(document['size'], document['limit'])} used)"),
            ("disk", f"{size(document['free'])} free{stays}"),
        ]
    )


def _repositories(repositories: list[dict[str, Any]]) -> Iterator[str]:
    rows = [("REPOSITORY", *_TITLES), *(_row(one["repository"], one) for one in _largest(repositories))]
    yield from columns(rows, _NUMBERS)


def _largest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda one: (-one["size"], one["repository"]))


def _row(name: str, entry: dict[str, Any]) -> tuple[str, ...]:
    return name, str(entry["images"]), size(entry["size"]), size(entry["unique"]), size(entry["shared"])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
