"""Bytes of a blob that came before their turn: runs of them, each in a file beside `data`, until the blob reaches them.

Blocks; each run has one caller at a time. Nothing is hashed here: that is done in the order of the blob, when `data`
is given them. `data` alone says how far the blob is there; a run that goes on from there saves asking for it again.
"""

from __future__ import annotations

import contextlib
import os
import re

from mirror.errors import StoreFailed
from mirror.store.filesystem import Filesystem

_PREFIX = "ahead-"
_named = re.compile(r"ahead-(0|[1-9][0-9]{0,18})", re.ASCII).fullmatch


def is_run(name: str) -> bool:
    """Whether a file beside `data` is one of these."""
    return name.startswith(_PREFIX)


class Run:
    """`size` bytes of the blob from position `start` on."""

    def __init__(self, files: Filesystem, start: int, descriptor: int, size: int) -> None:
        self.start = start
        self.size = size
        self._files = files
        self._descriptor = descriptor

    @property
    def end(self) -> int:
        """The position of the byte that is missing next."""
        return self.start + self.size

    def append(self, piece: bytes) -> None:
        """Write the next bytes. After StoreFailed only what `size` counts is to be relied on."""
        try:
            self._files.write(self._descriptor, piece, self.size)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._files.truncate(self._descriptor, self.size)
            raise StoreFailed(f"a part of a blob cannot be stored: {error.strerror}") from error
        self.size += len(piece)

    def read(self, position: int, limit: int) -> bytes:
        """At most `limit` bytes of the blob from `position` on, which lies within. Raises StoreFailed."""
        try:
            piece = self._files.read(self._descriptor, min(limit, self.end - position), position - self.start)
        except OSError as error:
            raise StoreFailed(f"a part of a blob cannot be read: {error.strerror}") from error
        if not piece:
            raise StoreFailed("a part of a blob was changed by somebody else")
        return piece

    def close(self) -> None:
        """Let go of it; the file stays. Harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Runs:
    """The runs beside one ingest, whose directory `directory` is. Owns that descriptor, and those of its runs."""

    def __init__(self, files: Filesystem, directory: int) -> None:
        self._files = files
        self._directory = directory
        self._open: set[Run] = set()

    def begin(self, start: int) -> Run:
        """A new, empty run. Raises StoreFailed."""
        try:
            descriptor, status = self._files.open_to_write(f"{_PREFIX}{start}", self._directory)
            try:
                if status.st_size:
                    self._files.truncate(descriptor, 0)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise StoreFailed(f"a part of a blob cannot be stored: {error.strerror}") from error
        return self._kept(Run(self._files, start, descriptor, 0))

    def found(self, offset: int, total: int | None) -> list[Run]:
        """What an earlier try has left and is of use to a blob that is there up to `offset`, in order.

        All other ones are removed; so are all where nobody knows how large the blob is. Raises StoreFailed.
        """
        runs: list[Run] = []
        try:
            for name in filter(is_run, self._files.names(self._directory)):
                run = self._opened(name)
                if run is not None and total is not None and offset < run.end <= total:
                    runs.append(self._kept(run))
                    continue
                if run is not None:
                    run.close()
                self._files.remove(name, self._directory)
        except OSError as error:
            raise StoreFailed(f"a part of a blob cannot be read: {error.strerror}") from error
        return sorted(runs, key=lambda run: run.start)

    def remove(self, run: Run) -> None:
        """Close a run and forget its bytes. Never raises: what stays goes with the ingest."""
        self._open.discard(run)
        run.close()
        with contextlib.suppress(OSError):
            self._files.remove(f"{_PREFIX}{run.start}", self._directory)

    def close(self) -> None:
        """Let go of the directory and of every run; the files stay. Harmless when repeated."""
        while self._open:
            self._open.pop().close()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _kept(self, run: Run) -> Run:
        self._open.add(run)
        return run

    def _opened(self, name: str) -> Run | None:
        """The run of this name, open to be gone on with; None when it is none of ours."""
        parsed = _named(name)
        if parsed is None:
            return None
        try:
            descriptor, status = self._files.open_to_write(name, self._directory)
        except OSError:
            return None  # a link, a directory: nothing that we have made
        return Run(self._files, int(parsed[1]), descriptor, status.st_size)
