"""A terminal with somebody before it: a shell in tmux, what is typed there, and what its screen shows."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import wait_until

_PROMPTS = ("$", "#")  # of a user's shell, and of root's
_PATIENCE = 60.0  # seconds


def is_prompt(line: str) -> bool:
    """Whether the shell waits there for a command."""
    return line in _PROMPTS


class Terminal:
    """Made by `terminal`."""

    def __init__(self, socket: Path, environment: Mapping[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self._environment = dict(environment)

    def begin(self, columns: int, rows: int) -> None:
        self._asked("new-session", "-d", "-x", str(columns), "-y", str(rows), "exec sh")
        self.shows(lambda lines: len(lines) == 1 and is_prompt(lines[0]), "the shell is there")

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=_PATIENCE, check=False)

    def type(self, line: str) -> None:
        """Type this, and Enter."""
        self._asked("send-keys", "-l", line)
        self._asked("send-keys", "Enter")

    def screen(self) -> list[str]:
        """Its lines, to the last that is not empty."""
        return self._asked("capture-pane", "-p").rstrip("\n").split("\n")

    def shows(self, wanted: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait until the screen shows this, and return it. Raises AssertionError with what it shows instead."""
        found: list[str] = []

        def seen() -> bool:
            nonlocal found
            found = self.screen()
            return wanted(found)

        try:
            wait_until(seen, what, _PATIENCE)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *found])) from None
        return found

    def _asked(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._environment, capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
        return done.stdout


@contextmanager
def terminal(environment: Mapping[str, str], columns: int = 100, rows: int = 30) -> Iterator[Terminal]:
    """One of that size, whose shell has this environment. It ends with what runs in it."""
    with tempfile.TemporaryDirectory(prefix="tmux") as directory:  # a socket's path has to be short
        there = Terminal(Path(directory, "socket"), environment)
        try:
            there.begin(columns, rows)
            yield there
        finally:
            there.end()
