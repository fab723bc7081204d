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


_ALONE = _Measure(8 * 1024**2, 256 * 1024, 1024**2)
_IN_COMPANY = _Measure(2 * 1024**2, 128 * 1024, 256 * 1024)
_REMEMBERED = 64  # turns for which company is expected to come back


class Turns:
    """Knows how many would go on sending at once, and whether anybody else has asked for something lately.

    `with turns.taken:` while one has bytes to send, and within it `with turns.resting:` while it waits for anything.
    """

    __slots__ = ("_company", "resting", "sending", "taken")

    def __init__(self) -> None:
        self.sending = 0
        self.taken = _Change(self, 1)
        self.resting = _Change(self, -1)
        self._company = 0  # turns for which there is some

    def disturb(self) -> None:
        """Somebody has asked for something, and is not to wait for long."""
        self._company = _REMEMBERED

    @property
    def length(self) -> int:
        """Bytes that one of them may send in the turn that it takes now."""
        if self._company:
            self._company -= 1
            return _IN_COMPANY.each(self.sending)
        return _ALONE.each(self.sending)


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
