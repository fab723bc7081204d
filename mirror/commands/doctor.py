"""`mirror doctor [UPSTREAM…]`: looks at upstreams and this machine, whether or not a mirror runs here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import click

from mirror.amounts import moment
from mirror.commands.invocation import FAILED, config_option, fail, load
from mirror.config.patterns import best, is_pattern
from mirror.config.settings import Settings
from mirror.doctor import disk, process
from mirror.doctor.findings import Finding, Level, is_well
from mirror.doctor.pulling import Wanted
from mirror.doctor.upstream import Examined, examine
from mirror.errors import Code, Malformed, Refused
from mirror.log.events import errors_alone
from mirror.log.redaction import printable
from mirror.oci.image_name import ImageName
from mirror.pull.upstreams import HUB
from mirror.store.freeze import noted_in

_AT_ONCE = 16  # upstreams


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option("--pull", metavar="IMAGE", help="Pull the manifests of this image, to see where its blobs are sent from.")
@click.argument("upstreams", metavar="[UPSTREAM]...", nargs=-1)
def command(config: Path | None, as_json: bool, pull: str | None, upstreams: tuple[str, ...]) -> None:
    """Look for what keeps the mirror from reaching its upstreams, and say what to do about it.

    For each upstream that is named, or for all of them and this machine: its name in DNS, the connection and its
    certificate, the proxy, the clock, the answer to /v2/ and the login; the cache's disk, open files and ports. Run it
    as the user, in the environment and with the configuration of the mirror. Nothing is changed, and nothing is pulled
    but by --pull, which looks at the upstream of that image alone. Upstreams are asked even where contact is
    frozen, which is told.

    Ends with 1 when something is found that keeps pulls from working.

    Example: mirror doctor ghcr.io
    """
    settings = load(config)
    try:
        chosen = _of_image(settings, pull) if pull is not None else list(_chosen(settings, upstreams))
    except (Refused, Malformed) as error:
        fail(str(error))
    looking = _look(chosen) if upstreams or pull is not None else _look_everywhere(settings, chosen)
    with errors_alone():
        findings = [*_frozen(settings), *asyncio.run(looking)]
    if as_json:
        click.echo(json.dumps({"ok": is_well(findings), "findings": [asdict(finding) for finding in findings]}))
    else:
        for line in lines_of(findings):
            click.echo(printable(line))
    if not is_well(findings):
        sys.exit(FAILED)


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """A line for each finding, and one below it for what to do; in the end what it comes to."""
    findings = list(findings)
    width = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        yield f"{finding.level.value:<4}  {finding.subject:<{width}}  {finding.what:<11}  {finding.words}"
        if finding.advice:
            yield f"{'':<4}  {'':<{width}}  {'':<11}  → {finding.advice}"
    bad = sum(finding.level is Level.BAD for finding in findings)
    warned = sum(finding.level is Level.WARNING for finding in findings)
    if bad or warned:
        yield f"{bad} that {'keeps' if bad == 1 else 'keep'} pulls from working, {warned} to look after"
    else:
        yield "all is well"


def _frozen(settings: Settings) -> Iterator[Finding]:
    """That the mirror asks nobody, however well the upstreams are: so it is written in its directory."""
    freeze = noted_in(settings.storage.root)
    if freeze is None:
        return
    since = moment(freeze.since) if freeze.since else None
    reason = f": {freeze.reason}" if freeze.reason else ""
    words = f"the mirror asks no upstream: contact is frozen{f' since {since}' if since else ''}{reason}"
    yield Finding(Level.WARNING, process.SUBJECT, "contact", words, "`mirror thaw` ends that")


def _chosen(settings: Settings, names: Iterable[str]) -> Iterator[Examined]:
    """The upstreams that go by these names, or all. Raises Refused for one that is not served."""
    if not names:
        for name, upstream in settings.resolved_upstreams().items():
            yield Examined(name, upstream, settings.limits)
    for name in names:
        yield _named(settings, name.lower())


def _named(settings: Settings, name: str) -> Examined:
    resolved, aliases = settings.resolved_upstreams(), settings.aliases()
    if name in resolved or name in aliases:
        entry = aliases.get(name, name)
        return Examined(entry, resolved[entry], settings.limits)
    pattern = best(filter(is_pattern, resolved), name)
    if pattern is None:
        raise Refused("neither configured nor built in: `mirror check` lists the upstreams", code=Code.NAME_UNKNOWN)
    return Examined(name, resolved[pattern], settings.limits)


def _of_image(settings: Settings, text: str) -> list[Examined]:
    """The upstream of this image, which is to be pulled. Raises Malformed, and Refused for one that is not served."""
    image = ImageName.parse(text)
    one = _named(settings, (image.registry or settings.default_upstream).lower())
    hub = one.name == HUB and "/" not in image.repository
    repository = f"library/{image.repository}" if hub else image.repository
    return [replace(one, wanted=Wanted(repository, str(image.reference)))]


async def _look(upstreams: Iterable[Examined]) -> list[Finding]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def look(one: Examined) -> list[Finding]:
        if is_pattern(one.name):
            example = one.name.replace("*", "some")
            words = f"stands for many registries: name one to have it looked at (`mirror doctor {example}`)"
            return [Finding(Level.SKIPPED, one.name, "pattern", words)]
        async with turns:
            return await examine(one)

    return [finding for found in await asyncio.gather(*map(look, upstreams)) for finding in found]


async def _look_everywhere(settings: Settings, upstreams: Iterable[Examined]) -> list[Finding]:
    there, on_disk, here = await asyncio.gather(
        _look(upstreams), asyncio.to_thread(disk.examine, settings.storage), process.examine(settings, os.environ)
    )
    return [*there, *on_disk, *here]
