"""Images pulled one after another by a running mirror, and shown as they come: bars, lines, or JSON as it is.

Knows neither how a command line is read nor where a login comes from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import click

from mirror.commands.invocation import FAILED, INTERRUPTED, words
from mirror.commands.ordering import Ordering
from mirror.commands.pull_words import Progress
from mirror.commands.terminal import Live
from mirror.errors import Code, MirrorError, Refused

Event = Mapping[str, Any]

_BROKEN_OFF = ""  # in the place of a code, where the mirror did not come to say one


class Shown(Protocol):
    """How pulls are shown."""

    def say(self, line: str) -> None:
        """A line about a pull that is to stay."""
        ...

    def event(self, progress: Progress, event: Event) -> None:
        """This has happened; `progress` is to heed it."""
        ...

    def over(self, progress: Progress) -> None:
        """Nothing more will happen."""
        ...


class Lines:
    """For a pipe or a file: a line for everything that is over."""

    def say(self, line: str) -> None:
        click.echo(line)

    def event(self, progress: Progress, event: Event) -> None:
        for line in progress.heed(event):
            click.echo(line)

    def over(self, progress: Progress) -> None:
        click.echo(progress.outcome())


class Documents:
    """For programs: the mirror's events, a line of JSON each."""

    def say(self, line: str) -> None:
        click.echo(line, err=True)

    def event(self, progress: Progress, event: Event) -> None:
        list(progress.heed(event))
        click.echo(json.dumps(dict(event)))

    def over(self, progress: Progress) -> None:
        """The last event has said it."""


class Bars:
    """For a terminal: one bar for each blob, and above them what stays."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def say(self, line: str) -> None:
        self._live.say(line, [])

    def event(self, progress: Progress, event: Event) -> None:
        said = list(progress.heed(event))
        bars = progress.bars(*self._live.room)
        for line in said if event.get("event") != "blob" else ():  # its bar says it
            self._live.say(line, bars)
        self._live.draw(bars)

    def over(self, progress: Progress) -> None:
        self._live.clear()
        self._live.say(progress.outcome(), [])


def shown_on(stream: Any, as_json: bool) -> Shown:
    """How pulls are shown there."""
    if as_json:
        return Documents()
    return Bars(Live(stream)) if stream.isatty() else Lines()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order by its document, made when its turn has come; `registry` is the image's, for advice."""

    image: str
    registry: str
    document: Callable[[], Mapping[str, Any]]


def pull_all(ordering: Ordering, wanted: Iterable[Wanted], shown: Shown, *, cancel: bool) -> None:
    """As `failed_of`; the process ends with 1 when one of them is not here now."""
    if failed_of(ordering, wanted, shown, cancel=cancel):
        sys.exit(FAILED)


def failed_of(ordering: Ordering, wanted: Iterable[Wanted], shown: Shown, *, cancel: bool) -> int:
    """Pull them, whatever becomes of each; how many are not here now.

    `cancel`: an interrupt ends what is under way, and not only the looking on. Raises OSError when the mirror goes.
    """
    failed = 0
    for one in wanted:
        try:
            failed += not _pulled(ordering, one, shown, cancel)
        except MirrorError as error:
            unknown = error.code is Code.NAME_UNKNOWN  # what is denied here is so by the mirror: no login helps
            advice = _advice(error.code.name, one.registry) if unknown else ""
            click.echo(f"{one.image}: {words(error)}{advice}", err=True)
            failed += 1
    return failed


def _pulled(ordering: Ordering, one: Wanted, shown: Shown, cancel: bool) -> bool:
    job = ordering.order(one.document())
    progress = Progress(str(job["image"]))
    shown.say(f"{progress.image}: already being pulled; waiting" if job["joined"] else f"{progress.image}: pulling")
    try:
        for event in ordering.events(str(job["id"])):
            shown.event(progress, event)
    except KeyboardInterrupt:
        _interrupted(ordering, str(job["id"]), progress.image, cancel)
    shown.over(progress)
    end = progress.end or {}
    if end.get("state") != "done":
        code = _BROKEN_OFF if progress.end is None else str(end.get("code"))
        advice = "" if progress.platforms else _advice(code, one.registry)
        if advice:
            click.echo(advice.removeprefix(": "), err=True)
    return end.get("state") == "done"


def _interrupted(ordering: Ordering, name: str, image: str, cancel: bool) -> NoReturn:
    if cancel:
        ordering.cancel(name)
        click.echo(f"{image}: cancelled", err=True)
    else:
        click.echo(f"{image}: goes on in the mirror; pull it again to look on, with --cancel to end it", err=True)
    sys.exit(INTERRUPTED)


def _advice(code: str, registry: str) -> str:
    if code == _BROKEN_OFF:
        return ": once it answers again, the same pull goes on where this one ended"
    if code == Code.NAME_UNKNOWN.name:
        return f": add `{registry}: {{}}` to `upstreams` in mirror.yml, and start the mirror again"
    if code == Code.MANIFEST_UNKNOWN.name:
        return ": see that the image's name and tag are written as its registry has them"
    if code in (Code.UNAVAILABLE.name, Code.TIMEOUT.name):
        return (
            ": `mirror doctor` looks for what keeps the mirror from its registries, and `mirror freeze --status` tells"
            " whether it is to ask them"
        )
    if code == Code.DENIED.name:
        return f": log in with `docker login {registry}`, or give the upstream a login in mirror.yml"
    return ""


def stop_when_gone(error: Exception, url: str) -> NoReturn:
    """End the process: no mirror is there to pull anything."""
    click.echo(f"no mirror answers at {url} ({words(error)}): start one with `mirror serve`, or give --url", err=True)
    sys.exit(FAILED)


def refused(message: str) -> Refused:
    """A pull that is not even asked for."""
    return Refused(message, code=Code.BAD_REQUEST)
