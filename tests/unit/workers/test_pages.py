"""Documents in shared memory: whole, or the one before."""

from __future__ import annotations

import mmap
import os
import random

import pytest

from mirror.workers.pages import HALF, Page, Pages

# A test run has threads of its own, which the child does nothing with.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_a_page_is_empty_until_it_is_written() -> None:
    assert Pages(2).read(1) is None


def test_the_last_document_is_read_and_every_page_has_its_own() -> None:
    pages = Pages(2)
    for number in range(5):
        assert pages.write(0, Page(3, b"document %d" % number))
        assert pages.read(0) == Page(3, b"document %d" % number)
    assert pages.read(1) is None


def test_a_document_that_is_too_large_leaves_the_one_before() -> None:
    pages = Pages(1)
    pages.write(0, Page(1, b"before"))
    assert not pages.write(0, Page(1, random.Random(1).randbytes(HALF)))
    assert pages.read(0) == Page(1, b"before")
    assert pages.write(0, Page(1, bytes(8 * HALF)))


def test_what_a_child_wrote_outlives_it() -> None:
    pages = Pages(1)
    child = os.fork()
    if child == 0:
        pages.write(0, Page(9, b"a child's"))
        os._exit(0)
    os.waitpid(child, 0)
    assert pages.read(0) == Page(9, b"a child's")


@pytest.mark.parametrize("cut", [1, 4, 12, 20, 24, 40])
def test_one_who_is_killed_while_he_writes_leaves_what_he_wrote_before(cut: int) -> None:
    """Whichever of the bytes of a document are still those of the one before it in that half."""
    pages = Pages(1)
    for content in (b"first", b"second", b"third"):
        pages.write(0, Page(1, content))
    memory = memory_of(pages)
    before = memory[:]
    pages.write(0, Page(1, b"fourth"))
    changed = [at for at in range(len(before)) if before[at] != memory[at]]
    assert changed
    for at in changed[cut % len(changed) :]:
        memory[at] = before[at]
    assert pages.read(0) == Page(1, b"third")
    assert pages.write(0, Page(2, b"fifth"))
    assert pages.read(0) == Page(2, b"fifth")


def memory_of(pages: Pages) -> mmap.mmap:
    return pages._memory
