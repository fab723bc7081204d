"""A disk that keeps how everything stood before each call that changes it, and which of it no sync had covered yet."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mirror.store.filesystem import Filesystem
from tests.support.states import Content, State, taken


class RecordingDisk(Filesystem):
    """`states`: one for each call that has changed something, as it was just before, with the call's name."""

    def __init__(self, root: Path) -> None:
        self.states: list[tuple[str, State]] = []
        self.recording = False
        self._root = root
        self._lock = threading.RLock()  # while a state is taken nobody else changes anything
        self._synced: dict[int, bytes] = {}  # inode → its bytes at the last sync, of those that were written to since
        self._added: set[str] = set()
        self._removed: dict[str, tuple[int, Content]] = {}
        self._safe: set[str] = set()

    def now(self) -> State:
        """How everything stands."""
        with self._lock:
            state = taken(self._root)
        contents = {
            inode: replace(content, synced=self._synced.get(inode)) for inode, content in state.contents.items()
        }
        removed = {name: inode for name, (inode, _) in self._removed.items()}
        contents |= {inode: content for inode, content in self._removed.values() if inode not in contents}
        added = frozenset(name for name in self._added if name in state.names or name in state.directories)
        return replace(state, contents=contents, added=added, removed=removed, safe=frozenset(self._safe))

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with self._lock:
            if self.recording:
                self.states.append((name, self.now()))
            yield

    def _place(self, descriptor: int, name: str) -> str:
        return os.path.relpath(os.path.join(os.readlink(f"/proc/self/fd/{descriptor}"), name), self._root)

    # calls that change the disk

    def make_directory(self, name: str, parent: int) -> int:
        with self._call("make_directory"):
            is_new = not self.exists(name, parent)
            descriptor = super().make_directory(name, parent)
            if is_new:
                self._added.add(self._place(parent, name))
            return descriptor

    def open_to_write(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        with self._call("open_to_write"):
            is_new = not self.exists(name, parent)
            descriptor, status = super().open_to_write(name, parent)
            if is_new:
                self._added.add(self._place(parent, name))
                self._synced[status.st_ino] = b""
            return descriptor, status

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        with self._call("write"):
            self._changes(descriptor)
            super().write(descriptor, data, offset)

    def truncate(self, descriptor: int, size: int) -> None:
        with self._call("truncate"):
            self._changes(descriptor)
            super().truncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        with self._call("sync"):
            super().sync(descriptor)
            self._is_synced(descriptor)

    def link(self, name: str, parent: int, second: str, second_parent: int) -> None:
        with self._call("publish"):
            super().link(name, parent, second, second_parent)
            self._added.add(self._place(second_parent, second))

    def move(self, name: str, parent: int, target: str, target_parent: int) -> None:
        with self._call("move"):
            self._goes(name, parent)
            self._goes(target, target_parent)
            super().move(name, parent, target, target_parent)
            self._added.add(self._place(target_parent, target))

    def remove(self, name: str, parent: int) -> bool:
        with self._call("remove"):
            self._goes(name, parent)
            was_there = super().remove(name, parent)
            self._is_over(self._place(parent, name))
            return was_there

    def remove_directory(self, name: str, parent: int) -> None:
        with self._call("remove_directory"):
            super().remove_directory(name, parent)
            self._added.discard(self._place(parent, name))

    def _is_over(self, place: str) -> None:
        """A name is gone: when it is the ingest's, whatever was to be done for its blob to last has been done."""
        _, _, ingest = os.path.dirname(place).partition("ingest/")
        blob = f"blobs/{ingest.replace('-', '/', 1)}"
        if ingest and os.path.basename(place) == "data" and (self._root / blob).is_file():
            self._safe.add(blob)

    def _changes(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if status.st_ino not in self._synced:
            self._synced[status.st_ino] = os.pread(descriptor, status.st_size, 0)

    def _goes(self, name: str, parent: int) -> None:
        """A name is about to be taken away."""
        place = self._place(parent, name)
        self._safe.discard(place)
        path = self._root / place
        if not path.is_file():
            return
        status = path.stat()
        self._added.discard(place)
        content = Content(path.read_bytes(), status.st_mtime_ns, self._synced.get(status.st_ino))
        self._removed[place] = (status.st_ino, content)

    def _is_synced(self, descriptor: int) -> None:
        self._synced.pop(os.fstat(descriptor).st_ino, None)
        place = self._place(descriptor, "")
        if not (self._root / place).is_dir():
            return
        for name in [name for name in self._added if os.path.dirname(name) == place.rstrip("./")]:
            self._added.discard(name)
        for name in [name for name in self._removed if os.path.dirname(name) == place.rstrip("./")]:
            del self._removed[name]


class NeverSyncing(RecordingDisk):
    """One whose syncs do nothing, which says that they did: on this one it shows what they are worth."""

    def _is_synced(self, descriptor: int) -> None:
        """Leave everything as it is."""
