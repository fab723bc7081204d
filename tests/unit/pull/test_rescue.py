"""What readers have had of a file that nobody goes on with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from mirror.errors import DigestMismatch, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.rescue import begin_alike, spooled
from tests.support.caches import opened

DATA = Random(3).randbytes(3 * 1024 * 1024 + 17)
DIGEST = Digest.of(DATA)


@contextmanager
def _holding(path: Path, data: bytes) -> Iterator[int]:
    path.write_bytes(data)
    with opened(path) as descriptor:
        yield descriptor


def test_a_spool_goes_on_after_what_was_there(tmp_path: Path) -> None:
    size = 2 * 1024 * 1024 + 5
    with _holding(tmp_path / "data", DATA) as descriptor:
        os.unlink(tmp_path / "data")
        spool = spooled(DIGEST, descriptor, size, len(DATA))
    assert (spool.offset, spool.total) == (size, len(DATA))
    spool.append(DATA[size:])
    spool.verify()
    spool.close()


def test_what_was_wrong_by_then_is_noticed_in_the_end(tmp_path: Path) -> None:
    with _holding(tmp_path / "data", b"x" + DATA[1:]) as descriptor:
        spool = spooled(DIGEST, descriptor, 1000, len(DATA))
    spool.append(DATA[1000:])
    with pytest.raises(DigestMismatch):
        spool.verify()
    spool.close()


def test_a_file_that_has_become_shorter_is_of_no_use(tmp_path: Path) -> None:
    with _holding(tmp_path / "data", DATA[:100]) as descriptor, pytest.raises(StoreFailed):
        spooled(DIGEST, descriptor, 101, None)


def test_a_file_that_cannot_be_read_is_of_no_use(tmp_path: Path) -> None:
    with opened(tmp_path / "data", os.O_WRONLY | os.O_CREAT) as descriptor, pytest.raises(StoreFailed):
        spooled(DIGEST, descriptor, 1, None)


@pytest.mark.parametrize(("size", "alike"), [(0, True), (len(DATA) - 1, True), (len(DATA), False)])
def test_two_files_are_alike_as_far_as_they_are(tmp_path: Path, size: int, alike: bool) -> None:
    with _holding(tmp_path / "a", DATA) as one, _holding(tmp_path / "b", DATA[:-1] + bytes([DATA[-1] ^ 1])) as other:
        assert begin_alike(one, other, size) is alike
