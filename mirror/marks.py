"""Marks that processes set for one another: a row for each, in memory that all of them share. Knows not what they mean.

A mark is seen at once, whatever state the loop of its owner is in, and costs nobody a system call or a wakeup.
"""

from __future__ import annotations

import mmap

PLACES = 1 << 18  # of a row, a byte each


class Marks:
    """Made before the first fork. Each process sets and clears in its own row alone; any thread may look."""

    def __init__(self, count: int) -> None:
        self._starts = range(0, count * PLACES, PLACES)
        self._memory = mmap.mmap(-1, count * PLACES)

    def set(self, number: int, place: int) -> None:
        self._memory[self._starts[number] + place] = 1

    def clear(self, number: int, place: int) -> None:
        self._memory[self._starts[number] + place] = 0

    def wipe(self, number: int) -> None:
        """Clear the whole row: whoever set marks there is gone, or has not begun yet."""
        self._memory[self._starts[number] : self._starts[number] + PLACES] = bytes(PLACES)

    def is_set_elsewhere(self, number: int, place: int) -> bool:
        """Whether any other process has set it."""
        return any(self._memory[start + place] for owner, start in enumerate(self._starts) if owner != number)
