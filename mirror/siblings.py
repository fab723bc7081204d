"""The other processes that serve the same cache directory: what one of them tells, all the others hear.

Knows no transport, and nothing of what is told. Nobody waits for anybody here: telling is at once, hearing is soon, and
when something could not be delivered, `LOST` is heard instead: whoever remembers anything then looks again for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mirror.marks import Marks

LOST = "lost"  # a subject without words: something was told that this process did not hear
GONE = "gone"  # a subject with the number of the worker whose process has ended, however that came

Word = str | int | float | bool | None
Heard = Callable[..., None]


class Siblings(Protocol):
    """What a worker knows of the others, and how it reaches them."""

    @property
    def number(self) -> int:
        """Which of them this is, from 0. Number 0 does what has to be done once for all."""

    @property
    def count(self) -> int:
        """How many there are to be, this one included."""

    @property
    def begins(self) -> bool:
        """Whether nobody has served this cache in this run before: the directory is this process's alone as yet."""

    @property
    def reading(self) -> Marks:
        """What each of them reads from stored files just now, for all to see. What a place means is the store's."""

    def tell(self, subject: str, *words: Word) -> None:
        """Let every other worker hear this. Never waits, never raises; from the loop's thread."""

    def hear(self, subject: str, heard: Heard) -> None:
        """Have `heard` called with the words of whatever the others tell on that subject, on the loop's thread.

        It is called as long as the process lives, and must neither wait nor raise.
        """


class Alone:
    """One process that has nobody to tell anything."""

    number = 0
    count = 1
    begins = True
    reading = Marks(1)

    def tell(self, subject: str, *words: Word) -> None:
        """Nobody hears it."""

    def hear(self, subject: str, heard: Heard) -> None:
        """Nobody tells anything."""
