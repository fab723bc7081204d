"""Who may use a cache directory: one process alone, or several that belong together. Knows nothing of what is in it.

The lock is held alone by the first of them while it brings the directory in order, and is shared from then on. Each of
several has a note of its own there while it runs, which is left behind by one that dies.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from mirror.siblings import Siblings
from mirror.store.filesystem import Filesystem

_NOTE = "running."


@dataclass(frozen=True, slots=True)
class Tenancy:
    """One process's part in it: its number among `count`, and whether it is the one that begins."""

    number: int = 0
    count: int = 1
    begins: bool = True

    @classmethod
    def of(cls, siblings: Siblings) -> Tenancy:
        return cls(siblings.number, siblings.count, siblings.begins)

    @property
    def is_shared(self) -> bool:
        return self.count > 1

    def claim(self, files: Filesystem, lock: int) -> bool:
        """Take the lock, without waiting; whether it is ours. Raises OSError.

        What it says is the process to stop: of several it is their parent, by which they know one another.
        """
        if not self.begins:
            if not files.lock_shared(lock):
                return False
            said = files.read(lock, 32, 0)
            if not said:
                raise OSError(errno.ENOSPC, "whose it is does not stand in its lock")
            return said == self.holder
        if not files.lock(lock):
            return False
        self.say(files, lock)
        return True

    @property
    def holder(self) -> bytes:
        """What the lock says when it is ours."""
        return f"{os.getppid() if self.is_shared else os.getpid()}\n".encode()

    def say(self, files: Filesystem, lock: int) -> None:
        """Write that down. Where a lock has said something before, that takes no room on a full disk."""
        files.write(lock, self.holder, 0)
        files.truncate(lock, len(self.holder))

    def enter(self, files: Filesystem, root: int) -> bool:
        """Note that this process runs; whether the one before it with this number had ended tidily.

        The first clears away the notes of the last run, which has been acted upon. Raises OSError.
        """
        if not self.is_shared:
            return True
        if self.begins:
            for name in _notes(files, root):
                files.remove(name, root)
        is_first = not files.exists(self._note, root)
        os.close(files.open_to_write(self._note, root)[0])
        return is_first

    def admit(self, files: Filesystem, lock: int) -> bool:
        """Let the others in, once the directory is in order; False when strangers have been quicker."""
        return not self.is_shared or not self.begins or files.lock_shared(lock)

    def leave(self, files: Filesystem, root: int, lock: int, *, tidily: bool) -> bool:
        """Note that this process ends; whether it is the last one, and none of them has died in this run.

        `tidily`: neither has the one before it that had its number. Raises OSError.
        """
        if not self.is_shared:
            return True
        if tidily:
            files.remove(self._note, root)
        return files.lock(lock) and not _notes(files, root)

    @property
    def _note(self) -> str:
        return f"{_NOTE}{self.number}"


def _notes(files: Filesystem, root: int) -> list[str]:
    return [name for name in files.names(root) if name.startswith(_NOTE)]
