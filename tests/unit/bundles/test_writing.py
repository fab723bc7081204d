"""Bundles written as streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mirror.bundles.contents import Piece
from mirror.bundles.layout import Plan, path_of
from mirror.bundles.writing import archive_of, size_of_archive, verified
from mirror.errors import DigestMismatch
from mirror.oci.digest import Digest
from tests.support.bundles import Kept, contents_of, files_of, named


def plan_of(kept: Kept) -> Plan:
    return Plan(contents_of(kept, [named("a/b", kept.image(b"one", b"two").digest)]))


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


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_size_of_an_archive_is_known_before_it_is_made(algorithm: str) -> None:
    kept = Kept()
    digest = kept.put(b"x" * 700, algorithm)
    contents = contents_of(kept, [named("a/b", kept.image(b"one", b"").digest)])
    plan = Plan(replace(contents, pieces=(*contents.pieces, Piece(digest, 700))))
    assert size_of_archive(plan) == len(b"".join(archive_of(plan, kept)))


@pytest.mark.parametrize("data", [b"", b"on", b"oen", b"one more"])
def test_what_is_not_what_its_digest_names_goes_into_no_bundle(data: bytes) -> None:
    kept = Kept()
    kept.held[Digest.of(b"one")] = data
    with pytest.raises(DigestMismatch, match=str(Digest.of(b"one"))):
        list(verified(Piece(Digest.of(b"one"), 3), kept))


def test_what_is_read_comes_in_pieces() -> None:
    class InPieces(Kept):
        def read(self, digest: Digest) -> Iterator[bytes]:
            data = self.held[digest]
            return (data[at : at + 1] for at in range(len(data)))

    kept = InPieces()
    assert list(verified(Piece(kept.put(b"one"), 3), kept)) == [b"o", b"n", b"e"]
