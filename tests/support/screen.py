"""What a terminal shows after what was written to it, as far as our commands write to terminals (ECMA-48)."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(\d*)([AJK])|\r|\n|[^\x1b\r\n]+", re.ASCII)


def shown(written: str) -> list[str]:
    """Its lines, from the first that was written to the last that is not empty. Wraps and scrolls nothing."""
    lines, row, column = [""], 0, 0
    position = 0
    while position < len(written):
        token = _TOKEN.match(written, position)
        if token is None:
            raise ValueError(f"not understood: {written[position : position + 10]!r}")
        position = token.end()
        if token[2] == "A":
            row = max(row - int(token[1] or 1), 0)
        elif token[2] == "J":
            lines[row] = lines[row][:column]
            del lines[row + 1 :]
        elif token[2] == "K":
            lines[row] = ""
        elif token[0] == "\r":
            column = 0
        elif token[0] == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        else:
            lines[row] = lines[row].ljust(column)[:column] + token[0] + lines[row][column + len(token[0]) :]
            column += len(token[0])
    while lines and not lines[-1]:
        lines.pop()
    return lines
