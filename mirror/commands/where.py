"""Whom a command asks, and how it tells what it hears: the options that commands have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_Command = Callable[..., Any]
_URL = "The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one."


def where_options(command: _Command) -> _Command:
    """`--url` and `--json`."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the answer as it is, for programs.")(command)
    return click.option("--url", help=_URL)(command)
