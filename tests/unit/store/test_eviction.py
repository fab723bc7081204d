"""How much has to go, and what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.store.eviction import Room, Space, excess, left, overrun, victims

ROOM = Room(max_size=lambda total: total // 2, min_free=lambda total: total // 10)


@pytest.mark.parametrize(
    ("space", "needed"),
    [
        (Space(stored=0, total=1000, free=1000), 0),
        (Space(stored=500, total=1000, free=500), 0),  # exactly full
        (Space(stored=501, total=1000, free=499), 51),  # down to 90 % of max_size
        (Space(stored=400, total=1000, free=100), 0),  # exactly min_free
        (Space(stored=400, total=1000, free=99), 12),  # up to 111 % of min_free
        (Space(stored=600, total=1000, free=0), 150),  # the bound that needs more decides
        (Space(stored=501, total=1000, free=1), 110),
        (Space(stored=5, total=1000, free=0), 5),  # others fill the disk: no more than all there is can go
        (Space(stored=0, total=1000, free=0), 0),
    ],
)
def test_what_has_to_go_keeps_both_bounds(space: Space, needed: int) -> None:
    assert excess(space, ROOM) == needed


@pytest.mark.parametrize(
    ("space", "room"),
    [
        (Space(stored=0, total=1000, free=1000), 500),
        (Space(stored=450, total=1000, free=400), 50),
        (Space(stored=500, total=1000, free=400), 0),
        (Space(stored=501, total=1000, free=400), 0),
        (Space(stored=0, total=1000, free=130), 30),
        (Space(stored=0, total=1000, free=100), 0),
        (Space(stored=0, total=1000, free=0), 0),
    ],
)
def test_what_is_left_is_what_keeps_both_bounds(space: Space, room: int) -> None:
    assert left(space, ROOM) == room


sizes = st.integers(min_value=0, max_value=1 << 50)


@given(stored=sizes, total=sizes, free=sizes)
def test_who_takes_what_is_left_has_nothing_evicted(stored: int, total: int, free: int) -> None:
    room = left(Space(stored, total, free), ROOM)
    assert room == 0 or excess(Space(stored + room, total, free - room), ROOM) == 0


@given(stored=sizes, total=sizes, free=sizes)
def test_no_more_than_is_stored_has_to_go_and_then_no_more_has_to(stored: int, total: int, free: int) -> None:
    needed = excess(Space(stored, total, free), ROOM)
    assert 0 <= needed <= max(stored, 0)
    after = Space(stored - needed, total, free + needed)
    assert excess(after, ROOM) == 0 or after.stored == 0


@given(blobs=st.lists(st.tuples(st.text(max_size=3), st.integers(0, 100))), needed=st.integers(-1, 500))
def test_the_longest_unused_go_first_and_no_more_than_needed(blobs: list[tuple[str, int]], needed: int) -> None:
    chosen = victims(blobs, needed)
    assert chosen == blobs[: len(chosen)]
    assert sum(size for _, size in chosen[:-1]) < max(needed, 1)
    assert sum(size for _, size in chosen) >= needed or chosen == blobs


def test_no_more_is_read_than_needed() -> None:
    read = iter([("old", 10), ("new", 10), ("newest", 10)])
    victims(read, 5)
    assert list(read) == [("newest", 10)]


@pytest.mark.parametrize(
    ("space", "over"),
    [
        (Space(stored=500, total=1000, free=100), 0),
        (Space(stored=520, total=1000, free=400), 20),
        (Space(stored=400, total=1000, free=70), 30),
        (Space(stored=10, total=1000, free=0), 10),
    ],
)
def test_an_overrun_is_counted_from_the_bounds_themselves(space: Space, over: int) -> None:
    assert overrun(space, ROOM) == over
