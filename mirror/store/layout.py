"""Where everything lies below the cache directory, and who may use it. Knows names and modes, not what is in the files.

version                           the layout's number
lock                              held by the one process that uses the directory, or shared by those that do
running                           there while a process runs, with its durability; left behind by a crash
running.<n>                       there while the nth of several runs
leases                            several lock parts of it, so that a thing is done by one at a time
frozen                            there while the operator has stopped all contact with upstreams
scrub                             how far the background verification has come
blobs/<algorithm>/<encoded>       whole, verified content (the OCI image layout's naming)
ingest/<algorithm>-<encoded>/     a blob not yet whole: `data`; `total` when its size is known; `ahead-<position>`
                                  what came before its turn
catalog/  index/                  what we remember of it; both can be lost, a broken one is kept as `<name>.broken/`
quarantine/                       files that were not what their names say
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from mirror.errors import StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.aside import set_aside
from mirror.store.filesystem import Filesystem
from mirror.store.signs import ALGORITHMS, VERSION, Root
from mirror.store.tenancy import Tenancy

_log = logging.getLogger(__name__)


class _Kept(Tenancy):
    """Of who has the lock already."""

    def claim(self, files: Filesystem, lock: int) -> bool:  # noqa: ARG002
        return True


class Layout:
    """The cache directory, open and locked. Whoever opens it closes it.

    `trouble`: why it is not used as it is meant to be, as long as it is not (see `sheltered`).
    """

    trouble = ""
    is_apart = False

    def __init__(self, root: Path, filesystem: Filesystem, tenancy: Tenancy | None = None) -> None:
        """Make what is missing. Raises StoreBusy when others use it, StoreFailed when it cannot be used."""
        self.root = root
        self.filesystem = filesystem
        self.tenancy = tenancy or Tenancy()
        self._tidy = True
        self._open: list[int] = []
        self._named: list[tuple[str, int, int]] = []  # what is open: its name, where that is, and its descriptor
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root = self._keep(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            self._claim()
            blobs = self._directory("blobs", self._root)
            self.blobs = {name: self._directory(name, blobs) for name in ALGORITHMS}
            filesystem.sync(blobs)  # else a power failure may take them with everything that is synced within
            self.ingest = self._directory("ingest", self._root)
            self._see_that_blobs_can_be_published()
            self.quarantine = self._directory("quarantine", self._root)
            for name in ("catalog", "index"):
                self._see_to(root / name)
                self._directory(name, self._root)
        except OSError as error:
            self.close()
            where = f" ({error.filename})" if isinstance(error.filename, str) else ""
            raise StoreFailed(f"the cache directory {root} cannot be used: {error.strerror}{where}") from error
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
        self._tidy = self.tenancy.enter(self.filesystem, self._root)
        if not self.tenancy.begins:
            return  # it was noted by the one that did
        note = durability.encode() + b"\n"
        descriptor, _ = self.filesystem.open_to_write("running", self._root)
        try:
            self.filesystem.write(descriptor, note, 0)
            self.filesystem.truncate(descriptor, len(note))
            self.filesystem.sync(descriptor)
            self.filesystem.sync(self._root)
        finally:
            os.close(descriptor)

    def admit(self) -> None:
        """Let those in that belong to this process. Raises StoreBusy when others have been quicker."""
        if not self.tenancy.admit(self.filesystem, self._lock):
            raise StoreBusy(f"the cache directory {self.root} has just been taken by another mirror")

    def is_last(self) -> bool:
        """Note that this process has written everything; whether nobody else is there, nor has died there in this run.

        If so, `end` is to be called once everything is synced. Raises OSError.
        """
        return self.tenancy.leave(self.filesystem, self._root, self._lock, tidily=self._tidy)

    def end(self) -> None:
        """Note that this run ends tidily: everything has been written, and synced."""
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

    def is_in_place(self) -> bool:
        """Whether what is open is what its name leads to: not removed, moved, or under a mount. Raises OSError."""
        try:
            found = [(os.stat(self.root), self._root)]
            for name, parent, opened in self._named:
                found.append((os.stat(name, dir_fd=parent, follow_symlinks=False), opened))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return all(os.path.samestat(there, os.fstat(opened)) for there, opened in found)

    def renew(self) -> None:
        """Take the directory that its name leads to now. Raises StoreBusy, StoreFailed, and then nothing has changed.

        The descriptors keep their numbers, so that whoever has one has the new directory; what is open within the old
        one stays readable. A lock that is in place is kept.
        """
        kept = self._is_locked_in_place()
        fresh = Layout(self.root, self.filesystem, self._keeping() if kept else self.tenancy)
        try:
            for old, new in zip(self._open, fresh._open, strict=True):
                if not (kept and old == self._lock):
                    os.dup2(new, old, inheritable=False)
        finally:
            fresh.close()

    def _keeping(self) -> Tenancy:
        return _Kept()

    def _is_locked_in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.root / "lock"), os.fstat(self._lock))
        except OSError:
            return False

    def _see_to(self, path: Path) -> None:
        """What is remembered can be lost, so that a file in its place is set aside."""
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return
        except FileNotFoundError:
            return
        _log.error("%s is a file; it is set aside, and what was remembered there is made again", path)
        set_aside(path)

    def _see_that_blobs_can_be_published(self) -> None:
        for name, directory in self.blobs.items():
            if not self.filesystem.is_linkable(self.ingest, directory):
                raise StoreFailed(
                    f"in {self.root}, ingest and blobs/{name} are mounted apart, so that nothing could be kept: "
                    "mount the whole directory, and nothing within it"
                )

    def _directory(self, name: str, parent: int) -> int:
        made = self._keep(self.filesystem.make_directory(name, parent))
        self._named.append((name, parent, made))
        return made

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _claim(self) -> None:
        """Take the lock before anything is made or believed, and refuse a directory that is not a cache of ours."""
        files = self.filesystem
        found = Root(self.root, self._root, files)
        objection = found.objection()
        if objection is not None:
            raise StoreFailed(objection)
        lock, _ = files.open_to_write("lock", self._root)
        self._lock = self._keep(lock)
        self._named.append(("lock", self._root, lock))
        if not self.tenancy.claim(files, lock):
            raise self._taken(lock)
        if found.has_lost_its_version:
            _log.warning("the cache directory %s has lost its note of its version, which is written anew", self.root)
        if not found.version:
            self._write_version()
        if os.fstat(self._root).st_uid == os.geteuid():
            os.fchmod(self._root, 0o700)

    def _taken(self, lock: int) -> StoreBusy:
        holder = self.filesystem.read(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        return StoreBusy(
            f"the cache directory {self.root} is in use by another mirror (process {holder}): "
            "stop that one, or give each its own storage.root"
        )

    def _write_version(self) -> None:
        descriptor, _ = self.filesystem.open_to_write("version", self._root)
        try:
            self.filesystem.write(descriptor, VERSION.encode() + b"\n", 0)
            self.filesystem.sync(descriptor)
            self.filesystem.sync(self._root)
        finally:
            os.close(descriptor)


def ingest_name(digest: Digest) -> str:
    """What the directory of a blob that is not yet whole is called."""
    return f"{digest.algorithm}-{digest.encoded}"


def ingest_digest(name: str) -> Digest:
    """The blob whose ingest is called that. Raises Malformed for a name that is none of ours."""
    algorithm, _, encoded = name.partition("-")
    return Digest(algorithm, encoded)
