"""A few lines at the end of a terminal that are drawn over and over (ECMA-48). Knows not what they say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TextIO

_UP, _CLEAR, _CLEAR_BELOW = "\x1b[{}A", "\x1b[2K", "\x1b[J"


class Live:
    """On `stream`, whose size `measured` tells as columns and rows."""

    def __init__(self, stream: TextIO, measured: Callable[[], tuple[int, int]] | None = None) -> None:
        self._stream = stream
        self._measured = measured or shutil.get_terminal_size
        self._drawn = 0

    @property
    def room(self) -> tuple[int, int]:
        """Columns and rows that may be drawn on: the last column makes some terminals begin a new line."""
        columns, rows = self._measured()
        return max(columns - 1, 20), max(rows - 2, 3)

    def draw(self, lines: list[str]) -> None:
        """Put these in the place of those that were drawn before."""
        self._write([*lines], keep=len(lines))

    def say(self, line: str, lines: list[str]) -> None:
        """Put a line above them that stays."""
        self._write([line, *lines], keep=len(lines))

    def clear(self) -> None:
        """Leave nothing of what was drawn last."""
        self._write([], keep=0)

    def _write(self, lines: list[str], keep: int) -> None:
        back = _UP.format(self._drawn) if self._drawn else ""
        self._stream.write(f"{back}\r" + "".join(f"{_CLEAR}{line}\n" for line in lines) + _CLEAR_BELOW)
        self._stream.flush()
        self._drawn = keep
