"""A command that is not called is not imported, and is told of all the same."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mirror.commands.table import Later, Table

MODULE = "command_that_is_called_later"


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> click.Group:
    (tmp_path / f"{MODULE}.py").write_text(
        "import click\n\n\n@click.command()\ndef command():\n    '''All of it.'''\n    click.echo('called')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)

    @click.group(cls=Table, later={"later": Later(MODULE, "Does it later.")})
    def main() -> None:
        """A program."""

    @main.command()
    def now() -> None:
        """Does it now."""

    @main.command()
    @click.argument("number", type=int)
    def failing(number: int) -> None:
        """Does it not."""
        raise OSError(number, os.strerror(number)) if number else KeyboardInterrupt

    return main


def test_the_help_tells_of_every_command_and_imports_none(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    assert "  later    Does it later.\n  now      Does it now.\n" in result.stdout
    assert MODULE not in sys.modules


def test_in_the_help_commands_stand_in_columns_by_their_sections() -> None:
    @click.group(cls=Table, later={"later": Later(MODULE, "Does it later.")}, sections={"A": ["now"], "B": ["later"]})
    def main() -> None:
        """A program."""

    @main.command()
    def now() -> None:
        """Does it now."""

    said = CliRunner().invoke(main, ["--help"]).stdout
    assert said.endswith("\n\nA:\n  now    Does it now.\n\nB:\n  later  Does it later.\n")


def test_the_command_that_is_called_is_imported(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["later"])
    assert (result.exit_code, result.stdout) == (0, "called\n")
    assert MODULE in sys.modules


def test_an_unknown_command_is_an_error_of_the_command_line(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["sooner"])
    assert (result.exit_code, "Did you mean" in result.stderr) == (2, False)
    assert MODULE not in sys.modules


def test_the_command_that_was_probably_meant_is_named(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["latr"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: No such command 'latr'. Did you mean 'later'?\n")


def test_what_cannot_be_written_ends_in_a_line_and_an_interrupt_in_its_own_exit_code(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["failing", str(errno.ENOSPC)])
    assert (result.exit_code, "No space left on device" in result.stderr) == (1, True)
    assert len(result.stderr.splitlines()) == 1
    result = CliRunner().invoke(group, ["failing", "0"])
    assert (result.exit_code, result.output) == (130, "")


def test_who_reads_no_further_is_no_reason_for_a_word(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["failing", str(errno.EPIPE)])
    assert (result.exit_code, result.output) == (1, "")
