"""Looks through the files of a cache that no mirror uses: content against names, modes, and what does not belong there.

Reads every byte. Changes nothing: each finding says how it is mended. Knows no databases.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from functools import partial

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.findings import Finding, Severity
from mirror.store.layout import Layout, ingest_digest
from mirror.store.leftovers import clear_ingests
from mirror.store.quarantine import Quarantine

_PIECE = 1024 * 1024
_FOR_OTHERS = 0o077
_NO_FILE = {errno.ELOOP, errno.EINVAL, errno.ENXIO}
_HELD_BACK = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # says nothing of the content


class FileCheck:
    """One look. `blobs` and `bytes`: how many have been looked at so far."""

    def __init__(self, layout: Layout) -> None:
        self.blobs = 0
        self.bytes = 0
        self._layout = layout
        self._files = layout.filesystem
        self._quarantine = Quarantine(layout)

    def look(self) -> Iterator[Finding]:
        """Everything that is found. A finding may be mended before the next one is asked for. Raises OSError."""
        yield from self._directories()
        for algorithm, directory in self._layout.blobs.items():
            for name in sorted(self._files.names(directory)):
                yield from self._blob(algorithm, name, directory)
        yield from self._ingests()
        yield from self._quarantined()

    def _directories(self) -> Iterator[Finding]:
        rooms = {f"blobs/{name}": directory for name, directory in self._layout.blobs.items()}
        rooms |= {"ingest": self._layout.ingest, "quarantine": self._layout.quarantine}
        for name, directory in rooms.items():
            if self._files.status_of(directory).st_mode & _FOR_OTHERS:
                words = "others than its owner may look into this directory"
                yield Finding("mode", name, words, mend=partial(self._files.restrict, directory, 0o700))

    def _blob(self, algorithm: str, name: str, directory: int) -> Iterator[Finding]:
        place = f"blobs/{algorithm}/{name}"
        try:
            digest = Digest(algorithm, name)
        except Malformed:
            words = "this is not the name of a blob"
            yield Finding("stray", place, words, mend=partial(self._put_away, name, directory))
            return
        self.blobs += 1
        try:
            descriptor, status = self._files.open_to_read(name, directory)
        except OSError as error:
            yield self._not_opened(place, digest, error)
            return
        try:
            fault = self._fault(digest, descriptor)
            if fault is not None:
                yield fault
            elif status.st_mode & _FOR_OTHERS:
                words = "others than its owner may read or change this file"
                yield Finding("mode", place, words, mend=partial(self._files.restrict, descriptor, 0o600))
        finally:
            os.close(descriptor)

    def _not_opened(self, place: str, digest: Digest, error: OSError) -> Finding:
        if error.errno in _HELD_BACK:
            return Finding("unreadable", place, f"it cannot be opened: {error.strerror}")
        words = "this is not a regular file" if error.errno in _NO_FILE else f"it cannot be opened: {error.strerror}"
        return Finding("corrupt", place, words, mend=partial(self._quarantine.take, digest))

    def _fault(self, digest: Digest, descriptor: int) -> Finding | None:
        place = f"blobs/{digest.algorithm}/{digest.encoded}"
        hasher, offset = digest.hasher(), 0
        try:
            while piece := self._files.read_afresh(descriptor, _PIECE, offset):
                hasher.update(piece)
                offset += len(piece)
                self.bytes += len(piece)
        except OSError as error:
            words = f"it cannot be read: {error.strerror}"
            return Finding("corrupt", place, words, mend=partial(self._quarantine.take, digest))
        if digest.matches(hasher):
            return None
        words = f"its {offset} bytes are not what its name says"
        return Finding("corrupt", place, words, mend=partial(self._quarantine.take, digest))

    def _ingests(self) -> Iterator[Finding]:
        parts = 0
        for name in sorted(self._files.names(self._layout.ingest)):
            try:
                ingest_digest(name)
            except Malformed:
                words = "this is not the name of a part of a blob"
                yield Finding("stray", f"ingest/{name}", words, mend=partial(self._put_away, name, self._layout.ingest))
            else:
                parts += 1
        if parts:
            words = f"parts of {parts} blobs wait for the next try; those that are too old are removed"
            yield Finding("parts", "ingest", words, Severity.NOTE, lambda: clear_ingests(self._layout, time.time()))

    def _quarantined(self) -> Iterator[Finding]:
        count = len(self._files.names(self._layout.quarantine))
        if count:
            words = f"{count} files that were not what their names said are kept here to be looked at"
            yield Finding("quarantine", "quarantine", words, Severity.NOTE)

    def _put_away(self, name: str, directory: int) -> None:
        self._files.move(name, directory, f"stray-{time.time_ns()}", self._layout.quarantine)
