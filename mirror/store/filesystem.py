"""Every call that the store makes to the disk, and nothing else: the one seam at which a disk can be made to fail.

All names are relative to an open directory, links are never followed, files are 0600 and directories 0700 (S8).
Everything here blocks; errors are plain `OSError`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # not blocking: somebody may have planted a FIFO
_WRITE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTHING = ".there-is-no-such-file"
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class Filesystem:
    """The real disk. A test hands the store one that fails where it is told to."""

    def make_directory(self, name: str, parent: int) -> int:
        """The open directory `name`, made if need be. The caller closes it."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        return os.open(name, _DIRECTORY, dir_fd=parent)

    def open_directory(self, name: str, parent: int) -> int:
        """The open directory `name`. The caller closes it."""
        return os.open(name, _DIRECTORY, dir_fd=parent)

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        """An open regular file and its status, taken from the descriptor. The caller closes it."""
        return self._regular(os.open(name, _READ, dir_fd=parent))

    def open_to_write(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        """An open regular file, made if need be, for reading and writing. The caller closes it."""
        return self._regular(os.open(name, _WRITE, 0o600, dir_fd=parent))

    def lock(self, descriptor: int) -> bool:
        """Whether this process holds the file alone, until the descriptor is closed. Never waits."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock_shared(self, descriptor: int) -> bool:
        """Whether this process holds the file, with others that do so, until the descriptor is closed. Never waits.

        A lock that was held alone is given up for it, or for nothing when somebody else has been quicker.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock_byte(self, descriptor: int, position: int) -> bool:
        """Whether this open file holds the byte alone, which need not be there. Never waits."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _range(fcntl.F_WRLCK, position))
        except BlockingIOError:
            return False
        return True

    def unlock_byte(self, descriptor: int, position: int) -> None:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _range(fcntl.F_UNLCK, position))

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        return os.pread(descriptor, size, offset)

    def read_afresh(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read what the medium has, not what memory has of it, as far as that can be had; and leave none in memory."""
        os.posix_fadvise(descriptor, offset, size, os.POSIX_FADV_DONTNEED)
        piece = self.read(descriptor, size, offset)
        os.posix_fadvise(descriptor, offset, size, os.POSIX_FADV_DONTNEED)
        return piece

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        """Write all of it, however many calls that takes."""
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view = view[written:]
            offset += written

    def truncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def sync_all(self, directory: int) -> None:
        """Sync everything on the file system that the directory is on, and nothing on any other."""
        if ctypes.CDLL(None, use_errno=True).syncfs(directory) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def restrict(self, descriptor: int, mode: int) -> None:
        """Let a file or directory be for its owner alone."""
        os.fchmod(descriptor, mode)

    def publish(self, name: str, parent: int, final: str, final_parent: int) -> bool:
        """Give the file its final name unless that name is taken; whether it was free.

        A hard link never replaces. Where the file system has none, a look and a rename have to do: two processes
        never get here with the same name, because the ingest is locked.
        """
        try:
            self.link(name, parent, final, final_parent)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if self.exists(final, final_parent):
                return False
            os.rename(name, final, src_dir_fd=parent, dst_dir_fd=final_parent)
        return True

    def link(self, name: str, parent: int, second: str, second_parent: int) -> None:
        os.link(name, second, src_dir_fd=parent, dst_dir_fd=second_parent, follow_symlinks=False)

    def is_linkable(self, directory: int, other: int) -> bool:
        """Whether what is in one open directory can have a name in the other: of one file system, by one mount."""
        if os.fstat(directory).st_dev != os.fstat(other).st_dev:
            return False
        try:
            os.rename(_NOTHING, _NOTHING, src_dir_fd=directory, dst_dir_fd=other)
        except OSError as error:
            return error.errno != errno.EXDEV  # which the mounts decide, before anybody looks for the file
        return True

    def move(self, name: str, parent: int, target: str, target_parent: int) -> None:
        os.rename(name, target, src_dir_fd=parent, dst_dir_fd=target_parent)

    def read_note(self, name: str, parent: int, largest: int) -> bytes | None:
        """A small file, or as much of it as is asked for; None when there is none."""
        try:
            descriptor, _ = self.open_to_read(name, parent)
        except FileNotFoundError:
            return None
        try:
            return self.read(descriptor, largest, 0)
        finally:
            os.close(descriptor)

    def write_note(self, name: str, parent: int, note: bytes) -> None:
        """Write a small file anew, lastingly: whoever looks, and whatever happens, it is the old one or the new one."""
        new = f"{name}.new"
        self.remove(new, parent)  # whatever it is
        descriptor, _ = self.open_to_write(new, parent)
        try:
            self.write(descriptor, note, 0)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        self.move(new, parent, name, parent)
        self.sync(parent)

    def status(self, name: str, parent: int) -> os.stat_result:
        """The status of the name itself, links not followed."""
        return os.stat(name, dir_fd=parent, follow_symlinks=False)

    def status_of(self, descriptor: int) -> os.stat_result:
        """The status of an open file, whatever has become of its name."""
        return os.fstat(descriptor)

    def exists(self, name: str, parent: int) -> bool:
        try:
            self.status(name, parent)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str, parent: int) -> bool:
        """Remove a file; whether there was one."""
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return False
        return True

    def remove_directory(self, name: str, parent: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(name, dir_fd=parent)

    def names(self, directory: int) -> list[str]:
        return os.listdir(directory)

    def entries(self, directory: int) -> Iterator[tuple[str, os.stat_result]]:
        """Name and status of every regular file, one by one: there may be millions."""
        with os.scandir(directory) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False)

    def space(self, directory: int) -> tuple[int, int]:
        """Bytes of the file system in all, and bytes that this process may still write."""
        status = os.fstatvfs(directory)
        return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize

    def inodes(self, directory: int) -> tuple[int, int]:
        """Files that the file system can hold, and how many more we may make; (0, 0) where there is no end."""
        status = os.fstatvfs(directory)
        return status.f_files, status.f_favail

    def _regular(self, descriptor: int) -> tuple[int, os.stat_result]:
        try:
            status = self.status_of(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, status


def _range(kind: int, position: int) -> bytes:
    """A `struct flock` for one byte; the process must be 0 for locks that belong to an open file (fcntl(2))."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, position, 1, 0)
