"""The figures that the product is held to, as they were measured: one row each, printed when the tests are over."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some tries have failed: the table adds up those of the same figure and words."""

    figure: str
    what: str
    failed: int
    tried: int

    @property
    def row(self) -> Row:
        return Row(self.figure, self.what, "0", f"{self.failed} of {self.tried}")


class Tries:
    """How many there have been."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        self.count += 1


def note(row: Row | Share) -> None:
    """Keep it for the table; of rows of the same figure and words the last counts. Workers of one run may all do so."""
    path = os.environ.get(_VARIABLE)
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


@contextmanager
def counting(figure: str, what: str) -> Iterator[Tries]:
    """Note how many tries there were, and that the last one failed if this is not left tidily."""
    tries, failed = Tries(), 1
    try:
        yield tries
        failed = 0
    finally:
        note(Share(figure, what, failed, max(tries.count, failed)))


# What they ask about does not exist yet.
_LATER = (
    Row("F11", "identities by repositories: let in without a right", "0", "not yet: client access control"),
    Row("F21", "Redis or S3 killed, paused, garbled: hits that fail", "0", "not yet: Redis and S3"),
)


def table(path: Path) -> list[str]:
    """The lines of the table of what was noted there, and how often where that was more than once."""
    rows: dict[tuple[str, str], Row] = {}
    times: Counter[tuple[str, str]] = Counter()
    shares: dict[tuple[str, str], Share] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        noted = json.loads(line)
        key = noted["figure"], noted["what"]
        if "tried" in noted:
            before = shares.get(key, Share(*key, 0, 0))
            shares[key] = Share(*key, before.failed + noted["failed"], before.tried + noted["tried"])
            continue
        times[key] += 1
        row = Row(**noted)
        rows[key] = row if times[key] == 1 else replace(row, measured=f"{row.measured} ({times[key]} times)")
    found = (*rows.values(), *(share.row for share in shares.values()), *_LATER)
    ordered = sorted(found, key=lambda row: (int(row.figure.lstrip("F")), row.what))
    cells = [("figure", "what", "bound", "measured"), *((r.figure, r.what, r.bound, r.measured) for r in ordered)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


if __name__ == "__main__":
    for line in table(Path(os.environ[_VARIABLE])):
        print(line)
