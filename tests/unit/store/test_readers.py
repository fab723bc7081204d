"""What is being read: as long as anybody reads it, in whichever process."""

from __future__ import annotations

from mirror.oci.digest import Digest
from mirror.siblings import Alone
from mirror.store.readers import Readers
from tests.support.caches import blob
from tests.support.siblings import Family

ONE, OTHER = blob(1)[0], blob(2)[0]


def test_what_several_read_is_being_read_until_the_last_leaves() -> None:
    readers = Readers(Alone())
    readers.enter(ONE)
    readers.enter(ONE)
    readers.leave(ONE)
    assert str(ONE) in readers
    assert str(OTHER) not in readers
    readers.leave(ONE)
    assert str(ONE) not in readers


def test_what_siblings_read_is_being_read_from_the_first_reader_to_the_last() -> None:
    here, there = (Readers(member) for member in Family(2).members)
    assert str(ONE) not in here
    there.enter(ONE)
    there.enter(ONE)
    there.leave(ONE)
    assert str(ONE) in here
    assert str(OTHER) not in here
    there.leave(ONE)
    assert str(ONE) not in here


def test_of_two_that_have_the_same_place_none_ends_the_other() -> None:
    alike = [Digest("sha256", f"{end:064x}") for end in (1, 2)]
    here, there = (Readers(member) for member in Family(2).members)
    for one in alike:
        there.enter(one)
    there.leave(alike[0])
    assert str(alike[1]) in here
    there.leave(alike[1])
    assert str(alike[1]) not in here


def test_a_row_that_no_file_can_belong_to_is_read_by_nobody() -> None:
    readers = Readers(Alone())
    readers.enter(ONE)
    assert "nonsense" not in readers
