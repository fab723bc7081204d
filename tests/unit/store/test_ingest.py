"""A blob that is not yet whole: how it becomes whole, what is taken up again, what is left of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.errors import DigestMismatch, SizeMismatch, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.ingest import Ingest, Stamp
from mirror.store.layout import Layout
from tests.support.caches import (
    blob,
    data_of_the_ingest,
    descriptors,
    layout_at,
    path_of,
    published,
    under_way,
)
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1, 5000)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path) as opened:
        before = descriptors(tmp_path)
        yield opened
        assert descriptors(tmp_path) == before


def _begun(layout: Layout, digest: Digest = DIGEST) -> Ingest:
    ingest = Ingest(layout, digest, durable=False)
    while ingest.is_behind:
        ingest.take_up()
    return ingest


def _left(layout: Layout, data: bytes, total: int | None = None) -> None:
    """What a try leaves behind that got so far."""
    ingest = _begun(layout)
    if total is not None:
        ingest.expect(total)
    ingest.append(data)
    ingest.leave()


# the way through


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_commit_gives_the_stamp_of_what_is_published(layout: Layout, tmp_path: Path, algorithm: str) -> None:
    digest = Digest.of(DATA, algorithm)
    ingest = _begun(layout, digest)
    ingest.append(DATA)
    assert ingest.commit() == Stamp.of(path_of(tmp_path, digest).stat())
    assert published(tmp_path) == [str(digest)]


def test_a_commit_of_what_exists_gives_no_stamp(layout: Layout) -> None:
    for expected in (True, False):
        ingest = _begun(layout)
        ingest.append(DATA)
        assert (ingest.commit() is not None) is expected


def test_nothing_is_the_content_of_the_empty_digest_alone(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch, match="not the ones that the digest names"):
        _begun(layout).commit()
    assert _begun(layout, Digest.of(b"")).commit() is not None
    assert published(tmp_path) == [str(Digest.of(b""))]


def test_verify_can_be_asked_before_commit(layout: Layout) -> None:
    ingest = _begun(layout)
    ingest.expect(len(DATA))
    ingest.append(DATA[:-1])
    with pytest.raises(SizeMismatch, match="not as long as it was said to be"):
        ingest.verify()
    ingest.append(DATA[-1:])
    ingest.verify()
    ingest.append(DATA[-1:])
    with pytest.raises(SizeMismatch, match="not as long as it was said to be"):
        ingest.verify()
    ingest.abort()


def test_more_than_is_expected_is_noticed_at_once(layout: Layout) -> None:
    ingest = _begun(layout)
    ingest.append(DATA)
    ingest.expect(len(DATA))
    with pytest.raises(SizeMismatch, match="more bytes are stored than the blob is said to have"):
        ingest.expect(len(DATA) - 1)
    ingest.abort()


def test_a_restart_forgets_bytes_and_size(layout: Layout) -> None:
    ingest = _begun(layout)
    ingest.expect(10)
    ingest.append(b"wrong")
    ingest.restart()
    assert (ingest.offset, ingest.total) == (0, None)
    ingest.append(DATA)
    assert ingest.commit() is not None


# taking up


def test_what_was_left_is_taken_up_with_its_size(layout: Layout) -> None:
    _left(layout, DATA[:3000], len(DATA))
    again = _begun(layout)
    assert (again.offset, again.total) == (3000, len(DATA))
    again.append(DATA[3000:])
    assert again.commit() is not None


def test_what_is_whole_by_its_digest_needs_no_size_that_was_noted(layout: Layout) -> None:
    _left(layout, DATA)
    again = _begun(layout)
    assert (again.offset, again.total) == (len(DATA), len(DATA))
    again.expect(len(DATA))
    with pytest.raises(SizeMismatch):
        again.expect(len(DATA) - 1)
    assert again.commit() is not None


def test_what_was_never_taken_up_stays_when_it_is_left(layout: Layout, tmp_path: Path) -> None:
    _left(layout, DATA[:3000])
    again = Ingest(layout, DIGEST, durable=False)
    assert (again.is_behind, again.offset) == (True, 0)
    again.leave()
    assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:3000]


def test_a_restart_forgets_also_what_was_never_taken_up(layout: Layout, tmp_path: Path) -> None:
    _left(layout, DATA + b"more than there should be")
    again = Ingest(layout, DIGEST, durable=False)
    again.restart()
    assert not again.is_behind
    assert data_of_the_ingest(tmp_path).read_bytes() == b""
    again.append(DATA)
    assert again.commit() is not None


@pytest.mark.parametrize("note", [b"", b"50", b"5000\n", b"many", b"-5000", "²".encode(), b"9" * 100])
def test_a_torn_note_of_the_size_costs_no_more_than_the_bytes(layout: Layout, tmp_path: Path, note: bytes) -> None:
    _left(layout, DATA[:3000], len(DATA))
    data_of_the_ingest(tmp_path).with_name("total").write_bytes(note)
    again = _begun(layout)
    assert again.offset == (0 if note == b"50" else 3000)
    again.expect(len(DATA))
    again.append(DATA[again.offset :])
    assert again.commit() is not None


def test_a_note_of_the_size_without_bytes_is_forgotten(layout: Layout, tmp_path: Path) -> None:
    _left(layout, DATA[:1], len(DATA))
    os.truncate(data_of_the_ingest(tmp_path), 0)
    again = _begun(layout)
    assert (again.offset, again.total) == (0, None)
    again.abort()
    assert under_way(tmp_path) == []


def test_more_bytes_than_the_noted_size_are_not_believed(layout: Layout) -> None:
    _left(layout, DATA[:10], 10)
    _left(layout, DATA[10:20])
    again = _begun(layout)
    assert (again.offset, again.total) == (0, None)
    again.abort()


# failures


def test_after_a_failed_write_only_what_is_counted_is_there(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = _begun(layout)
        ingest.append(DATA[:1000])
        disk.arm(0, Fault(errno.ENOSPC))
        with pytest.raises(StoreFailed, match="No space left on device"):
            ingest.append(DATA[1000:])
        assert disk.fired
        assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:1000]
        ingest.append(DATA[1000:])
        assert ingest.commit() is not None


def test_a_reader_s_descriptor_cannot_be_written_to(layout: Layout) -> None:
    ingest = _begun(layout)
    reader = ingest.duplicate()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(reader, b"x")
    os.close(reader)
    ingest.abort()
    with pytest.raises(StoreFailed, match="cannot be read: Bad file descriptor"):
        ingest.duplicate()


def test_an_ingest_that_cannot_be_cleared_away_is_taken_up_by_the_next(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        before = descriptors(tmp_path)
        ingest = _begun(layout)
        ingest.append(DATA[:1000])
        disk.arm(0, Fault(errno.EROFS, lasting=True))
        ingest.abort()  # never raises (S4)
        assert disk.fired
        disk.disarm()
        assert descriptors(tmp_path) == before
        again = _begun(layout)
        assert again.offset == 1000
        again.abort()
        assert under_way(tmp_path) == []


def test_what_has_the_lock_on_it_is_removed_last(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        ingest = _begun(layout)
        ingest.append(DATA)
        for name in ("total", "a", "z"):
            data_of_the_ingest(tmp_path).with_name(name).touch()
        disk.disarm()
        ingest.abort()
        assert disk.trace[3:] == [("remove", "data"), ("remove_directory", f"sha256-{DIGEST.encoded}")]
