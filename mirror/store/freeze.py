"""A note in the cache directory that the operator has stopped all contact with upstreams, so that a restart knows.

That the note is there is what counts: one that cannot be read says so too. Knows nothing of upstreams. Blocks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import orjson

from mirror.errors import Code, Refused, StoreFailed
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout

LONGEST_REASON = 500  # characters

_NAME, _NEW = "frozen", "frozen.new"
_LARGEST = 4096  # bytes of a note
_LATEST = 253_402_300_799  # the last second that has a date


@dataclass(frozen=True, slots=True)
class Freeze:
    """Since when, by the wall clock (0: not known), and why, in the operator's words."""

    since: float
    reason: str = ""


def checked_reason(said: str) -> str:
    """The reason as it was said. Raises Refused (BAD_REQUEST) unless it is one printable line, and not too long."""
    if len(said) > LONGEST_REASON or not said.isprintable():
        words = f"a reason is one printable line of at most {LONGEST_REASON} characters"
        raise Refused(words, code=Code.BAD_REQUEST)
    return said


class FreezeNote:
    """The note of one cache directory. What fails raises StoreFailed."""

    def __init__(self, layout: Layout) -> None:
        self._files: Filesystem = layout.filesystem
        self._root = layout.directory
        self._path = layout.root

    def read(self) -> Freeze | None:
        """What is noted, or None when nothing is."""
        return _read(self._files, self._root) or noted_in(self._path)

    def write(self, freeze: Freeze) -> None:
        """Note it, lastingly: it is on disk when this returns."""
        note = orjson.dumps({"since": freeze.since, "reason": freeze.reason[:LONGEST_REASON]}) + b"\n"
        try:
            self._files.remove(_NEW, self._root)  # whatever it is
            descriptor, _ = self._files.open_to_write(_NEW, self._root)
            try:
                self._files.write(descriptor, note, 0)
                self._files.sync(descriptor)
            finally:
                os.close(descriptor)
            self._files.move(_NEW, self._root, _NAME, self._root)
            self._files.sync(self._root)
        except OSError as error:
            raise StoreFailed(f"it cannot be written down that upstreams are frozen: {error.strerror}") from error

    def remove(self) -> bool:
        """Take the note back, lastingly; whether there was one."""
        try:
            # A disk that takes no writes refuses to remove even what is not there.
            was = self._files.exists(_NAME, self._root) and self._files.remove(_NAME, self._root)
            self._files.sync(self._root)
        except OSError as error:
            raise StoreFailed(f"the note that upstreams are frozen cannot be removed: {error.strerror}") from error
        return was


def noted_in(root: Path) -> Freeze | None:
    """What is noted in a cache directory that a mirror may be using; None where there is none, or no way into it."""
    try:
        directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _read(Filesystem(), directory)
    finally:
        os.close(directory)


def _read(files: Filesystem, root: int) -> Freeze | None:
    try:
        descriptor, _ = files.open_to_read(_NAME, root)
    except FileNotFoundError:
        return None
    except OSError:
        return Freeze(0.0)  # somebody else's file, perhaps; but it is there
    try:
        return _parsed(files.read(descriptor, _LARGEST, 0))
    except OSError:
        return Freeze(0.0)
    finally:
        os.close(descriptor)


def _parsed(note: bytes) -> Freeze:
    try:
        document = orjson.loads(note)
    except orjson.JSONDecodeError:
        return Freeze(0.0)
    match document:
        case {"since": int() | float() as since, "reason": str(reason)} if 0 <= since <= _LATEST:
            return Freeze(float(since), reason[:LONGEST_REASON])
    return Freeze(0.0)
