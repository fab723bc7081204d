"""What every command does alike: its configuration, its exit code, what it prints, and one line for what went wrong."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from mirror.errors import ConfigurationError, MirrorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mirror.config.problems import Problem
    from mirror.config.settings import Settings

_Answer = TypeVar("_Answer")

FAILED = 1
MISCONFIGURED = 2
INTERRUPTED = 130  # as shells report SIGINT

config_option = click.option(
    "--config",
    "-c",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Configuration file. Without it $MIRROR_CONFIG, else /etc/mirror/mirror.yml if it exists, else the defaults.",
)


def load(config: Path | None, look: Callable[[Settings], Iterable[Problem]] = lambda _: ()) -> Settings:
    """The settings. Ends the process with `MISCONFIGURED` and every problem on a line when there are any.

    `look` says what else is wrong with settings that are right by themselves.
    """
    from mirror.config.loading import load as load_settings

    try:
        return load_settings(config, os.environ, look=look)
    except ConfigurationError as error:
        misconfigured(error)


def misconfigured(error: ConfigurationError) -> NoReturn:
    """End the process, with each problem on a line of standard error."""
    for problem in error.problems:
        click.echo(problem, err=True)
    sys.exit(MISCONFIGURED)


def answer_of(ask: Callable[[], _Answer]) -> _Answer:
    """What this returns. Ends the process, and says why, when it raises what a question to a mirror may raise."""
    try:
        return ask()
    except ConfigurationError as error:
        misconfigured(error)
    except (MirrorError, OSError, ValueError) as error:
        fail(words(error))


def tell(document: dict[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Print what was answered: as it is, for programs, or in these lines of its, of which none acts on a terminal."""
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in lines:
        click.echo("".join(filter(str.isprintable, line)))


def fail(message: str) -> NoReturn:
    """End the process, with this on standard error."""
    click.echo(message, err=True)
    sys.exit(FAILED)


def words(error: Exception) -> str:
    """One line without the numbers and quotes that OSError puts around its words."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())
