"""Lines of several columns, each as wide as what stands in it; numbers to the right. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mirror.log.redaction import printable

_GAP = "  "


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = (), indent: str = "") -> Iterator[str]:
    """A line for each row. `right`: the columns that are set to the right, by their number from 0."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"{indent}{_GAP.join(padded)}".rstrip()
