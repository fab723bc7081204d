"""`mirror budget`: the pulls that upstreams' limits leave, and who took the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mirror.commands.admin_client import AdminClient
from mirror.commands.invocation import config_option, fail, load, words
from mirror.errors import MirrorError
from mirror.healthcheck import admin_url

_SHOWN = 5  # clients, and repositories

_MEANINGS = {
    "normal": "enough are left",
    "stretched": "few are left: tags that are cached are asked for less often",
    "reserve": "only the reserve is left: no pull is spent on what is cached",
}


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--json", "as_json", is_flag=True, help="Print the mirror's answer as it is.")
@click.argument("upstream", required=False)
def command(config: Path | None, url: str | None, as_json: bool, upstream: str | None) -> None:
    """Show how many pulls each upstream grants yet, or the one named UPSTREAM, and who used them.

    An upstream's own figures, from its last answer; who used them is counted by the mirror since its start.

    Example: mirror budget docker.io
    """
    try:
        client = AdminClient(admin_url(load(config).admin.listen) if url is None else url)
        document = client.get("/api/v1/budget", {} if upstream is None else {"upstream": upstream})
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    try:
        entries = [entry for entry in document["upstreams"] if upstream is not None or _has_news(entry)]
        lines = list(_lines(entries))
    except (KeyError, TypeError):
        fail("the answer is not one of this version's mirror: --json shows it as it is")
    click.echo("\n".join(lines))


def _has_news(entry: dict[str, Any]) -> bool:
    return entry["limit"] is not None or entry["throttled_for"] is not None


def _lines(entries: list[dict[str, Any]]) -> Iterator[str]:
    if not entries:
        yield "no upstream has told of a limit since the mirror began, or lately"
    for entry in entries:
        yield f"{entry['upstream']}: {_left(entry)}"
        if entry["throttled_for"] is not None:
            yield f"  it refuses more for {_span(entry['throttled_for'])}; what is cached is served meanwhile"
        elif entry["state"] in _MEANINGS:
            yield f"  {_MEANINGS[entry['state']]} (the reserve is {entry['reserve']})"
        yield from _spenders("clients", [(one["client"] or "-", one["pulls"]) for one in entry["clients"]])
        yield from _spenders("repositories", [(one["repository"], one["pulls"]) for one in entry["repositories"]])


def _left(entry: dict[str, Any]) -> str:
    if entry["limit"] is None:
        return "it has told of no limit lately"
    source = f", counted for {entry['source']}" if entry["source"] else ""
    ends = f"this is forgotten in {_span(entry['window_ends_in'])}"
    return f"{entry['remaining']} of {entry['limit']} pulls in {_span(entry['window'])} are left{source}; {ends}"


def _spenders(kind: str, spenders: list[tuple[str, int]]) -> Iterator[str]:
    if spenders:
        yield f"  most pulls by {kind}: " + ", ".join(f"{name} {pulls}" for name, pulls in spenders[:_SHOWN])


def _span(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} s"
