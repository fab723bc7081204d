"""How much of a file is sent in one turn, before others have theirs: much for one alone, little in company.

A turn holds up the event loop, and with it every small answer; but each of them costs something too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Measure:
    """`whole`: bytes that all who send may send between two looks at what else there is; and of each of them."""

    whole: int
    shortest: int
    longest: int

    def each(self, sending: int) -> int:
        return max(min(self.whole // max(sending, 1), self.longest), self.shortest)


_ALONE = _Measure(8 * 1024**2, 256 * 1024, 4 * 1024**2)
_IN_COMPANY = _Measure(2 * 1024**2, 128 * 1024, 256 * 1024)
_REMEMBERED = 64  # turns for which company is expected to come back


class Turns:
    """Knows how many would go on sending at once, and whether anybody else has asked for something lately.

    `with turns.taken:` while one has bytes to send, and within it `with turns.resting:` while it waits for anything.
    Each is told apart by a number: who sends is no company to himself, also when he asks for the next blob.
    """

    __slots__ = ("_asked", "_asked_before", "_last", "resting", "sending", "taken")

    def __init__(self) -> None:
        self.sending = 0
        self.taken = _Change(self, 1)
        self.resting = _Change(self, -1)
        self._last = 0  # who asked last
        self._asked = 0  # turns for which he is company to all the others
        self._asked_before = 0  # and for which those are who asked before him: to him

    def disturb(self, who: int) -> None:
        """Somebody has asked for something, and is not to wait for long."""
        if who != self._last:
            self._last, self._asked_before = who, self._asked
        self._asked = _REMEMBERED

    def length(self, who: int) -> int:
        """Bytes that he may send in the turn that he takes now."""
        company = self._asked_before if who == self._last else self._asked
        if self._asked:
            self._asked -= 1
        if self._asked_before:
            self._asked_before -= 1
        return (_IN_COMPANY if company else _ALONE).each(self.sending)


class _Change:
    """So many more, until it is over. One object serves all, for it keeps nothing."""

    __slots__ = ("_change", "_turns")

    def __init__(self, turns: Turns, change: int) -> None:
        self._turns = turns
        self._change = change

    def __enter__(self) -> None:
        self._turns.sending += self._change

    def __exit__(self, *_: object) -> None:
        self._turns.sending -= self._change
