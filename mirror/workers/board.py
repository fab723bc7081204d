"""Who of the workers is there, hears, and serves: a row for each in memory that they share with the supervisor.

A word in shared memory reaches the others whatever state their loops are in, and costs nobody a wakeup.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LATELY = 5.0  # seconds for which a worker that served passes for one that does

_RESTARTS = struct.Struct("<Q")
_ROW = struct.Struct("<QQQd")  # there, incarnation, beats, when it last served
_FIRST = 32  # bytes before the first row, so that each lies on its own multiple of 32


@dataclass(frozen=True, slots=True)
class Row:
    """`incarnation`: counted over all workers. `beats`: signs of life; `served`: monotonic seconds, 0 for never."""

    there: bool
    incarnation: int
    beats: int
    served: float


class Board:
    """Made before the first fork. The supervisor writes `began` and `ended`, a worker `beat` in its own row alone."""

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._memory = mmap.mmap(-1, _FIRST + count * _ROW.size)

    @property
    def restarts(self) -> int:
        """How many workers have been forked in place of others."""
        return int(_RESTARTS.unpack_from(self._memory, 0)[0])

    @property
    def there(self) -> int:
        """How many workers there are just now."""
        return sum(row.there for row in self._rows())

    def began(self, number: int, incarnation: int) -> None:
        """A worker is being forked under that number."""
        before = self.row(number)
        if before.incarnation:
            _RESTARTS.pack_into(self._memory, 0, self.restarts + 1)
        self._write(number, Row(True, incarnation, 0, before.served))

    def ended(self, number: int) -> None:
        """There is no worker of that number until the next one begins."""
        before = self.row(number)
        self._write(number, Row(False, before.incarnation, before.beats, before.served))

    def beat(self, number: int, serves: bool) -> None:
        """A sign of life of the worker's event loop. `serves`: it answers requests, and is not about to end."""
        before = self.row(number)
        served = self._clock() if serves else before.served
        self._write(number, Row(True, before.incarnation, before.beats + 1, served))

    def row(self, number: int) -> Row:
        there, incarnation, beats, served = _ROW.unpack_from(self._memory, self._at(number))
        return Row(bool(there), incarnation, beats, served)

    def missing(self) -> int | None:
        """The number of a worker that has not served lately, None when all have."""
        now = self._clock()
        for number, row in enumerate(self._rows()):
            if not row.served or now - row.served > LATELY:
                return number
        return None

    def _rows(self) -> Iterator[Row]:
        return (self.row(number) for number in range(self._count))

    def _write(self, number: int, row: Row) -> None:
        _ROW.pack_into(self._memory, self._at(number), row.there, row.incarnation, row.beats, row.served)

    def _at(self, number: int) -> int:
        if not 0 <= number < self._count:
            raise IndexError("there is no worker of that number")
        return _FIRST + number * _ROW.size
