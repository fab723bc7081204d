"""`mirror pull IMAGE…`: have the running mirror pull images, as `docker pull` would, and watch it do so."""

from __future__ import annotations

import os
import platform as machine
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from mirror.commands.invocation import config_option, fail, load, words
from mirror.commands.ordering import NoAnswer, Ordering
from mirror.commands.pulling import Wanted, pull_all, refused, shown_on, stop_when_gone
from mirror.errors import Malformed, Unreachable
from mirror.healthcheck import admin_url
from mirror.jobs.lists import LARGEST, Entry, parse_list
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform

HUB = "docker.io"  # what a name without a registry means to Docker
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

Lend = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is wanted of each image: `platforms` where its list names none; none: all."""

    platforms: tuple[str, ...]
    referrers: bool


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option(
    "--platform", "platforms", multiple=True, metavar="OS/ARCH", help="Instead of this machine's; repeatable."
)
@click.option("--all-platforms", is_flag=True, help="Every platform that an image is made for.")
@click.option("--referrers", is_flag=True, help="Also what refers to an image: signatures, SBOMs.")
@click.option("--file", "-f", "lists", multiple=True, metavar="LIST", help="Images, a line each; - for stdin.")
@click.option("--no-login", is_flag=True, help="Lend the mirror no login.")
@click.option("--docker-config", type=_FILE, metavar="PATH", help="Where logins are, instead of where Docker has them.")
@click.option("--plain-login", is_flag=True, help="Send a login even unencrypted to another machine.")
@click.option("--cancel", is_flag=True, help="Ctrl-C ends the pull, and not only the looking on.")
@click.option("--json", "as_json", is_flag=True, help="The mirror's events as they are, a line of JSON each.")
@click.argument("images", nargs=-1)
def command(**options: Any) -> None:
    """Have the mirror pull each IMAGE into its cache.

    IMAGE is a name as Docker takes it; one without a registry is Docker Hub's. In a list each line is a name, and may
    name platforms behind it: `alpine:3.20 linux/amd64,linux/arm64`; what follows a # is ignored.

    A login that Docker has for the registry is lent to the mirror for this pull alone. What clients are given, the
    mirror still asks for as it is configured: what it may not read itself is brought, but nobody else is given it.

    Who interrupts it stops looking on: the pull goes on. Ends with 1 when an image could not be pulled.

    \b
    Examples:
      mirror pull ubuntu:24.04 ghcr.io/owner/name@sha256:…
      mirror pull --platform linux/arm64 -f images.txt
    """
    wanted = _entries(options["images"], options["lists"])
    if not wanted:
        raise click.UsageError("name an image, or a list with -f")
    choice = Choice(_platforms(options), options["referrers"])
    url = options["url"]
    try:
        url = admin_url(load(options["config"]).admin.listen) if url is None else url
        ordering = Ordering(url)
    except ValueError as error:
        fail(words(error))
    login = _lender(options, ordering)
    shown = shown_on(sys.stdout, options["as_json"])
    try:
        pull_all(ordering, _orders(wanted, choice, login), shown, cancel=options["cancel"])
    except NoAnswer as error:
        stop_when_gone(error, url)
    finally:
        ordering.close()


def host_platform() -> str:
    """What images for this machine are for: the mirror's containers are Linux's, whatever runs here."""
    return parse_platform(f"linux/{machine.machine() or 'amd64'}")


def read_lists(lists: tuple[str, ...]) -> list[Entry]:
    """The entries of lists by their paths, `-` for the standard input. Ends the process when one cannot be used."""
    found: list[Entry] = []
    for name in lists:
        try:
            body = sys.stdin.buffer.read(LARGEST) if name == "-" else Path(name).read_bytes()[:LARGEST]
            found += parse_list(body.decode())
        except (OSError, UnicodeDecodeError, Malformed) as error:
            fail(words(error) if isinstance(error, OSError) else f"{name}: {words(error)}")
    return found


def full_name(image: ImageName) -> ImageName:
    """With the registry that Docker means where none is written."""
    return ImageName(image.registry or HUB, image.repository, image.reference)


def _entries(images: tuple[str, ...], lists: tuple[str, ...]) -> list[Entry]:
    try:
        named = [Entry(ImageName.parse(image)) for image in images]
    except Malformed as error:
        raise click.UsageError(f"{error}: write ubuntu, ghcr.io/owner/name:tag or name@sha256:…") from None
    return named + read_lists(lists)


def _platforms(options: Mapping[str, Any]) -> tuple[str, ...]:
    if options["all_platforms"]:
        if options["platforms"]:
            raise click.UsageError("--platform and --all-platforms exclude each other")
        return ()
    try:
        return tuple(map(parse_platform, options["platforms"])) or (host_platform(),)
    except Malformed as error:
        raise click.UsageError(str(error)) from None


def _lender(options: Mapping[str, Any], ordering: Ordering) -> Lend:
    """What finds the login to lend for a registry; it raises MirrorError when that cannot be had, or sent."""
    if options["no_login"]:
        return lambda _: None
    from mirror.commands.lent_login import docker_config, lent_login

    file = options["docker_config"] or docker_config(os.environ, Path.home())

    def found(registry: str) -> Mapping[str, str] | None:
        try:
            login = lent_login(file, registry, os.environ)
        except Unreachable as error:
            raise refused(
                f"no login can be had of {file}: {words(error)}; `docker login {registry}` may set it right,"
                " and --no-login pulls without one"
            ) from None
        if login is not None and not ordering.is_private and not options["plain_login"]:
            raise refused(
                "the login for it would travel unencrypted to another machine: ask there by https or through a tunnel,"
                " pull with --no-login, or insist with --plain-login"
            )
        return login

    return found


def _orders(entries: list[Entry], choice: Choice, lend: Lend) -> Iterator[Wanted]:
    for entry in entries:
        image = full_name(entry.image)
        platforms = list(entry.platforms or choice.platforms)
        order = {"image": str(image), "platforms": platforms, "referrers": choice.referrers}
        registry = image.registry or HUB
        yield Wanted(str(image), registry, partial(_with_login, order, registry, lend))


def _with_login(order: Mapping[str, Any], registry: str, lend: Lend) -> Mapping[str, Any]:
    login = lend(registry)
    return order if login is None else {**order, "login": dict(login)}
