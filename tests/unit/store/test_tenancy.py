"""Who may use a cache directory: one process alone, or several that belong together."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mirror.errors import StoreBusy, StoreFailed
from mirror.siblings import Alone
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.tenancy import Tenancy
from tests.support.faulty_disk import NEVER, Fault, FaultyDisk
from tests.support.siblings import Family

FIRST, SECOND = Tenancy(0, 2, begins=True), Tenancy(1, 2, begins=False)
SUCCESSOR = Tenancy(0, 2, begins=False)


def _opened(root: Path, tenancy: Tenancy) -> Layout:
    layout = Layout(root, Filesystem(), tenancy)
    layout.begin("safe")
    layout.admit()
    return layout


def _notes(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("running*"))


def test_it_is_what_siblings_say() -> None:
    assert Tenancy.of(Alone()) == Tenancy()
    assert [Tenancy.of(member) for member in Family(2).members] == [FIRST, SECOND]


def test_nobody_is_let_in_before_the_first_has_put_it_in_order(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Filesystem(), FIRST)
    with pytest.raises(StoreBusy):
        Layout(tmp_path, Filesystem(), SECOND)
    layout.begin("safe")
    layout.admit()
    Layout(tmp_path, Filesystem(), SECOND).close()
    layout.close()


@pytest.mark.parametrize("stranger", [Tenancy(), FIRST], ids=["alone", "with others"])
def test_strangers_are_kept_out_while_anybody_is_there(tmp_path: Path, stranger: Tenancy) -> None:
    first, second = _opened(tmp_path, FIRST), _opened(tmp_path, SECOND)
    for holder in (first, second):
        with pytest.raises(StoreBusy, match=rf"in use by another mirror \(process {os.getppid()}\)"):
            Layout(tmp_path, Filesystem(), stranger)
        holder.close()
    Layout(tmp_path, Filesystem(), stranger).close()


def test_others_are_not_kept_waiting_by_who_had_no_room_to_say_that_he_is_there(tmp_path: Path) -> None:
    first = _opened(tmp_path, FIRST)
    (tmp_path / "lock").write_text("")
    with pytest.raises(StoreFailed, match="does not stand in its lock"):
        Layout(tmp_path, Filesystem(), SECOND)
    first.close()


def test_who_has_it_is_said_in_place_of_what_was_said_before(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("123456789012345\n")
    disk = FaultyDisk()
    disk.arm(NEVER, Fault(errno.ENOSPC))
    Layout(tmp_path, disk).close()
    about_the_lock = [call for call, name in disk.trace if name == "lock" and call in ("write", "truncate")]
    assert about_the_lock == ["write", "truncate"]  # the other way round it would need room
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_others_of_another_mirror_are_kept_out(tmp_path: Path) -> None:
    first = _opened(tmp_path, FIRST)
    (tmp_path / "lock").write_text("1\n")  # as somebody has noted who is not of ours
    with pytest.raises(StoreBusy, match="process 1"):
        Layout(tmp_path, Filesystem(), SECOND)
    first.close()


def test_only_the_last_one_says_that_the_run_has_ended(tmp_path: Path) -> None:
    first, second = _opened(tmp_path, FIRST), _opened(tmp_path, SECOND)
    assert _notes(tmp_path) == ["running", "running.0", "running.1"]
    assert not first.is_last()
    first.close()
    assert second.is_last()
    second.end()
    second.close()
    assert _notes(tmp_path) == []


def test_a_run_in_which_one_has_died_does_not_end_tidily(tmp_path: Path) -> None:
    first, second = _opened(tmp_path, FIRST), _opened(tmp_path, SECOND)
    first.close()  # as a process that is killed: its lock is gone, its note is not
    successor = _opened(tmp_path, SUCCESSOR)
    assert not successor.is_last()
    successor.close()
    assert not second.is_last()
    second.close()
    assert _notes(tmp_path) == ["running", "running.0"]
    again = _opened(tmp_path, FIRST)
    assert again.unfinished() == "safe"
    assert _notes(tmp_path) == ["running", "running.0"]
    assert again.is_last()
    again.close()


def test_one_alone_notes_nothing_more_than_that_it_runs(tmp_path: Path) -> None:
    layout = _opened(tmp_path, Tenancy())
    assert _notes(tmp_path) == ["running"]
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    assert layout.is_last()
    layout.close()
