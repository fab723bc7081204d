"""What of a blob is fetched out of its turn: stretches, each brought by one connection at a time. Asks nobody.

The blob itself ends at `offset` and grows; the stretches lie beyond that, in a window that is bounded, each in a run.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirror.store.runs import Run


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes: the `length` of a stretch, and how far behind the blob's end (`window`) the last one may begin."""

    length: int = 8 * 1024 * 1024
    window: int = 64 * 1024 * 1024


EXTENT = Extent()


@dataclass(slots=True, eq=False)
class Stretch:
    """The bytes from `start` to `stop`, of which `run` has the first ones. `taken`: somebody is bringing them."""

    start: int
    stop: int
    run: Run | None = None
    taken: bool = False

    @property
    def end(self) -> int:
        """The position of the byte that is missing next."""
        return self.start if self.run is None else self.run.end

    @property
    def promised(self) -> int:
        """Up to where it can be counted on."""
        return self.stop if self.taken else self.end


class Stretches:
    """Those of one blob, by their positions. `cursor`: what lies behind it may be made a stretch; None: nothing yet."""

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        self.cursor: int | None = None
        self.all: list[Stretch] = []

    def add(self, stretch: Stretch) -> None:
        """One more, in its place."""
        self.all.append(stretch)
        self.all.sort(key=lambda one: one.start)

    def at(self, offset: int) -> Stretch | None:
        """The one that has the byte at `offset`, or is to bring it."""
        return next((one for one in self.all if one.start <= offset < one.promised), None)

    def edge(self, offset: int) -> int | None:
        """Where the first one behind `offset` begins; None when there is none."""
        return next((one.start for one in self.all if offset < one.start < one.promised), None)

    def unfinished(self) -> Stretch | None:
        """The first one that nobody is bringing to its end."""
        return next((one for one in self.all if not one.taken and one.end < one.stop), None)

    def new(self, offset: int, total: int) -> Stretch | None:
        """The first one that there is not yet, taken, and added here; None when there is no room for it, or no need."""
        if self.cursor is None:
            return None
        start = max(self.cursor, offset)
        for one in self.all:
            if one.start <= start < one.stop:
                start = one.stop
        if start >= total or start - offset >= self._extent.window:
            return None
        stop = min(start + self._extent.length, total, *(one.start for one in self.all if one.start > start))
        stretch = Stretch(start, stop, taken=True)
        self.add(stretch)
        return stretch

    def passed(self, offset: int) -> list[Stretch]:
        """Those that have nothing to offer beyond `offset`; they are forgotten here."""
        gone = [one for one in self.all if one.promised <= offset]
        self.all = [one for one in self.all if one not in gone]
        return gone
