"""The index is brought in line with the files, while the store serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.index import Index
from mirror.store.ingest import Stamp
from mirror.store.layout import Layout
from mirror.store.recovery import reconcile
from tests.support.caches import blob, layout_at, path_of
from tests.support.stocked import least_used

DIGEST, DATA = blob(1)
NAME = str(DIGEST)
STAMP = Stamp(100, 1, 1)


@contextmanager
def _index(root: Path) -> Iterator[tuple[Layout, Index]]:
    with layout_at(root) as layout:
        index = Index(layout.index)
        yield layout, index
        index.close()


def _reconcile(layout: Layout, index: Index) -> int:
    return sum(1 for _ in reconcile(layout, index))


def test_files_are_found_and_rows_without_a_file_are_forgotten(tmp_path: Path) -> None:
    with _index(tmp_path) as (layout, index):
        other = Digest.of(DATA, "sha512")
        for digest in (DIGEST, other):
            path_of(tmp_path, digest).write_bytes(DATA)
        os.utime(path_of(tmp_path, other), (1, 1))
        index.put_blob(str(Digest.of(b"gone")), STAMP, 1.0)
        index.put_blob("nonsense", STAMP, 1.0)
        _reconcile(layout, index)
        assert list(least_used(index)) == [(str(other), 100), (NAME, 100)]  # the older first
        assert index.stamp(NAME) is None  # found is not verified
        assert index.size() == 200


def test_what_is_known_of_a_file_that_is_there_stays(tmp_path: Path) -> None:
    with _index(tmp_path) as (layout, index):
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        index.put_blob(NAME, STAMP, 1.0)
        _reconcile(layout, index)
        assert index.stamp(NAME) == STAMP


@pytest.mark.parametrize("name", [f"{DIGEST.encoded}.gz", "README", "a" * 63, DIGEST.encoded.upper()])
def test_what_has_no_digest_s_name_is_left_alone(tmp_path: Path, name: str) -> None:
    with _index(tmp_path) as (layout, index):
        stray = tmp_path / "blobs" / "sha256" / name
        stray.write_bytes(DATA)
        _reconcile(layout, index)
        assert index.size() == 0
        assert stray.exists()


def test_what_is_no_file_is_not_counted(tmp_path: Path) -> None:
    with _index(tmp_path) as (layout, index):
        path_of(tmp_path, DIGEST).mkdir()
        path_of(tmp_path, Digest.of(b"link")).symlink_to(tmp_path / "version")
        _reconcile(layout, index)
        assert index.size() == 0


def test_many_blobs_are_taken_in_steps(tmp_path: Path) -> None:
    with _index(tmp_path) as (layout, index):
        digests = [blob(number)[0] for number in range(2001)]
        for digest in digests:
            path_of(tmp_path, digest).touch()
        gone = [str(Digest.of(f"gone {number}".encode())) for number in range(1500)]
        with index:
            for name in gone:
                index.find_blobs([(name, 1, 0.0)])
        assert _reconcile(layout, index) == 3 + 4  # a thousand at a time
        assert index.digests("", 9999) == sorted(map(str, digests))


def test_a_blob_that_comes_between_two_steps_is_not_forgotten(tmp_path: Path) -> None:
    with _index(tmp_path) as (layout, index):
        index.find_blobs([(str(Digest.of(b"gone")), 1, 0.0)])
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        steps = reconcile(layout, index)
        assert next(steps) == 1
        late, data = blob(2)
        path_of(tmp_path, late).write_bytes(data)
        index.put_blob(str(late), STAMP, 1.0)
        assert next(steps) == 3
        assert index.digests("", 9) == sorted([NAME, str(late)])
