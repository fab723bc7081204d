"""The cache directory: whether it can be written, how much room it has, and how long the disk takes to keep a word.

Blocks: for a thread. Leaves nothing behind. Knows no layout but the names of the two directories that share files.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mirror.amounts import size
from mirror.config.settings import Storage
from mirror.doctor.findings import Finding, Level

SUBJECT = "disk"
_PROBE = 64 * 1024  # bytes that are synced
_SLOW = 0.2  # seconds that a sync may take before pulls feel it
_FORGETFUL = {"tmpfs", "ramfs"}
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"}
_MOUNTS = Path("/proc/self/mountinfo")


def examine(storage: Storage, clock: Callable[[], float] = time.monotonic) -> list[Finding]:
    """Everything that is found of the cache directory, or of where it would be made. `clock` is monotonic."""
    root = storage.root.absolute()
    # Of `os.path`: what may not be looked at is not there to us either, and `_writing` says why.
    nearest = next(path for path in (root, *root.parents) if os.path.exists(path))
    return [*_room(storage, root, nearest), *_writing(root, nearest, clock), *_kind(nearest), *_one_system(root)]


def _room(storage: Storage, root: Path, nearest: Path) -> Iterator[Finding]:
    system = os.statvfs(nearest)
    total, free = system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize
    kept = storage.min_free.of(total)
    words = f"{size(free)} of {size(total)} are free where {root} is; {size(kept)} of it stay free (`min_free`)"
    if free <= kept:
        advice = "nothing can be kept: make room there, or name another storage.root"
        yield Finding(Level.BAD, SUBJECT, "room", words, advice)
    elif storage.max_size.size is not None and storage.max_size.size > free - kept + _held(root):
        words += f"; `max_size` is {storage.max_size}, which does not fit"
        yield Finding(Level.WARNING, SUBJECT, "room", words, "make room, or have `max_size` say what there is")
    else:
        yield Finding(Level.OK, SUBJECT, "room", words)
    if system.f_files and not system.f_favail:
        advice = "each file of the cache needs an inode: make room there"
        yield Finding(Level.BAD, SUBJECT, "inodes", f"none are left where {root} is", advice)


def _held(root: Path) -> int:
    """Bytes of the content that is there already. A cache of a hundred thousand files takes a second or two."""
    held = 0
    for directory, _, names in os.walk(root / "blobs"):
        for name in names:
            try:
                held += os.lstat(os.path.join(directory, name)).st_size
            except OSError:
                continue  # evicted while we look
    return held


def _writing(root: Path, nearest: Path, clock: Callable[[], float]) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(bytes(_PROBE))
            probe.flush()
            began = clock()
            os.fsync(probe.fileno())
            seconds = clock() - began
    except OSError as error:
        words = f"cannot write in {nearest}: {(error.strerror or 'system error').lower()}"
        advice = "as which user does the mirror run, and who owns the directory? Is the volume read-only?"
        yield Finding(Level.BAD, SUBJECT, "writing", words, advice)
        return
    made = "" if nearest == root else f" (where {root} would be made)"
    words = f"{nearest} can be written{made}; a sync takes {seconds * 1000:.0f} ms"
    if seconds > _SLOW:
        advice = "each layer that is stored waits for that: use a faster disk, or storage.durability: fast"
        yield Finding(Level.WARNING, SUBJECT, "writing", words, advice)
    else:
        yield Finding(Level.OK, SUBJECT, "writing", words)


def _kind(nearest: Path) -> Iterator[Finding]:
    kind = file_system(nearest)
    if kind in _FORGETFUL:
        words = f"{nearest} is on {kind}, in memory: everything cached is gone after a restart"
        yield Finding(
            Level.WARNING, SUBJECT, "file system", words, "mount a volume there, or name another storage.root"
        )
    elif kind in _REMOTE:
        words = f"{nearest} is on {kind}, over the network"
        advice = "its databases and locks need a local disk; give each mirror one of its own"
        yield Finding(Level.WARNING, SUBJECT, "file system", words, advice)


def _one_system(root: Path) -> Iterator[Finding]:
    parts = [root / name for name in ("blobs", "ingest")]
    if all(map(os.path.isdir, parts)) and len({part.stat().st_dev for part in parts}) > 1:
        words = f"{root}/blobs and {root}/ingest are on two file systems"
        yield Finding(Level.BAD, SUBJECT, "file system", words, "mount the whole of storage.root as one volume")


def file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the file system that `path` is on, as the kernel calls it; None where that cannot be told."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        fields, _, rest = line.partition(" - ")  # proc(5): optional fields end with a hyphen
        if fields.split()[2:3] == [wanted]:
            return rest.split()[0]
    return None
