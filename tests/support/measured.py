"""The figures that the product is held to, as they were measured: one row each, printed when the tests are over."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, replace
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


# What they ask about does not exist yet.
_LATER = (
    Row("F11", "identities by repositories: let in without a right", "0", "not yet: client access control"),
    Row("F21", "Redis or S3 killed, paused, garbled: hits that fail", "0", "not yet: Redis and S3"),
)


def table(path: Path) -> list[str]:
    """The lines of the table of what was noted there, and how often where that was more than once."""
    rows: dict[tuple[str, str], Row] = {}
    times: Counter[tuple[str, str]] = Counter()
    if path.exists():
        for line in path.read_text().splitlines():
            row = Row(**json.loads(line))
            times[row.figure, row.what] += 1
            often = times[row.figure, row.what]
            rows[row.figure, row.what] = row if often == 1 else replace(row, measured=f"{row.measured} ({often} times)")
    found = (*rows.values(), *_LATER)
    ordered = sorted(found, key=lambda row: (int(row.figure.lstrip("F")), row.what))
    cells = [("figure", "what", "bound", "measured"), *((r.figure, r.what, r.bound, r.measured) for r in ordered)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


if __name__ == "__main__":
    for line in table(Path(os.environ[_VARIABLE])):
        print(line)
