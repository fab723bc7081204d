"""A group of commands of which some are imported only when they are called, so that `--help` answers at once.

What no command can do anything about ends in a line: its output cannot be written, or somebody has pressed Ctrl-C.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from mirror.commands.invocation import INTERRUPTED, fail, words


@dataclass(frozen=True, slots=True)
class Later:
    """`module` has the command, as `command`. `summary` is the line that the group's help shows for it."""

    module: str
    summary: str


class Table(click.Group):
    """The commands that it is decorated with, and those of `later`; in its help they stand by `sections`, if any."""

    def __init__(
        self,
        *arguments: Any,
        later: Mapping[str, Later],
        sections: Mapping[str, Sequence[str]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._later = later
        self._sections = sections or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        later = self._later.get(cmd_name)
        if later is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(later.module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            meant = get_close_matches(args[0], self.list_commands(ctx), n=1)
            ctx.fail(error.message + (f" Did you mean {meant[0]!r}?" if meant else ""))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads on, as with `| head`: click ends without a word
                raise
            fail(f"the system does not let it go on: {words(error)}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        width = max(map(len, names))
        limit = formatter.width - 6 - width
        for title, section in (self._sections or {"Commands": names}).items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", self._summary(name, limit)) for name in section])

    def _summary(self, name: str, limit: int) -> str:
        later = self._later.get(name)
        return self.commands[name].get_short_help_str(limit) if later is None else later.summary
