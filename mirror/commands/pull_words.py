"""The progress of a pull in words and bars, made of the mirror's events. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mirror.amounts import number, size

Event = Mapping[str, Any]

_SHORT = 12  # characters of a digest, as Docker shows it
_BAR = 30  # columns
_OVER = {"done": "pulled", "here": "already here", "failed": "failed"}
_ORDER = ("fetching", "failed", "waiting", "done", "here")


class Progress:
    """What is known of one pull."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.blobs: dict[str, Event] = {}
        self.end: Event | None = None
        self.platforms: list[str] = []  # that the image is made for, where that is not what was asked for

    def heed(self, event: Event) -> Iterator[str]:
        """Take note of an event; what is to be said of it once, in a line each."""
        kind = event.get("event")
        if kind == "blob":
            yield from self._blob(event)
        elif kind == "manifest" and event.get("platform"):
            yield f"{_short(event)}: for {event['platform']}"
        elif kind == "note":
            yield _printable(f"{self.image}: {event.get('text')}")
        elif kind == "platforms":
            self.platforms = [_printable(str(one)) for one in event.get("platforms") or ()]
        elif kind == "end":
            self.end = event

    def outcome(self) -> str:
        """The last line: that it is here, or why it is not."""
        end = self.end or {"error": "the mirror said no more"}
        if end.get("state") != "done":
            words = f"{self.image}: {end.get('error')}"
            return _printable(words + (f"; it is for {', '.join(self.platforms)}" if self.platforms else ""))
        new = [blob for blob in self.blobs.values() if blob["state"] == "done"]
        brought = f"{len(new)} of {number(len(self.blobs), 'blob')} new ({size(sum(blob['size'] for blob in new))})"
        return _printable(f"{self.image}: {end.get('digest')}, {brought}")

    def bars(self, columns: int, rows: int) -> list[str]:
        """A line for each blob, no wider and no more than these; what is under way before what waits or is over."""
        ranked = sorted(self.blobs.values(), key=lambda blob: _ORDER.index(blob["state"]))
        shown = list(self.blobs.values()) if len(ranked) <= rows else ranked[: rows - 1]
        lines = [_bar(blob)[:columns] for blob in shown]
        if len(shown) < len(ranked):
            lines.append(f"and {len(ranked) - len(shown)} more"[:columns])
        return lines

    def _blob(self, event: Event) -> Iterator[str]:
        if event.get("state") not in _ORDER or not all(isinstance(event.get(one), int) for one in ("offset", "size")):
            return
        before = self.blobs.get(str(event["digest"]))
        self.blobs[str(event["digest"])] = event
        if event["state"] in _OVER and (before is None or before["state"] != event["state"]):
            yield f"{_short(event)}: {_OVER[event['state']]} ({size(event['size'])})"


def _bar(blob: Event) -> str:
    name, state = _short(blob), blob["state"]
    if state in _OVER:
        return f"{name}  {_OVER[state]:<12}  {size(blob['size'])}"
    if state == "waiting":
        return f"{name}  {state:<12}  {size(blob['size'])}"
    part = min(blob["offset"] / blob["size"], 1.0) if blob["size"] else 1.0
    full = int(part * _BAR)
    bar = "=" * full + (">" if full < _BAR else "") + " " * max(_BAR - full - 1, 0)
    return f"{name}  {state:<12}  [{bar}]  {size(blob['offset'])} of {size(blob['size'])}"


def _short(event: Event) -> str:
    return _printable(str(event.get("digest")).partition(":")[2][:_SHORT])


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
