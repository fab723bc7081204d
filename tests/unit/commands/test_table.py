"""A command that is not called is not imported, and is told of all the same."""

from __future__ import annotations

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

    return main


def test_the_help_tells_of_every_command_and_imports_none(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    assert "  later  Does it later.\n  now    Does it now.\n" in result.stdout
    assert MODULE not in sys.modules


def test_the_command_that_is_called_is_imported(group: click.Group) -> None:
    result = CliRunner().invoke(group, ["later"])
    assert (result.exit_code, result.stdout) == (0, "called\n")
    assert MODULE in sys.modules


def test_an_unknown_command_is_an_error_of_the_command_line(group: click.Group) -> None:
    assert CliRunner().invoke(group, ["sooner"]).exit_code == 2
    assert MODULE not in sys.modules
