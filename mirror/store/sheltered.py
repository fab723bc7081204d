"""A cache directory on a disk that takes nothing: its rooms as they are, its databases in a refuge until it is well.

What cannot be looked at either, or whose databases cannot be had, passes for empty: then everything passes through.
Knows not whose trouble it is, nor when to look again.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from mirror.errors import StoreBusy, StoreFailed
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.refuge import Refuge
from mirror.store.signs import ALGORITHMS, VERSION, Root
from mirror.store.tenancy import Tenancy


class _Returning(Tenancy):
    """Of who has the lock already, and has perhaps not been able to write that down."""

    def claim(self, files: Filesystem, lock: int) -> bool:
        if self.begins:
            self.say(files, lock)
        return True


class Sheltered(Layout):
    """It is at home once `renew` has taken the directory, and `begin` has noted that a process runs there."""

    def __init__(self, root: Path, filesystem: Filesystem, tenancy: Tenancy, trouble: str) -> None:
        """Make nothing in it. Raises StoreBusy when others use it, OSError when there is no refuge."""
        self.root = root
        self.filesystem = filesystem
        self.tenancy = tenancy
        self.trouble = trouble
        self._tidy = False
        self._begins = tenancy.begins
        self.is_apart = True  # nothing that is noted here is the directory's
        self._open = []
        self._named = []
        self._refuge = Refuge()
        self._before = self._go_before() if tenancy.begins and tenancy.is_shared else -1
        try:
            if not self._opened():
                self._forget()
                self._make_void()
        except BaseException:
            self.close()
            raise
        self.catalog, self.index = self._refuge.catalog, self._refuge.index

    def admit(self) -> None:
        super().admit()
        if not self.trouble:
            self._call()

    def begin(self, durability: str) -> None:
        """Note that a process runs, where the directory has been taken."""
        if self.is_apart:
            return
        super().begin(durability)
        self.trouble = ""
        self._refuge.close()

    def is_last(self) -> bool:
        """False as long as it is sheltered: how the last run ended is for the next one to act upon."""
        return not self.trouble and super().is_last()

    def is_in_place(self) -> bool:
        """False as long as it is sheltered."""
        return not self.trouble and super().is_in_place()

    def renew(self) -> None:
        """Take the directory as it is now. Raises StoreBusy, StoreFailed, and then nothing has changed."""
        if self.trouble:
            self.tenancy = self._returning()
        super().renew()
        self.is_apart = False
        self.catalog, self.index = self.root / "catalog", self.root / "index"

    def close(self) -> None:
        """Give the directory back, and let the refuge go. Harmless when repeated."""
        super().close()
        self._call()
        self._refuge.close()

    def _keeping(self) -> Tenancy:
        if not self.trouble:
            return super()._keeping()
        return _Returning(self.tenancy.number, self.tenancy.count, self.tenancy.begins)

    def _returning(self) -> Tenancy:
        """Of several processes the first to be back begins, as it would have at its start; the others wait for it."""
        tenancy = self.tenancy
        if not tenancy.is_shared or self._begins:
            return tenancy
        held = self._go_before()
        if held < 0 and (self.root / "version").exists():
            raise StoreBusy("the first worker has not taken the cache directory yet")
        if held >= 0:
            os.close(held)
        if self._said() == tenancy.holder:
            return replace(tenancy, begins=False)
        if tenancy.number == 0:
            return replace(tenancy, begins=True)
        raise StoreBusy("the first worker has not taken the cache directory yet")

    def _go_before(self) -> int:
        """A lock that keeps the others out until this one is at home, on whatever disk; -1 if it cannot be had."""
        try:
            held = os.open(self.root / "version", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return -1
        with contextlib.suppress(OSError):
            if self.filesystem.lock(held):
                return held
        os.close(held)
        return -1

    def _call(self) -> None:
        """Let the others come, too."""
        if self._before >= 0:
            os.close(self._before)
            self._before = -1

    def _said(self) -> bytes:
        try:
            return (self.root / "lock").read_bytes()[:32]
        except OSError:
            return b""

    def _opened(self) -> bool:
        """Open what is there, as it is; whether that is all, and can be gone by."""
        files = self.filesystem
        try:
            self._root = self._keep(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            if Root(self.root, self._root, files).version != VERSION:
                return False
            self._hold(self._lock_there())
            blobs = self._room("blobs", self._root)
            self.blobs = {name: self._room(name, blobs) for name in ALGORITHMS}
            self.ingest = self._room("ingest", self._root)
            self.quarantine = self._room("quarantine", self._root)
            for name in ("catalog", "index"):
                self._room(name, self._root)
            files.names(self.ingest)
            self.unfinished()
        except (OSError, StoreFailed):
            return False
        return self._refuge.take_in(self.root)

    def _make_void(self) -> None:
        """Rooms in which nothing is, nor can be made."""
        self._refuge.empty()
        self._root = self._keep(self._refuge.void())
        self._hold(os.memfd_create("lock", os.MFD_CLOEXEC))
        blobs = self._nothing("blobs", self._root)
        self.blobs = {name: self._nothing(name, blobs) for name in ALGORITHMS}
        self.ingest = self._nothing("ingest", self._root)
        self.quarantine = self._nothing("quarantine", self._root)
        for name in ("catalog", "index"):
            self._nothing(name, self._root)

    def _forget(self) -> None:
        super().close()
        self._named = []

    def _lock_there(self) -> int:
        try:
            return self.filesystem.open_to_write("lock", self._root)[0]
        except OSError:
            return self.filesystem.open_to_read("lock", self._root)[0]

    def _hold(self, lock: int) -> None:
        self._lock = self._keep(lock)
        self._named.append(("lock", self._root, lock))
        free = True
        with contextlib.suppress(OSError):  # a disk that takes no note of it, or knows no locks
            if self.tenancy.begins:
                free = self.tenancy.claim(self.filesystem, lock)
            else:
                free = self.filesystem.lock_shared(lock)
        if not free:
            raise self._taken(lock)

    def _room(self, name: str, parent: int) -> int:
        return self._called(name, parent, self.filesystem.open_directory(name, parent))

    def _nothing(self, name: str, parent: int) -> int:
        return self._called(name, parent, self._refuge.void())

    def _called(self, name: str, parent: int, opened: int) -> int:
        self._named.append((name, parent, self._keep(opened)))
        return opened
