"""A disk that fails where it is told to, that can die there, and that then loses what was never synced."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from mirror.store.filesystem import Filesystem

NEVER = 1 << 30


class Killed(BaseException):
    """The process has ended here: nothing of the store's code may handle it, and no call of the disk works any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a call: an errno, or death. `lasting`: to every later call as well, as on a read-only disk."""

    errno: int | None = None
    lasting: bool = False

    def strike(self) -> None:
        if self.errno is None:
            raise Killed
        raise OSError(self.errno, os.strerror(self.errno))


DEATH = Fault(lasting=True)


class FaultyDisk(Filesystem):
    """Counts the calls that change the disk, from 0, and lets the fault strike at number `at`, before its effect.

    `trace` names the calls and what they were about. A write that is struck has written its first half.
    """

    def __init__(self) -> None:
        self.trace: list[tuple[str, str]] = []
        self.fired = False
        self._at = NEVER
        self._fault = DEATH
        self._names: dict[int, str] = {}

    def arm(self, at: int, fault: Fault) -> None:
        """Begin to count anew, and strike at call number `at`."""
        self.trace.clear()
        self.fired = False
        self._at, self._fault = at, fault

    def disarm(self) -> None:
        self.arm(NEVER, DEATH)

    @property
    def calls(self) -> list[str]:
        return [call for call, _ in self.trace]

    # calls that change the disk

    def make_directory(self, name: str, parent: int) -> int:
        self._call("make_directory", name)
        return self._named(super().make_directory(name, parent), name)

    def open_to_write(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        self._call("open_to_write", name)
        descriptor, status = super().open_to_write(name, parent)
        return self._named(descriptor, name), status

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        try:
            self._call("write", self._name(descriptor))
        except BaseException:
            if len(self.trace) - 1 == self._at:
                super().write(descriptor, data[: len(data) // 2], offset)
            raise
        super().write(descriptor, data, offset)

    def truncate(self, descriptor: int, size: int) -> None:
        self._call("truncate", self._name(descriptor))
        super().truncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        self._call("sync", self._name(descriptor))
        super().sync(descriptor)

    def sync_all(self, directory: int) -> None:
        self._call("sync_all", self._name(directory))
        super().sync_all(directory)

    def publish(self, name: str, parent: int, final: str, final_parent: int) -> bool:
        self._call("publish", name)
        return super().publish(name, parent, final, final_parent)

    def move(self, name: str, parent: int, target: str, target_parent: int) -> None:
        self._call("move", name)
        super().move(name, parent, target, target_parent)

    def remove(self, name: str, parent: int) -> bool:
        self._call("remove", name)
        return super().remove(name, parent)

    def remove_directory(self, name: str, parent: int) -> None:
        self._call("remove_directory", name)
        super().remove_directory(name, parent)

    # calls that only look: they end with the process

    def open_directory(self, name: str, parent: int) -> int:
        self._look()
        return self._named(super().open_directory(name, parent), name)

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        self._look()
        return super().open_to_read(name, parent)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        self._look()
        return super().read(descriptor, size, offset)

    def names(self, directory: int) -> list[str]:
        self._look()
        return super().names(directory)

    def status(self, name: str, parent: int) -> os.stat_result:
        self._look()
        return super().status(name, parent)

    def _call(self, call: str, name: str) -> None:
        number = len(self.trace)
        self.trace.append((call, name))
        if number == self._at or (number > self._at and self._fault.lasting):
            self.fired = True
            self._fault.strike()

    def _look(self) -> None:
        if self.fired and self._fault.errno is None:
            raise Killed

    def _named(self, descriptor: int, name: str) -> int:
        self._names[descriptor] = name
        return descriptor

    def _name(self, descriptor: int) -> str:
        return self._names.get(descriptor, "?")


class VolatileDisk(FaultyDisk):
    """A disk that remembers what no sync has covered, and loses it with the power. `close` it in the end."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[int, int] = {}  # inode → a descriptor of ours, of files with bytes that are not synced
        self._directories: dict[int, tuple[int, list[str]]] = {}  # the same of directories, with the names not synced

    def cut_power(self) -> None:
        """Lose what is not synced: bytes become zeros and look as old as they were, names are gone.

        Zeros under an unchanged size and time are the worst that a file system may leave, and the hardest to notice.
        """
        for descriptor in self._files.values():
            status = os.fstat(descriptor)
            os.pwrite(descriptor, bytes(status.st_size), 0)
            os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
        for directory, names in self._directories.values():
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory)
        self.close()

    def close(self) -> None:
        """Forget what is not synced."""
        for descriptor in (*self._files.values(), *(kept for kept, _ in self._directories.values())):
            os.close(descriptor)
        self._files.clear()
        self._directories.clear()

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        inode = os.fstat(descriptor).st_ino
        if inode not in self._files:  # opened anew: a copy would keep the lock of a process that has died
            self._files[inode] = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
        super().write(descriptor, data, offset)

    def publish(self, name: str, parent: int, final: str, final_parent: int) -> bool:
        published = super().publish(name, parent, final, final_parent)
        if published:
            inode = os.fstat(final_parent).st_ino
            if inode not in self._directories:
                self._directories[inode] = (os.dup(final_parent), [])
            self._directories[inode][1].append(final)
        return published

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._is_synced(os.fstat(descriptor).st_ino)

    def sync_all(self, directory: int) -> None:
        super().sync_all(directory)
        self.close()

    def _is_synced(self, inode: int) -> None:
        if inode in self._files:
            os.close(self._files.pop(inode))
        if inode in self._directories:
            os.close(self._directories.pop(inode)[0])


class SyncingNothing(VolatileDisk):
    """A disk whose syncs do nothing: on this one it shows what they are worth."""

    def _is_synced(self, inode: int) -> None:
        """Leave everything as it is."""
