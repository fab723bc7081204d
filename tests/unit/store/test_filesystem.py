"""The calls to the disk: below an open directory, without following links, for nobody else to read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.filesystem import Filesystem
from tests.support.faulty_disk import Fault, FaultyDisk

DISK = Filesystem()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_a_directory_is_made_once_and_opened_twice(root: int, tmp_path: Path) -> None:
    for _ in range(2):
        directory = DISK.make_directory("inner", root)
        assert os.path.samestat(os.fstat(directory), (tmp_path / "inner").stat())
        os.close(directory)
    assert stat.S_IMODE((tmp_path / "inner").stat().st_mode) == 0o700


def test_directories_of_one_file_system_can_have_the_same_file_and_others_cannot(root: int) -> None:
    inner = DISK.make_directory("inner", root)
    elsewhere = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert [DISK.is_linkable(root, other) for other in (root, inner, elsewhere)] == [True, True, False]
        assert DISK.names(root) == ["inner"]
    finally:
        os.close(inner)
        os.close(elsewhere)


def test_a_link_is_no_directory(root: int, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for call in (DISK.make_directory, DISK.open_directory):
        with pytest.raises(OSError, match=r"Not a directory|symbolic"):
            call("link", root)


def test_what_is_written_at_an_offset_is_read_at_it(root: int, tmp_path: Path) -> None:
    descriptor, status = DISK.open_to_write("file", root)
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (0, 0o600)
    DISK.write(descriptor, b"hello", 0)
    DISK.write(descriptor, memoryview(b"world"), 5)
    DISK.write(descriptor, b"", 10)
    assert DISK.read(descriptor, 100, 3) == b"loworld"
    DISK.truncate(descriptor, 5)
    DISK.sync(descriptor)
    DISK.sync(root)
    DISK.sync_all(root)
    assert DISK.status_of(descriptor).st_size == DISK.status("file", root).st_size == 5
    os.close(descriptor)
    reading, status = DISK.open_to_read("file", root)
    assert status.st_size == 5
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(reading, b"x")
    os.close(reading)


def _plant(path: Path, kind: str) -> None:
    match kind:
        case "link":
            path.with_name("target").write_bytes(b"x")
            path.symlink_to("target")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_only_regular_files_are_opened_and_nothing_is_left_open(root: int, tmp_path: Path, kind: str) -> None:
    _plant(tmp_path / "planted", kind)
    before = os.listdir("/proc/self/fd")
    for call in (DISK.open_to_read, DISK.open_to_write):
        with pytest.raises(OSError, match=r"symbolic links|not a regular file|Is a directory"):
            call("planted", root)
    assert os.listdir("/proc/self/fd") == before


def test_a_lock_keeps_out_whoever_opens_the_file_anew(root: int) -> None:
    first, _ = DISK.open_to_write("file", root)
    second, _ = DISK.open_to_write("file", root)
    assert DISK.lock(first)
    assert not DISK.lock(second)
    os.close(first)
    assert DISK.lock(second)
    os.close(second)


class WithoutHardLinks(Filesystem):
    """A disk like those of some network shares and memory cards."""

    def link(self, name: str, parent: int, second: str, second_parent: int) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("disk", [DISK, WithoutHardLinks()], ids=["with hard links", "without"])
def test_publishing_names_a_file_but_never_replaces(root: int, tmp_path: Path, disk: Filesystem) -> None:
    final = disk.make_directory("final", root)
    (tmp_path / "first").write_bytes(b"first")
    (tmp_path / "second").write_bytes(b"second")
    assert disk.publish("first", root, "name", final)
    assert not disk.publish("second", root, "name", final)
    assert (tmp_path / "final" / "name").read_bytes() == b"first"
    os.close(final)


def test_publishing_fails_for_other_reasons(root: int) -> None:
    with pytest.raises(FileNotFoundError):
        DISK.publish("nothing", root, "name", root)


def test_a_file_is_moved_and_removed(root: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    DISK.move("file", root, "moved", root)
    assert not DISK.exists("file", root)
    assert DISK.exists("moved", root)
    assert DISK.remove("moved", root)
    assert not DISK.remove("moved", root)


def test_a_directory_is_removed_only_when_it_is_empty(root: int, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").touch()
    with pytest.raises(OSError, match="not empty"):
        DISK.remove_directory("inner", root)
    (tmp_path / "inner" / "file").unlink()
    DISK.remove_directory("inner", root)
    DISK.remove_directory("inner", root)
    assert DISK.names(root) == []


def test_a_link_that_leads_nowhere_exists(root: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert DISK.exists("link", root)
    assert stat.S_ISLNK(DISK.status("link", root).st_mode)


def test_entries_are_regular_files_and_can_be_listed_again(root: int, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"file{number}").write_bytes(bytes(number))
    (tmp_path / "link").symlink_to("file1")
    (tmp_path / "inner").mkdir()
    os.mkfifo(tmp_path / "fifo")
    next(DISK.entries(root))  # begun, and not ended
    for _ in range(2):
        assert {name: status.st_size for name, status in DISK.entries(root)} == {"file0": 0, "file1": 1, "file2": 2}
    assert len(DISK.names(root)) == 6


def test_the_space_is_that_of_the_file_system(root: int, tmp_path: Path) -> None:
    total, free = DISK.space(root)
    assert total == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert 0 <= free <= total


def test_syncing_what_is_not_open_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as raised:
        DISK.sync_all(-1)
    assert raised.value.errno == errno.EBADF


def test_what_is_read_afresh_is_what_was_synced(root: int) -> None:
    descriptor, _ = DISK.open_to_write("file", root)
    DISK.write(descriptor, b"helloworld", 0)
    DISK.sync(descriptor)
    assert DISK.read_afresh(descriptor, 5, 3) == b"lowor"
    assert DISK.read_afresh(descriptor, 5, 10) == b""
    os.close(descriptor)


def test_a_note_is_replaced_as_a_whole(root: int, tmp_path: Path) -> None:
    assert DISK.read_note("note", root, 100) is None
    DISK.write_note("note", root, b"a long one")
    (tmp_path / "note.new").symlink_to("/nowhere")  # left by whoever
    DISK.write_note("note", root, b"short")
    assert DISK.read_note("note", root, 100) == b"short"
    assert DISK.read_note("note", root, 2) == b"sh"
    assert os.listdir(tmp_path) == ["note"]


def test_a_note_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    for number in range(10):
        directory = tmp_path / f"{number}"
        directory.mkdir()
        parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        DISK.write_note("note", parent, b"old")
        disk = FaultyDisk()
        disk.arm(number, Fault(errno.EIO))
        try:
            disk.write_note("note", parent, b"new")
        except OSError:
            assert disk.fired
            assert DISK.read_note("note", parent, 100) == (b"new" if number == 5 else b"old")
        else:
            break
        finally:
            os.close(parent)
    assert number == 6  # remove, make, write, sync, move, sync


def test_a_file_system_tells_how_many_files_it_can_hold(root: int) -> None:
    total, free = DISK.inodes(root)
    assert 0 <= free <= total


def test_what_is_restricted_is_for_its_owner_alone(root: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o644)
    descriptor, _ = DISK.open_to_read("file", root)
    DISK.restrict(descriptor, 0o600)
    os.close(descriptor)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_lock_is_shared_by_those_who_share_it(root: int) -> None:
    one, two, three = (DISK.open_to_write("lock", root)[0] for _ in range(3))
    assert DISK.lock(one)
    assert not DISK.lock_shared(two)
    assert DISK.lock_shared(one)  # from now on others may
    assert DISK.lock_shared(two)
    assert not DISK.lock(three)
    for descriptor in (one, two, three):
        os.close(descriptor)


def test_a_byte_is_locked_by_one_open_file_and_no_other_byte_with_it(root: int) -> None:
    one, two = (DISK.open_to_write("leases", root)[0] for _ in range(2))
    far = 1 << 55  # where there is no byte
    assert DISK.lock_byte(one, far)
    assert DISK.lock_byte(one, far)
    assert not DISK.lock_byte(two, far)
    assert DISK.lock_byte(two, far + 1)
    DISK.unlock_byte(one, far)
    assert DISK.lock_byte(two, far)
    os.close(two)  # as the end of a process does
    assert DISK.lock_byte(one, far)
    assert os.fstat(one).st_size == 0
    os.close(one)
