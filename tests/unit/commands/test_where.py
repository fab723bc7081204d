"""The options that commands have in common."""

from __future__ import annotations

import click
from click.testing import CliRunner

from mirror.commands.where import where_options


def test_a_command_is_told_whom_to_ask_and_how_to_answer() -> None:
    @click.command()
    @where_options
    def command(url: str | None, as_json: bool) -> None:
        click.echo(f"{url} {as_json}")

    assert CliRunner().invoke(command, []).output == "None False\n"
    assert CliRunner().invoke(command, ["--url", "http://x", "--json"]).output == "http://x True\n"
