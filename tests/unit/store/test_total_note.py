from __future__ import annotations

import os
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path

import pytest

from mirror.store.total_note import note_total, noted_total
from tests.support.faulty_disk import Fault, FaultyDisk


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_what_was_noted_last_is_what_is_noted(directory: int) -> None:
    files = FaultyDisk()
    assert noted_total(files, directory) is None
    assert note_total(files, directory, 10**18, None) == 10**18
    assert note_total(files, directory, 7, 10**18) == 7
    assert noted_total(files, directory) == 7


@pytest.mark.parametrize("total", [None, 7])
def test_what_is_noted_already_or_nothing_touches_no_disk(directory: int, total: int | None) -> None:
    files = FaultyDisk()
    files.disarm()
    assert note_total(files, directory, total, 7) == 7
    assert files.trace == []


@pytest.mark.parametrize("text", ["", "-1", "12 ", "x", "\u0661"])
def test_what_is_no_number_is_nothing(tmp_path: Path, directory: int, text: str) -> None:
    (tmp_path / "total").write_text(text)
    assert noted_total(FaultyDisk(), directory) is None


def test_a_note_that_cannot_be_written_closes_what_it_has_opened(directory: int) -> None:
    files = FaultyDisk()
    files.arm(1, Fault(ENOSPC))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="No space left"):
        note_total(files, directory, 7, None)
    assert files.fired
    assert len(os.listdir("/proc/self/fd")) == before
