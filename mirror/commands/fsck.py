"""`mirror fsck`: look through a cache that no mirror uses, and mend it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import NoReturn

import click

from mirror.amounts import number, size
from mirror.commands.invocation import FAILED, MISCONFIGURED, config_option, fail, load, words
from mirror.errors import MirrorError, StoreBusy
from mirror.store.database_check import look_at_databases
from mirror.store.file_check import FileCheck
from mirror.store.filesystem import Filesystem
from mirror.store.findings import Finding, Severity
from mirror.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as it is told, with what became of it."""

    kind: str
    severity: str
    name: str
    words: str
    mended: bool

    @property
    def is_left(self) -> bool:
        return self.severity == Severity.PROBLEM.value and not self.mended

    def __str__(self) -> str:
        mended = " (mended)" if self.mended else ""
        return f"{self.severity}: {self.name}: {self.words}{mended}"


@click.command()
@config_option
@click.option("--repair", is_flag=True, help="Quarantine what is corrupt, make broken databases anew, set modes right.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
def command(config: Path | None, repair: bool, as_json: bool) -> None:
    """Check the cache: every blob against its digest, the databases, what is left over, and who may read it.

    Only while no mirror uses it; a running one looks by itself (storage.scrub). Reads everything, so it takes as long
    as the disk does. Nothing is changed without --repair, and nothing good is ever removed.

    The exit code is 0 when all is well or mended, 1 when problems are left, 2 when the cache cannot be checked so.

    Example: mirror fsck --repair
    """
    root = load(config).storage.root.absolute()
    _see_that_it_is_ours(root)
    try:
        layout = Layout(root, Filesystem())
    except StoreBusy as error:
        click.echo(f"{words(error)}; a running mirror verifies its blobs by itself (storage.scrub)", err=True)
        sys.exit(MISCONFIGURED)
    except MirrorError as error:
        fail(words(error))
    try:
        _check(layout, _mended if repair else _reported, as_json)
    except OSError as error:
        fail(words(error))
    finally:
        layout.close()


def _see_that_it_is_ours(root: Path) -> None:
    """What is made here as another user could not be used by the mirror, and what is not there is not to be made."""
    try:
        owner = root.stat().st_uid
        if not (root / "version").is_file():
            _refuse(f"{root} is not a cache of this program: is it the storage.root that you mean?")
    except OSError as error:
        _refuse(f"the cache directory cannot be looked into: {words(error)}")
    if owner != os.geteuid():
        _refuse(f"the cache directory {root} belongs to user {owner}: run this as that user")


def _refuse(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(MISCONFIGURED)


def _check(layout: Layout, tell: Callable[[Finding], Told], as_json: bool) -> None:
    files = FileCheck(layout)
    told = (tell(finding) for finding in chain(_last_run(layout), files.look(), look_at_databases(layout)))
    if as_json:
        findings = list(told)
        left = sum(one.is_left for one in findings)
        document = {
            "root": str(layout.root),
            "blobs": files.blobs,
            "bytes": files.bytes,
            "left": left,
            "findings": [asdict(one) for one in findings],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        left = 0
        for one in told:
            click.echo(one)
            left += one.is_left
        state = f"{number(left, 'problem')} left" if left else "the cache is sound"
        click.echo(f"{number(files.blobs, 'blob')} with {size(files.bytes)} were read: {state}")
    if left:
        sys.exit(FAILED)


def _last_run(layout: Layout) -> Iterator[Finding]:
    if layout.unfinished() is not None:
        words = "the last run ended without closing the cache; the next one brings it in order"
        yield Finding("run", "running", words, Severity.NOTE)


def _reported(finding: Finding) -> Told:
    return _told(finding, mended=False)


def _mended(finding: Finding) -> Told:
    if finding.mend is None:
        return _told(finding, mended=False)
    try:
        finding.mend()
    except (OSError, MirrorError) as error:
        click.echo(f"{finding.name} cannot be mended: {words(error)}", err=True)
        return _told(finding, mended=False)
    return _told(finding, mended=True)


def _told(finding: Finding, mended: bool) -> Told:
    return Told(finding.kind, finding.severity.value, _printable(finding.name), _printable(finding.words), mended)


def _printable(text: str) -> str:
    """File names and what a database says may hold anything."""
    return "".join(character if character.isprintable() else "?" for character in text)
