"""Bundles written into a directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.bundles.laid_out import write_directory
from mirror.bundles.layout import Plan, path_of
from mirror.errors import DigestMismatch, MirrorError
from mirror.oci.digest import Digest
from tests.support.bundles import Kept, contents_of, named, written

NOWHERE = Path("/nowhere")


def plan_of(kept: Kept) -> Plan:
    return Plan(contents_of(kept, [named("a/b", kept.image(b"one", b"two").digest)]))


def cache_of(root: Path, kept: Kept) -> Path:
    """The blobs of a cache with this content."""
    return written(root / "blobs", {path_of(digest)[6:]: data for digest, data in kept.held.items()})


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Counting(Kept):
    """What was read, and how the last of it fails if it does."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.asked: list[Digest] = []
        self.error = error

    def read(self, digest: Digest) -> Iterator[bytes]:
        self.asked.append(digest)
        if self.error is not None and len(self.asked) == len(self.held):
            raise self.error
        return super().read(digest)


class Interrupted(Kept):
    """Another export to the same directory begins whenever a piece of it is read."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self.target = target
        self.answers: list[str] = []

    def read(self, digest: Digest) -> Iterator[bytes]:
        if self.target.exists():
            other = Kept()
            with pytest.raises(MirrorError) as caught:
                write_directory(plan_of(other), other, NOWHERE, self.target)
            self.answers.append(str(caught.value))
        return super().read(digest)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


def test_it_shares_the_files_of_the_cache(tmp_path: Path, target: Path) -> None:
    kept = Counting()
    plan = plan_of(kept)
    kept.asked.clear()
    write_directory(plan, kept, cache_of(tmp_path, kept), target)
    for digest, data in kept.held.items():
        file = target / path_of(digest)
        assert (file.read_bytes(), file.stat().st_nlink) == (data, 2)
    assert (target / "index.json").read_bytes() == dict(plan.heading)["index.json"]
    assert kept.asked == []


def test_elsewhere_it_has_copies(target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    write_directory(plan, kept, NOWHERE, target)
    expected = {path_of(digest): data for digest, data in kept.held.items()}
    assert files_below(target) == expected | dict(plan.heading)


def test_a_file_of_another_length_is_no_copy(tmp_path: Path, target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    digest = Digest.of(b"two")
    cache = written(tmp_path / "blobs", {path_of(digest)[6:]: b"longer than two"})
    write_directory(plan, kept, cache, target)
    assert (target / path_of(digest)).read_bytes() == b"two"


def test_one_that_is_not_written_to_its_end_is_no_layout(target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    kept.held[Digest.of(b"two")] = b"owt"
    with pytest.raises(DigestMismatch):
        write_directory(plan, kept, NOWHERE, target)
    assert not (target / "index.json").exists()
    assert not (target / path_of(Digest.of(b"two"))).exists()


@pytest.mark.parametrize("is_linked", [True, False])
def test_what_broke_off_is_gone_on_with_and_not_copied_again(tmp_path: Path, target: Path, is_linked: bool) -> None:
    kept = Counting(OSError(errno.EIO, "broken"))
    plan = plan_of(kept)
    kept.asked.clear()
    with pytest.raises(OSError, match="broken"):
        write_directory(plan, kept, NOWHERE, target)
    kept.asked, kept.error = [], None
    write_directory(plan, kept, cache_of(tmp_path, kept) if is_linked else NOWHERE, target)
    assert len(kept.asked) == (0 if is_linked else 1)
    assert files_below(target) == {path_of(digest): data for digest, data in kept.held.items()} | dict(plan.heading)
    with pytest.raises(MirrorError, match="not empty"):  # it is finished now
        write_directory(plan, kept, NOWHERE, target)


def test_one_export_at_a_time_writes_into_a_directory(target: Path) -> None:
    kept = Interrupted(target)
    plan = plan_of(kept)
    write_directory(plan, kept, NOWHERE, target)
    words = f"{target} is being written by another export: wait for its end, or name another directory"
    assert kept.answers == [words] * len(kept.held)
    assert files_below(target) == {path_of(digest): data for digest, data in kept.held.items()} | dict(plan.heading)


@pytest.mark.parametrize("left", [b"", b"tw", b"owt", b"two and more"])
def test_what_was_left_broken_is_written_anew(target: Path, left: bytes) -> None:
    kept = Kept()
    plan = plan_of(kept)
    written(target, {path_of(Digest.of(b"two")): left, ".part": b"x", "contents.json": b"old"})
    write_directory(plan, kept, NOWHERE, target)
    assert files_below(target) == {path_of(digest): data for digest, data in kept.held.items()} | dict(plan.heading)


def test_a_disk_that_is_full_is_said_and_what_to_do(target: Path) -> None:
    kept = Counting(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    plan = plan_of(kept)
    kept.asked.clear()
    with pytest.raises(MirrorError, match=r"bundle: No space left on device: .* is gone on with by the same export"):
        write_directory(plan, kept, NOWHERE, target)
    assert not (target / ".part").exists()


@pytest.mark.parametrize("there", ["a", "index.json", "lost+found"])
def test_nothing_is_put_beside_what_is_somebody_else_s(target: Path, there: str) -> None:
    kept = Kept()
    with pytest.raises(MirrorError, match="not empty"):
        write_directory(plan_of(kept), kept, NOWHERE, written(target, {there: b"x"}))
    assert files_below(target) == {there: b"x"}


def test_nothing_is_written_through_a_link(tmp_path: Path, target: Path) -> None:
    kept = Kept()
    other = tmp_path / "other"
    other.write_bytes(b"two")
    path = written(target, {"blobs/sha256/x": b""}) / path_of(Digest.of(b"two"))
    path.symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        write_directory(plan_of(kept), kept, NOWHERE, target)
    assert other.read_bytes() == b"two"


def test_a_link_that_the_operator_names_is_his_to_name(tmp_path: Path, target: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    (tmp_path / "disk").mkdir()
    target.symlink_to("disk")
    write_directory(plan, kept, NOWHERE, target)
    assert files_below(tmp_path / "disk") == {path_of(digest): data for digest, data in kept.held.items()} | dict(
        plan.heading
    )
    assert target.is_symlink()


@pytest.mark.parametrize("kind", ["dangling", "to a file", "a file"])
def test_what_is_no_directory_is_refused_before_anything_is_read(tmp_path: Path, target: Path, kind: str) -> None:
    kept = Counting()
    plan = plan_of(kept)
    kept.asked.clear()
    theirs = target if kind == "a file" else tmp_path / "theirs"
    if kind != "dangling":
        theirs.write_bytes(b"x")
    if kind != "a file":
        target.symlink_to(theirs)
    with pytest.raises(MirrorError, match=r"bundle is .*no directory: name a directory"):
        write_directory(plan, kept, NOWHERE, target)
    assert (kept.asked, kind == "dangling" or theirs.read_bytes() == b"x") == ([], True)


@pytest.mark.parametrize("place", ["blobs", "blobs/sha256"])
def test_a_link_within_is_refused_before_anything_is_read(tmp_path: Path, target: Path, place: str) -> None:
    kept = Counting()
    plan = plan_of(kept)
    kept.asked.clear()
    (tmp_path / "theirs").mkdir()
    link = target / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "theirs")
    with pytest.raises(MirrorError, match="is a link"):
        write_directory(plan, kept, NOWHERE, target)
    assert (kept.asked, [*(tmp_path / "theirs").iterdir()]) == ([], [])


def test_a_bundle_of_nothing_is_a_layout(target: Path) -> None:
    write_directory(Plan(contents_of(Kept(), [])), Kept(), NOWHERE, target)
    assert (target / "blobs").is_dir()
