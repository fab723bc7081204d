"""What is being read: as long as anybody reads it."""

from __future__ import annotations

from mirror.store.readers import Readers
from tests.support.caches import blob

ONE, OTHER = blob(1)[0], blob(2)[0]


def test_what_several_read_is_being_read_until_the_last_leaves() -> None:
    readers = Readers()
    readers.enter(ONE)
    readers.enter(ONE)
    readers.enter(OTHER)
    readers.leave(ONE)
    assert set(readers) == {ONE, OTHER}
    readers.leave(ONE)
    assert list(readers) == [OTHER]
