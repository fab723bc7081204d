"""One digest, one ingest: who gets the lock writes to the file that has the name, and to no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.errors import StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from tests.support.caches import blob, data_of_the_ingest, descriptors, false_blobs, layout_at, path_of

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


def test_a_second_ingest_of_a_digest_is_refused_until_the_first_is_over(layout: Layout) -> None:
    first = _begun(layout)
    with pytest.raises(StoreBusy, match="being stored by somebody else"):
        _begun(layout)
    other = _begun(layout, Digest.of(b"other"))
    other.abort()
    first.abort()
    _begun(layout).abort()


class Interposed(Filesystem):
    """A disk on which something happens between the opening of an ingest's file and the lock on it."""

    def __init__(self, *meanwhile: Callable[[], object]) -> None:
        self.meanwhile = list(meanwhile)

    def lock(self, descriptor: int) -> bool:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return super().lock(descriptor)


def _interposed(layout: Layout, *meanwhile: Callable[[], object]) -> Ingest:
    layout.filesystem = Interposed(*meanwhile)
    return _begun(layout)


def test_a_lock_on_a_file_that_was_just_published_is_not_believed(layout: Layout, tmp_path: Path) -> None:
    first = _begun(layout)
    first.append(DATA)
    second = _interposed(layout, first.commit)
    assert second.offset == 0
    second.restart()
    second.append(b"anything")
    assert path_of(tmp_path, DIGEST).read_bytes() == DATA  # it is not the blob that is written to
    second.abort()


def test_a_lock_on_a_file_that_was_just_left_sees_all_that_was_written(layout: Layout, tmp_path: Path) -> None:
    first = _begun(layout)

    def write_and_leave() -> None:
        first.append(DATA[:3000])
        first.leave()

    second = _interposed(layout, write_and_leave)
    assert second.offset == 3000
    second.append(DATA[3000:])
    assert second.commit() is not None
    assert false_blobs(tmp_path) == []


def test_two_that_get_past_the_same_lock_do_not_write_to_the_same_blob(layout: Layout, tmp_path: Path) -> None:
    first = _begun(layout)
    first.append(DATA)
    thirds: list[Ingest] = []

    def abort_and_begin() -> None:
        first.abort()
        thirds.append(_begun(layout))

    with pytest.raises(StoreBusy):
        _interposed(layout, abort_and_begin)
    thirds[0].append(DATA)
    assert thirds[0].commit() is not None
    assert false_blobs(tmp_path) == []


def test_a_place_that_is_cleared_again_and_again_is_given_up(layout: Layout, tmp_path: Path) -> None:
    def clear() -> None:
        data_of_the_ingest(tmp_path).unlink()

    with pytest.raises(StoreFailed, match="No such file"):
        _interposed(layout, *[clear] * 100)


def test_a_place_that_is_taken_again_and_again_is_busy(layout: Layout, tmp_path: Path) -> None:
    def replace() -> None:
        data = data_of_the_ingest(tmp_path)
        data.rename(tmp_path / "aside")  # kept, so that its number is not given to the next
        data.touch()

    with pytest.raises(StoreBusy, match="one after the other"):
        _interposed(layout, *[replace] * 100)


def test_a_blob_that_a_crash_left_under_a_second_name_is_not_written_to(layout: Layout, tmp_path: Path) -> None:
    first = _begun(layout)
    first.append(DATA)
    first.leave()
    os.link(data_of_the_ingest(tmp_path), path_of(tmp_path, DIGEST))
    again = _begun(layout)
    assert again.offset == 0
    again.append(b"anything")
    assert path_of(tmp_path, DIGEST).read_bytes() == DATA
    again.abort()
