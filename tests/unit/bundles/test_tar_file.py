"""Bundles written into a file."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from mirror.bundles.layout import Plan
from mirror.bundles.tar_file import write_archive
from mirror.bundles.tar_format import BLOCK
from mirror.bundles.writing import archive_of
from mirror.errors import DigestMismatch, MirrorError
from mirror.oci.digest import Digest
from tests.support.bundles import Kept, contents_of, named

ZEROS = bytes(4 * 1024**2)


def plan_of(kept: Kept) -> Plan:
    return Plan(contents_of(kept, [named("a/b", kept.image(b"one", ZEROS).digest)]))


def archive(kept: Kept) -> bytes:
    return b"".join(archive_of(plan_of(kept), kept))


class Failing(Kept):
    """Content on the way to a disk that fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def read(self, digest: Digest) -> Iterator[bytes]:
        if digest == Digest.of(ZEROS):
            raise self._error
        return super().read(digest)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "bundle.tar"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_has_its_name_once_it_is_whole(target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    kept.held[Digest.of(b"one")] = b"two"
    with pytest.raises(DigestMismatch):
        write_archive(plan, kept, target)
    assert [*target.parent.iterdir()] == []
    kept.put(b"one")
    write_archive(plan, kept, target)
    assert [*target.parent.iterdir()] == [target]
    assert target.read_bytes() == archive(kept)


def test_one_that_is_there_is_there_until_the_new_one_is_whole(target: Path) -> None:
    target.write_bytes(b"last week's")
    failing = Failing(OSError(errno.EIO, "broken"))
    with pytest.raises(OSError, match="broken"):
        write_archive(plan_of(failing), failing, target)
    assert target.read_bytes() == b"last week's"
    kept = Kept()
    write_archive(plan_of(kept), kept, target)
    assert target.read_bytes() == archive(kept)


def test_what_a_kill_has_left_of_it_is_gone_on_with(target: Path) -> None:
    """A hole that was left is still one afterwards: nothing was written there again."""
    kept = Kept()
    whole = archive(kept)
    part = target.with_name("bundle.tar.part")
    with part.open("wb") as file:
        file.write(whole[: whole.index(ZEROS)])
        file.truncate(whole.rindex(ZEROS) + len(ZEROS))
    inode, before = part.stat().st_ino, part.stat().st_blocks
    write_archive(plan_of(kept), kept, target)
    assert target.read_bytes() == whole
    assert target.stat().st_ino == inode
    assert target.stat().st_blocks < before + len(ZEROS) // 512 // 2


@pytest.mark.parametrize("left", ["nothing", "cut", "begun", "other", "damaged", "longer"])
def test_whatever_was_left_the_bundle_is_the_same(target: Path, left: str) -> None:
    kept = Kept()
    whole = archive(kept)
    noise = Random(left).randbytes(5000)
    target.with_name("bundle.tar.part").write_bytes(
        {
            "nothing": b"",
            "cut": whole[:100],
            "begun": whole[:3000],
            "other": whole[:BLOCK] + noise,
            "damaged": whole[:3000] + noise + whole[8000:],
            "longer": whole + noise,
        }[left]
    )
    write_archive(plan_of(kept), kept, target)
    assert target.read_bytes() == whole
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("theirs", [b"a", b"somebody's" * 100, bytes(5000)], ids=["short", "long", "zeros"])
def test_what_does_not_begin_as_a_bundle_is_somebody_else_s(target: Path, theirs: bytes) -> None:
    kept = Kept()
    part = target.with_name("bundle.tar.part")
    part.write_bytes(theirs)
    with pytest.raises(MirrorError, match=r"bundle\.tar\.part is in the way: remove it, and export again"):
        write_archive(plan_of(kept), kept, target)
    assert part.read_bytes() == theirs
    assert not target.exists()


def test_what_another_export_is_writing_is_left_alone(target: Path) -> None:
    kept = Kept()
    part, begun = target.with_name("bundle.tar.part"), archive(kept)[:3000]
    with part.open("wb") as file:
        file.write(begun)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(MirrorError, match="written by another export"):
            write_archive(plan_of(kept), kept, target)
    assert part.read_bytes() == begun


def test_nothing_is_written_through_a_link_that_lies_there(target: Path) -> None:
    kept = Kept()
    other, part = target.with_name("other"), target.with_name("bundle.tar.part")
    begun = archive(kept)[:3000]
    other.write_bytes(begun)
    part.symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        write_archive(plan_of(kept), kept, target)
    part.unlink()
    os.link(other, part)
    with pytest.raises(MirrorError, match="in the way"):
        write_archive(plan_of(kept), kept, target)
    assert (other.read_bytes(), part.exists()) == (begun, True)


def test_what_cannot_fit_is_refused_before_it_is_written(target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    contents = plan.contents
    far_too_much = type(contents.pieces[-1])(Digest.of(b"much"), 1 << 49)
    plan = Plan(type(contents)(contents.images, (*contents.pieces, far_too_much)))
    with pytest.raises(MirrorError, match=r"the bundle takes 524288\.0 GiB, and there is room for"):
        write_archive(plan, kept, target)
    assert [*target.parent.iterdir()] == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_of_a_disk_that_is_full_nothing_is_taken(target: Path, number: int) -> None:
    failing = Failing(OSError(number, os.strerror(number)))
    with pytest.raises(MirrorError, match=r"bundle\.tar: there is no more room for it; nothing of it was left there"):
        write_archive(plan_of(failing), failing, target)
    assert [*target.parent.iterdir()] == []


@pytest.mark.parametrize("size", [100, 100_000])
def test_what_a_file_system_takes_in_no_file_goes_into_a_directory(target: Path, size: int) -> None:
    kept = Kept()
    with files_no_larger_than(size), pytest.raises(MirrorError, match="name a directory, or take fewer images"):
        write_archive(plan_of(kept), kept, target)
    assert [*target.parent.iterdir()] == []
