"""Whether bytes are in memory, and getting them there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.server.warmth import is_warm, warm
from mirror.tasks import spawn
from tests.support.caches import opened
from tests.support.surface import noise

DATA = noise("warmth", 3_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "blob"
    path.write_bytes(DATA)
    with opened(path, os.O_RDWR) as descriptor:
        yield descriptor


def forget(descriptor: int) -> None:
    """Have the system forget what it holds of a file, which one that lies in memory will not."""
    os.fdatasync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def test_what_was_just_written_is_warm(file: int) -> None:
    assert is_warm(file, 1)
    assert is_warm(file, len(DATA))


def test_bytes_that_are_not_there_are_for_the_next_reading_to_tell(file: int) -> None:
    assert is_warm(file, len(DATA) + 5000)


def test_so_are_descriptors_that_cannot_be_asked(tmp_path: Path) -> None:
    with opened(tmp_path) as descriptor:
        assert is_warm(descriptor, 1)


async def test_what_is_cold_is_warm_afterwards(file: int) -> None:
    forget(file)
    await warm(file, 0, len(DATA))
    assert is_warm(file, len(DATA))


async def test_warming_ends_with_the_file(file: int) -> None:
    await warm(file, 0, 10 * len(DATA))
    await warm(file, 10 * len(DATA), 11 * len(DATA))


async def test_many_may_be_warmed_at_once_and_read_what_is_there(file: int) -> None:
    forget(file)
    tasks = [spawn(warm(file, start, start + 400_000), "warming") for start in range(0, len(DATA), 100_000)]
    await asyncio.gather(*tasks)
    assert os.pread(file, len(DATA), 0) == DATA


async def test_a_fault_of_the_disk_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as descriptor, pytest.raises(OSError, match="directory"):
        await warm(descriptor, 0, 1)
