"""Bundles written, as archives and as directories."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.bundles.contents import Piece
from mirror.bundles.layout import Plan, path_of
from mirror.bundles.writing import archive_of, verified, write_archive, write_directory
from mirror.errors import DigestMismatch, MirrorError
from mirror.oci.digest import Digest
from tests.support.bundles import Kept, contents_of, files_of, named, written


def plan_of(kept: Kept) -> Plan:
    return Plan(contents_of(kept, [named("a/b", kept.image(b"one", b"two").digest)]))


def changed(kept: Kept) -> None:
    digest = Digest.of(b"two")
    kept.held[digest] = b"owt"


def test_an_archive_is_the_same_bytes_for_the_same_images() -> None:
    assert b"".join(archive_of(plan_of(kept := Kept()), kept)) == b"".join(archive_of(plan_of(other := Kept()), other))


def test_an_archive_holds_what_the_plan_says_in_its_order() -> None:
    kept = Kept()
    plan = plan_of(kept)
    files = files_of(b"".join(archive_of(plan, kept)))
    heading = [path for path, _ in plan.heading]
    assert [*files] == [*heading, *(path_of(piece.digest) for piece in plan.contents.pieces)]
    for piece in plan.contents.pieces:
        assert files[path_of(piece.digest)] == kept.held[piece.digest]


def test_no_piece_of_an_archive_is_empty() -> None:
    kept = Kept()
    plan = Plan(contents_of(kept, [named("a/b", kept.image(b"x" * 1024, b"").digest)]))
    assert all(archive_of(plan, kept))


def test_an_archive_is_made_as_it_is_read() -> None:
    kept = Kept()
    plan = plan_of(kept)
    pieces = archive_of(plan, kept)
    next(pieces)
    kept.held.clear()  # nothing of it was read yet
    with pytest.raises(KeyError):
        list(pieces)


@pytest.mark.parametrize("data", [b"", b"on", b"oen", b"one more"])
def test_what_is_not_what_its_digest_names_goes_into_no_bundle(data: bytes) -> None:
    kept = Kept()
    kept.held[Digest.of(b"one")] = data
    with pytest.raises(DigestMismatch, match=str(Digest.of(b"one"))):
        list(verified(Piece(Digest.of(b"one"), 3), kept))


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    target = tmp_path / "bundle.tar"
    changed(kept)
    with pytest.raises(DigestMismatch):
        write_archive(plan, kept, target)
    assert [*tmp_path.iterdir()] == []
    kept.put(b"two")
    write_archive(plan, kept, target)
    assert [*tmp_path.iterdir()] == [target]
    with tarfile.open(target) as archive:
        assert len(archive.getmembers()) == 8


def test_a_file_is_written_through_no_link_that_lies_there(tmp_path: Path) -> None:
    kept = Kept()
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    links = [tmp_path / name for name in ("bundle.tar.part", f"bundle.tar.{os.getpid()}.part")]
    for link in links:
        link.symlink_to(other)
    with pytest.raises(FileExistsError):
        write_archive(plan_of(kept), kept, tmp_path / "bundle.tar")
    assert (other.read_bytes(), [link.is_symlink() for link in links]) == (b"somebody's", [True, True])


def test_a_directory_shares_the_files_of_the_cache(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    cache = written(tmp_path / "blobs", {path_of(digest)[6:]: data for digest, data in kept.held.items()})
    write_directory(plan, kept, cache, tmp_path / "bundle")
    for digest, data in kept.held.items():
        file = tmp_path / "bundle" / path_of(digest)
        assert (file.read_bytes(), file.stat().st_nlink) == (data, 2)
    assert (tmp_path / "bundle" / "index.json").read_bytes() == dict(plan.heading)["index.json"]


def test_a_directory_elsewhere_has_copies(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    write_directory(plan, kept, tmp_path / "nowhere", tmp_path / "bundle")
    for digest, data in kept.held.items():
        assert (tmp_path / "bundle" / path_of(digest)).read_bytes() == data


def test_a_file_of_another_length_is_no_copy(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    digest = Digest.of(b"two")
    cache = written(tmp_path / "blobs", {path_of(digest)[6:]: b"longer than two"})
    write_directory(plan, kept, cache, tmp_path / "bundle")
    assert (tmp_path / "bundle" / path_of(digest)).read_bytes() == b"two"


def test_a_directory_that_is_not_written_to_its_end_is_no_layout(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    changed(kept)
    with pytest.raises(DigestMismatch):
        write_directory(plan, kept, tmp_path / "nowhere", tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "index.json").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    kept = Kept()
    plan = plan_of(kept)
    with pytest.raises(MirrorError, match="not empty"):
        write_directory(plan, kept, tmp_path, written(tmp_path / "full", {"a": b"x"}))


def test_what_is_read_comes_in_pieces() -> None:
    class InPieces(Kept):
        def read(self, digest: Digest) -> Iterator[bytes]:
            data = self.held[digest]
            return (data[at : at + 1] for at in range(len(data)))

    kept = InPieces()
    assert list(verified(Piece(kept.put(b"one"), 3), kept)) == [b"o", b"n", b"e"]
