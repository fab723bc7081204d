"""`mirror stats`: what the cache has been good for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mirror.amounts import size
from mirror.commands.admin_client import AdminClient
from mirror.commands.columns import columns
from mirror.commands.invocation import config_option, fail, load, tell, words
from mirror.commands.ls import since
from mirror.commands.stock_asking import TIMEOUT
from mirror.commands.where import where_options
from mirror.errors import MirrorError
from mirror.healthcheck import admin_url

_TITLES = ("UPSTREAM", "REQUESTS", "FROM CACHE", "JOINED", "MISSES", "HITS", "SERVED", "FETCHED", "SAVED")
_CACHED = ("hit", "revalidated", "stale")
_SHOWN = 5  # images


@click.command()
@config_option
@where_options
def command(config: Path | None, url: str | None, as_json: bool) -> None:
    """Show how much of what clients asked for came from the cache since the mirror began, and what that saved.

    Joined are requests that shared a download which another one had begun. Hits is the share of requests for which no
    download was begun; saved, of the bytes that were served, those that no registry was asked for. The same figures
    are at /metrics. Of a mirror that does not run there are none: `mirror df` tells what is cached.

    Example: mirror stats --json
    """
    try:
        client = AdminClient(admin_url(load(config).admin.listen) if url is None else url, TIMEOUT)
        document = client.get("/api/v1/stats")
    except MirrorError as error:
        fail(words(error))
    except (OSError, ValueError) as error:
        fail(f"figures are kept by the mirror while it runs, and it does not answer: {words(error)}")
    tell(document, lines_of(document, time.time()), as_json)


def lines_of(document: dict[str, Any], now: float) -> Iterator[str]:
    """A table of the registries, and the images that were pulled last. `now`: the wall clock."""
    rows = [_TITLES, *(_row(one["upstream"], one) for one in document["upstreams"]), _row("all", document)]
    yield from columns(rows, right=set(range(1, len(_TITLES))))
    yield ""
    yield f"counted since the mirror began, {since(document['since'], now)}"
    if document["evicted_bytes"]:
        yield f"evicted to make room: {size(document['evicted_bytes'])}"
    if document["prefetched_bytes"]:
        yield f"fetched before a client asked for it: {size(document['prefetched_bytes'])}"
    if document["recent"]:
        yield ""
        yield "pulled last:"
        recent = [(one["image"], since(one["last_pull"], now)) for one in document["recent"][:_SHOWN]]
        yield from columns(recent, indent="  ")


def _row(name: str, counted: dict[str, Any]) -> tuple[str, ...]:
    requests = counted["requests"]
    return (
        name,
        str(sum(requests.values()) - requests["bypass"]),
        str(sum(requests[outcome] for outcome in _CACHED)),
        str(requests["joined"]),
        str(requests["miss"]),
        _share(counted["hit_ratio"]),
        size(counted["served_bytes"]),
        size(counted["fetched_bytes"]),
        _share(counted["saved_ratio"]),
    )


def _share(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * ratio:.1f} %"
