"""What is wrong with the files of a cache is found and can be mended; what is right is left alone."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.store.file_check import FileCheck
from mirror.store.filesystem import Filesystem
from mirror.store.findings import Finding, Severity
from mirror.store.ingest import Ingest
from mirror.store.layout import Layout, ingest_name
from tests.support.caches import blob, descriptors, flip, layout_at, path_of, published, under_way

DIGEST, DATA = blob(1, 3_000_000)
PLACE = f"blobs/sha256/{DIGEST.encoded}"


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path) as opened:
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        path_of(tmp_path, DIGEST).chmod(0o600)
        before = descriptors(tmp_path)
        yield opened
        assert descriptors(tmp_path) == before


def _look(layout: Layout) -> list[Finding]:
    return list(FileCheck(layout).look())


def _mend(layout: Layout) -> None:
    for finding in FileCheck(layout).look():
        if finding.mend is not None:
            finding.mend()


def test_a_sound_cache_is_read_through_and_has_nothing_found(layout: Layout) -> None:
    other, data = blob(2)
    path_of(layout.root, other).write_bytes(data)
    path_of(layout.root, other).chmod(0o600)
    check = FileCheck(layout)
    assert list(check.look()) == []
    assert (check.blobs, check.bytes) == (2, len(DATA) + len(data))


def _replace(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped": (flip, "its 3000000 bytes are not what its name says"),
    "truncated": (lambda path: os.truncate(path, 10), "its 10 bytes are not what its name says"),
    "grown": (lambda path: os.truncate(path, 3_000_001), "its 3000001 bytes are not what its name says"),
    "a link": (_replace(lambda path: path.symlink_to("/etc/passwd")), "this is not a regular file"),
    "a directory": (_replace(Path.mkdir), "this is not a regular file"),
    "a pipe": (_replace(os.mkfifo), "this is not a regular file"),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_is_not_what_its_name_says_is_found_and_quarantined(layout: Layout, tmp_path: Path, spoil: str) -> None:
    make, words = SPOILS[spoil]
    make(path_of(tmp_path, DIGEST))
    assert _look(layout) == [Finding("corrupt", PLACE, words)]
    assert _look(layout) == [Finding("corrupt", PLACE, words)]  # and nothing is changed by looking
    _mend(layout)
    assert published(tmp_path) == []
    words = "1 files that were not what their names said are kept here to be looked at"
    assert _look(layout) == [Finding("quarantine", "quarantine", words, Severity.NOTE)]


class Failing(Filesystem):
    """A disk that opens or reads nothing that is a blob."""

    def __init__(self, opening: int = 0, reading: int = 0) -> None:
        self._opening, self._reading = opening, reading

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        if self._opening and name == DIGEST.encoded:
            raise OSError(self._opening, os.strerror(self._opening))
        return super().open_to_read(name, parent)

    def read_afresh(self, descriptor: int, size: int, offset: int) -> bytes:
        if self._reading:
            raise OSError(self._reading, os.strerror(self._reading))
        return super().read_afresh(descriptor, size, offset)


def test_what_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    with layout_at(tmp_path, Failing(reading=errno.EIO)) as layout:
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        assert _look(layout) == [Finding("corrupt", PLACE, "it cannot be read: Input/output error")]
        _mend(layout)
        assert published(tmp_path) == []


def test_what_cannot_be_opened_for_another_reason_is_corrupt(tmp_path: Path) -> None:
    with layout_at(tmp_path, Failing(opening=errno.EIO)) as layout:
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        assert _look(layout) == [Finding("corrupt", PLACE, "it cannot be opened: Input/output error")]
        _mend(layout)
        assert published(tmp_path) == []


def test_what_may_not_be_opened_may_be_good_and_stays(tmp_path: Path) -> None:
    with layout_at(tmp_path, Failing(opening=errno.EACCES)) as layout:
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        (found,) = _look(layout)
        assert found == Finding("unreadable", PLACE, "it cannot be opened: Permission denied")
        assert found.mend is None


def test_files_that_others_may_read_or_change_are_found(layout: Layout, tmp_path: Path) -> None:
    path_of(tmp_path, DIGEST).chmod(0o644)
    (tmp_path / "blobs/sha512").chmod(0o755)
    (tmp_path / "ingest").chmod(0o770)
    (tmp_path / "quarantine").chmod(0o701)
    words = "others than its owner may look into this directory"
    assert _look(layout) == [
        Finding("mode", "blobs/sha512", words),
        Finding("mode", "ingest", words),
        Finding("mode", "quarantine", words),
        Finding("mode", PLACE, "others than its owner may read or change this file"),
    ]
    _mend(layout)
    assert _look(layout) == []
    assert path_of(tmp_path, DIGEST).stat().st_mode & 0o777 == 0o600


def test_what_does_not_belong_there_is_put_away(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "blobs/sha256/notes.txt").write_text("mine")
    (tmp_path / "ingest/notes").mkdir()
    assert _look(layout) == [
        Finding("stray", "blobs/sha256/notes.txt", "this is not the name of a blob"),
        Finding("stray", "ingest/notes", "this is not the name of a part of a blob"),
    ]
    _mend(layout)
    assert (published(tmp_path), under_way(tmp_path)) == ([str(DIGEST)], [])
    assert [path.name.partition("-")[0] for path in (tmp_path / "quarantine").iterdir()] == ["stray", "stray"]


def _parts(count: int) -> Finding:
    words = f"parts of {count} blobs wait for the next try; those that are too old are removed"
    return Finding("parts", "ingest", words, Severity.NOTE)


def test_parts_of_blobs_are_as_they_may_be_until_they_are_too_old(layout: Layout) -> None:
    for number in (2, 3):
        ingest = Ingest(layout, blob(number)[0], durable=False)
        ingest.append(b"2:2:")
        ingest.leave()
    _mend(layout)
    assert _look(layout) == [_parts(2)]  # they are young, and the next fetch goes on with them
    old = time.time() - 8 * 86400
    os.utime(layout.root / "ingest" / ingest_name(blob(2)[0]) / "data", (old, old))
    _mend(layout)
    assert _look(layout) == [_parts(1)]
