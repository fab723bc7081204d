"""The figures that the product is held to, as they were measured: one row each, printed when the tests are over."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_VARIABLE = "MIRROR_FIGURES"  # names the file that rows go to; without it they go nowhere


@dataclass(frozen=True, slots=True)
class Row:
    """`figure`: its name in the list of figures, such as F23. `bound` and `measured` are for people."""

    figure: str
    what: str
    bound: str
    measured: str


def note(row: Row) -> None:
    """Keep it for the table; the last one of the same figure and words counts. Workers of one run may all do so."""
    path = os.environ.get(_VARIABLE)
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def table(path: Path) -> list[str]:
    """The lines of the table of what was noted there."""
    rows: dict[tuple[str, str], Row] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            row = Row(**json.loads(line))
            rows[row.figure, row.what] = row
    ordered = sorted(rows.values(), key=lambda row: (int(row.figure.lstrip("F")), row.what))
    cells = [("figure", "what", "bound", "measured"), *((r.figure, r.what, r.bound, r.measured) for r in ordered)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


if __name__ == "__main__":
    for line in table(Path(os.environ[_VARIABLE])):
        print(line)
