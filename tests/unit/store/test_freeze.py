"""The note in the cache directory that nobody is to be asked."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mirror.errors import Refused, StoreFailed
from mirror.store.filesystem import Filesystem
from mirror.store.freeze import LONGEST_REASON, Freeze, FreezeNote, checked_reason, noted_in
from tests.support.caches import layout_at
from tests.support.faulty_disk import Fault, FaultyDisk

NOW = 1_800_000_000.5
CALLS = ["remove", "open_to_write", "write", "sync", "move", "sync"]


class Unreadable(Filesystem):
    """A disk that fails where a whole note is read; what the layout reads of its own is shorter."""

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        if size > 1000:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(descriptor, size, offset)


def test_what_is_noted_is_there_for_the_next_one_and_for_nobody_else(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        note = FreezeNote(layout)
        assert note.read() is None
        note.write(Freeze(NOW, "wegen Umbaus bis März"))
        assert (tmp_path / "frozen").stat().st_mode & 0o777 == 0o600
    with layout_at(tmp_path) as layout:
        note = FreezeNote(layout)
        assert note.read() == Freeze(NOW, "wegen Umbaus bis März")
        note.write(Freeze(NOW))
        assert note.read() == Freeze(NOW, "")
        assert [note.remove(), note.remove()] == [True, False]
        assert note.read() is None
    assert {path.name for path in tmp_path.iterdir()}.isdisjoint({"frozen", "frozen.new"})


def test_it_can_be_read_while_a_mirror_uses_the_directory_and_nothing_is_made(tmp_path: Path) -> None:
    assert noted_in(tmp_path / "none") is None
    assert noted_in(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with layout_at(tmp_path) as layout:
        FreezeNote(layout).write(Freeze(NOW, "noon"))
        assert noted_in(tmp_path) == Freeze(NOW, "noon")


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"{",
        b"[]",
        b'{"since": -1, "reason": ""}',
        b'{"since": "x", "reason": 3}',
        b'{"since": 1e300, "reason": ""}',
        b"\xff" * 100_000,
    ],
)
def test_a_note_that_cannot_be_read_says_so_all_the_same(tmp_path: Path, note: bytes) -> None:
    with layout_at(tmp_path) as layout:
        (tmp_path / "frozen").write_bytes(note)
        assert FreezeNote(layout).read() == Freeze(0.0, "")


def test_whatever_lies_there_says_so(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        (tmp_path / "frozen").mkdir()
        assert FreezeNote(layout).read() == Freeze(0.0, "")


def test_a_file_that_fails_says_so(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        FreezeNote(layout).write(Freeze(NOW))
    with layout_at(tmp_path, Unreadable()) as layout:
        assert FreezeNote(layout).read() == Freeze(0.0, "")


def test_a_link_that_somebody_has_planted_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path.parent / f"{tmp_path.name}-victim"
    victim.write_bytes(b"precious")
    with layout_at(tmp_path) as layout:
        for name in ("frozen", "frozen.new"):
            (tmp_path / name).symlink_to(victim)
        FreezeNote(layout).write(Freeze(NOW))
        assert FreezeNote(layout).read() == Freeze(NOW)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("at", range(6))
def test_what_cannot_be_written_down_is_said_and_leaves_a_whole_note(tmp_path: Path, at: int) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        note = FreezeNote(layout)
        note.write(Freeze(NOW, "before"))
        disk.arm(at, Fault(errno.ENOSPC))
        with pytest.raises(StoreFailed, match="No space left"):
            note.write(Freeze(NOW, "after"))
        assert disk.fired
        disk.disarm()
        renamed = "move" in CALLS[:at]
        assert note.read() == Freeze(NOW, "after" if renamed else "before")
        note.write(Freeze(NOW, "again"))
        assert note.read() == Freeze(NOW, "again")


@pytest.mark.parametrize("at", range(2))
def test_a_note_that_cannot_be_taken_back_is_said_to_be_there(tmp_path: Path, at: int) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        note = FreezeNote(layout)
        note.write(Freeze(NOW))
        disk.arm(at, Fault(errno.EIO))
        with pytest.raises(StoreFailed, match="cannot be removed"):
            note.remove()
        assert disk.fired


class ReadOnly(Filesystem):
    """A disk that was mounted anew: it refuses to remove, whether or not there is anything."""

    def remove(self, name: str, parent: int) -> bool:
        raise OSError(errno.EROFS, f"Read-only file system: {name} in {parent}")


def test_what_was_never_noted_can_be_taken_back_from_a_disk_that_takes_no_writes(tmp_path: Path) -> None:
    with layout_at(tmp_path, ReadOnly()) as layout:
        assert not FreezeNote(layout).remove()
    with layout_at(tmp_path) as layout:
        FreezeNote(layout).write(Freeze(NOW))
    with layout_at(tmp_path, ReadOnly()) as layout, pytest.raises(StoreFailed, match="Read-only"):
        FreezeNote(layout).remove()


@pytest.mark.parametrize("reason", ["a\nb", "\x1b[31m", "\udcff", "x" * (LONGEST_REASON + 1)])
def test_a_reason_is_one_printable_line(reason: str) -> None:
    assert checked_reason("wegen Umbaus bis März") == "wegen Umbaus bis März"
    with pytest.raises(Refused, match="one printable line"):
        checked_reason(reason)


def test_it_is_synced_before_it_has_its_name_and_the_directory_after(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        disk.disarm()
        FreezeNote(layout).write(Freeze(NOW))
        assert disk.calls == CALLS
