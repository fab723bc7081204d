"""The cache directory in the place of a mirror that does not answer: whether it is ours to look into, and what is said.

Knows neither what is looked for there nor how the mirror was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mirror.commands.invocation import words
from mirror.errors import MirrorError, StoreBusy

_SAID = "mirror.commands.at_rest"


@contextmanager
def at_rest(root: Path, unanswered: Exception) -> Iterator[None]:
    """What is asked meanwhile is asked of this directory, which is said.

    `unanswered`: why the mirror could not be asked. Raises MirrorError where one uses the directory all the same, and
    where there is none.
    """
    try:
        yield
    except StoreBusy:
        raise MirrorError(
            f"a mirror runs over {root}, but its admin listener cannot be reached: {words(unanswered)}"
        ) from None
    except MirrorError as error:
        if _is_there(root):
            raise
        raise MirrorError(
            f"no mirror answers, and there is no cache in {root.absolute()}: `mirror serve` starts a mirror, --url"
            " names another one, and storage.root another directory"
        ) from error
    say_at_rest(root)


def say_at_rest(root: Path) -> None:
    """Tell on standard error, once a command, that no mirror has answered, but this directory."""
    context = click.get_current_context(silent=True)
    said = {} if context is None else context.meta
    if _SAID not in said:
        said[_SAID] = True
        click.echo(
            f"no mirror answers on the admin listener: this is of its cache directory, {root.absolute()}", err=True
        )


def see_that_it_is_ours(root: Path, user: int) -> None:
    """Raises MirrorError for what is no cache, or not this user's: a mirror could not use what others make in it."""
    try:
        if not (root / "version").is_file():
            raise MirrorError(f"{root} is not a cache of this program: is it the storage.root that you mean?")
        owner = root.stat().st_uid
    except OSError as error:
        raise MirrorError(f"{words(error)}: is it the storage.root that you mean, and yours to read?") from None
    if owner != user:
        raise MirrorError(f"{root} belongs to another user: be that one, or ask the mirror while it runs")


def _is_there(root: Path) -> bool:
    try:
        return (root / "version").exists()
    except OSError:  # somebody's whom we may not ask
        return True
