"""The module as a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mirror import __version__

ROOT = Path(__file__).parents[2]


def output(*arguments: str) -> str:
    command = [sys.executable, "-m", "mirror", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_module_is_the_command() -> None:
    assert output("--version") == f"mirror {__version__}\n"


def test_the_help_calls_the_program_by_its_name() -> None:
    assert output("--help").startswith("Usage: mirror ")
