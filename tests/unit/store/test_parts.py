"""What waits to be gone on with: counted for what it takes up, given up when it has to be, left to who holds it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.parts import Part, give_up, parts
from tests.support.caches import blob, descriptors, layout_at, path_of, under_way
from tests.support.faulty_disk import Fault, FaultyDisk


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def layout(tmp_path: Path, disk: FaultyDisk) -> Iterator[Layout]:
    with layout_at(tmp_path, disk) as opened:
        before = descriptors(tmp_path)
        yield opened
        assert descriptors(tmp_path) == before


def _data(layout: Layout, digest: Digest) -> Path:
    return layout.root / "ingest" / f"{digest.algorithm}-{digest.encoded}" / "data"


def _left(layout: Layout, number: int) -> Part:
    """A part as large and as old as its number."""
    digest = blob(number)[0]
    ingest = Ingest(layout, digest, durable=False)
    ingest.append(bytes(number))
    ingest.leave()
    os.utime(_data(layout, digest), ns=(number, number))
    return Part(digest, number, number)


def test_parts_are_told_the_oldest_first(layout: Layout) -> None:
    left = [_left(layout, number) for number in (3, 1, 2)]
    assert parts(layout) == sorted(left, key=lambda part: part.size)


def test_what_lies_ahead_takes_up_room_too(layout: Layout) -> None:
    part = _left(layout, 3)
    _data(layout, part.digest).with_name("ahead-10").write_bytes(bytes(7))
    assert parts(layout) == [Part(part.digest, 10, 3)]
    assert give_up(layout, [part], 1) == 3
    assert under_way(layout.root) == []


def test_what_is_no_part_or_takes_up_nothing_is_not_told(layout: Layout, tmp_path: Path) -> None:
    place = tmp_path / "ingest"
    (place / "notes.txt").touch()
    for number in range(4):
        (place / f"sha256-{blob(number)[0].encoded}").mkdir()
    _data(layout, blob(1)[0]).mkdir()
    _data(layout, blob(2)[0]).touch()
    _data(layout, blob(3)[0]).symlink_to("/etc/passwd")
    published = _left(layout, 5)
    os.link(_data(layout, published.digest), path_of(tmp_path, published.digest))  # a crash came before the clearing up
    assert parts(layout) == []


def test_no_more_is_given_up_than_needed(layout: Layout) -> None:
    left = [_left(layout, number) for number in (1, 2, 3)]
    assert give_up(layout, left, 0) == 0
    assert give_up(layout, left, 2) == 3
    assert parts(layout) == left[2:]
    assert give_up(layout, left[2:], 100) == 3
    assert under_way(layout.root) == []


def test_what_somebody_holds_stays(layout: Layout) -> None:
    left = [_left(layout, number) for number in (1, 2)]
    held = Ingest(layout, left[0].digest, durable=False)
    assert give_up(layout, left, 2) == 2
    assert parts(layout) == left[:1]
    held.abort()


def test_what_cannot_be_removed_is_not_counted_as_free(
    layout: Layout, disk: FaultyDisk, caplog: pytest.LogCaptureFixture
) -> None:
    left = [_left(layout, number) for number in (1, 2)]
    disk.arm(2, Fault(errno.EIO))  # the removing of the first
    assert give_up(layout, left, 2) == 2
    disk.arm(0, Fault(errno.EROFS, lasting=True))
    assert give_up(layout, left, 2) == 0
    assert "cannot be given up: [Errno 30] Read-only file system" in caplog.text
    disk.disarm()
    assert parts(layout) == left[:1]
