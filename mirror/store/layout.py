"""Where everything lies below the cache directory, and who may use it. Knows names and modes, not what is in the files.

version                           the layout's number
lock                              held by the one process that uses the directory
running                           there while a process runs, with its durability; left behind by a crash
frozen                            there while the operator has stopped all contact with upstreams
scrub                             how far the background verification has come
blobs/<algorithm>/<encoded>       whole, verified content (the OCI image layout's naming)
ingest/<algorithm>-<encoded>/     a blob not yet whole: `data`, and `total` when its size is known
catalog/  index/                  what we remember of it; both can be lost, a broken one is kept as `<name>.broken/`
quarantine/                       files that were not what their names say
"""

from __future__ import annotations

import os
from pathlib import Path

from mirror.errors import StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem

VERSION = "1"
ALGORITHMS = ("sha256", "sha512")
_HARMLESS = {"lost+found", ".gitkeep"}  # what an otherwise empty volume may hold
_FIRST = {"lock", "version"}  # made before anything else: a crash may have left no more than these


class Layout:
    """The cache directory, open and locked. Whoever opens it closes it."""

    def __init__(self, root: Path, filesystem: Filesystem) -> None:
        """Make what is missing. Raises StoreBusy when another process uses it, StoreFailed when it cannot be used."""
        self.root = root
        self.filesystem = filesystem
        self._open: list[int] = []
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root = self._keep(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            self._claim()
            blobs = self._directory("blobs", self._root)
            self.blobs = {name: self._directory(name, blobs) for name in ALGORITHMS}
            filesystem.sync(blobs)  # else a power failure may take them with everything that is synced within
            self.ingest = self._directory("ingest", self._root)
            self.quarantine = self._directory("quarantine", self._root)
            self._directory("catalog", self._root)
            self._directory("index", self._root)
        except OSError as error:
            self.close()
            raise StoreFailed(f"the cache directory {root} cannot be used: {error.strerror}") from error
        except BaseException:
            self.close()
            raise
        self.catalog = root / "catalog"
        self.index = root / "index"

    @property
    def directory(self) -> int:
        """The cache directory, open until `close`."""
        return self._root

    def blob(self, digest: Digest) -> tuple[str, int]:
        """The name of a blob, and the open directory that it is relative to."""
        return digest.encoded, self.blobs[digest.algorithm]

    def unfinished(self) -> str | None:
        """The durability of a run that did not end tidily (anything, if its note is torn), or None."""
        try:
            descriptor, _ = self.filesystem.open_to_read("running", self._root)
        except FileNotFoundError:
            return None
        try:
            return self.filesystem.read(descriptor, 16, 0).decode("ascii", "replace").strip()
        finally:
            os.close(descriptor)

    def begin(self, durability: str) -> None:
        """Note that a process runs. To be called when what `unfinished` says has been acted upon, and lastingly."""
        note = durability.encode() + b"\n"
        descriptor, _ = self.filesystem.open_to_write("running", self._root)
        try:
            self.filesystem.write(descriptor, note, 0)
            self.filesystem.truncate(descriptor, len(note))
            self.filesystem.sync(descriptor)
            self.filesystem.sync(self._root)
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Note that this process ends tidily: everything has been written, and synced."""
        self.filesystem.remove("running", self._root)

    def sync_all(self) -> None:
        """Sync whatever has been written to the cache."""
        self.filesystem.sync_all(self._root)

    def close(self) -> None:
        """Give the directory back. Harmless when repeated."""
        while self._open:
            os.close(self._open.pop())

    def space(self) -> tuple[int, int]:
        """Bytes of the file system in all, and bytes still free for us."""
        return self.filesystem.space(self._root)

    def _directory(self, name: str, parent: int) -> int:
        return self._keep(self.filesystem.make_directory(name, parent))

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _claim(self) -> None:
        """Take the lock before anything is made or believed, and refuse a directory that is not a cache of ours."""
        files = self.filesystem
        names = set(files.names(self._root)) - _HARMLESS
        version = self._version() if "version" in names else ""
        if version not in ("", VERSION):
            raise StoreFailed(f"the cache directory {self.root} has a layout that this version cannot read")
        if not version and names - _FIRST:
            raise StoreFailed(
                f"{self.root} is not empty and not a cache of this program: name another storage.root, or empty it"
            )
        lock, _ = files.open_to_write("lock", self._root)
        self._keep(lock)
        if not files.lock(lock):
            holder = files.read(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreBusy(
                f"the cache directory {self.root} is in use by another mirror (process {holder}): "
                "stop that one, or give each its own storage.root"
            )
        files.truncate(lock, 0)
        files.write(lock, f"{os.getpid()}\n".encode(), 0)
        if not version:
            self._write_version()
        if os.fstat(self._root).st_uid == os.geteuid():
            os.fchmod(self._root, 0o700)

    def _version(self) -> str:
        descriptor, _ = self.filesystem.open_to_read("version", self._root)
        try:
            text = self.filesystem.read(descriptor, 32, 0).decode("ascii", "replace")
            return text.strip("\0\n ")  # zeros are what a power failure makes of a note that was not synced yet
        finally:
            os.close(descriptor)

    def _write_version(self) -> None:
        descriptor, _ = self.filesystem.open_to_write("version", self._root)
        try:
            self.filesystem.write(descriptor, VERSION.encode() + b"\n", 0)
            self.filesystem.sync(descriptor)
            self.filesystem.sync(self._root)
        finally:
            os.close(descriptor)
