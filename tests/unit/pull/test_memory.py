"""Small content in memory: bounded by bytes, the longest unused forgotten first."""

from __future__ import annotations

import pytest

from mirror.pull.memory import SMALL, Memory

ENTRY = 10_000  # bytes that an entry takes here, its overhead included
BODY = bytes(9_600)


def test_what_was_put_is_there_until_it_is_forgotten() -> None:
    memory = Memory(1024**2)
    memory.put("a", b"body")
    assert memory.get("a") == b"body"
    memory.forget("a")
    memory.forget("a")
    assert memory.get("a") is None


def test_the_longest_unused_is_forgotten_first() -> None:
    memory = Memory(4 * ENTRY)
    for name in "abcd":
        memory.put(name, BODY)
    assert memory.get("a") is not None
    memory.put("e", BODY)
    assert [name for name in "abcde" if memory.get(name)] == ["a", "c", "d", "e"]


def test_an_entry_counts_for_more_than_its_bytes() -> None:
    memory = Memory(100_000)
    for number in range(1000):
        memory.put(str(number), b"")
    assert 0 < sum(memory.get(str(number)) is not None for number in range(1000)) <= 250


@pytest.mark.parametrize(("size", "kept"), [(24_600, True), (24_601, False)])
def test_one_entry_gets_no_more_than_a_quarter(size: int, kept: bool) -> None:
    memory = Memory(100_000)
    memory.put("a", bytes(size))
    assert (memory.get("a") is not None) is kept


def test_without_room_nothing_is_kept_and_nothing_fails() -> None:
    memory = Memory(0)
    memory.put("a", b"")
    assert memory.get("a") is None


def test_every_small_blob_finds_room_in_the_smallest_sensible_memory() -> None:
    memory = Memory(1024**2)
    memory.put("a", bytes(SMALL))
    assert memory.get("a") is not None
