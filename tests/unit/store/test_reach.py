"""What a document needs is found level by level, each once, and only as far as is wanted."""

from __future__ import annotations

from mirror.store.reach import needing, reach
from tests.support.stocked import Stocked, named


def names(stocked: Stocked, top: str, most: int) -> tuple[dict[str, int | None], bool]:
    known = {named(name): name for name in ("index", "one", "two", "base", "own", "gone", "itself")}
    found = reach(stocked.index, named(top), most)
    assert len(found.parts) == len(dict(found.parts))
    return {known[digest]: size for digest, size in found.parts}, found.is_all


def test_all_that_it_needs_is_found_once_with_what_is_stored_of_it(stocked: Stocked) -> None:
    stocked.document("one", "base", "own")
    stocked.document("two", "base", "gone")
    stocked.document("index", "one", "two", size=7)
    stocked.blob("base", 100)
    stocked.blob("own", 50)
    whole = {"index": 7, "one": 10, "two": 10, "base": 100, "own": 50, "gone": None}
    assert names(stocked, "index", 6) == (whole, True)
    assert names(stocked, "gone", 6) == ({"gone": None}, True)
    assert [*needing(stocked.index, named("own"))] == [named("one")]
    assert sorted(needing(stocked.index, named("base"))) == sorted([named("one"), named("two")])


def test_what_lacks_below_it_is_told_from_what_it_lacks_itself(stocked: Stocked) -> None:
    stocked.document("index", "one", "two")
    stocked.document("one", "base")
    stocked.blob("base")
    whole = reach(stocked.index, named("index"), 9)
    assert (whole.is_broken, whole.held, whole.size) == (False, 3, 120)
    stocked.index.forget_blob(named("base"))
    broken = reach(stocked.index, named("index"), 9)
    assert (broken.is_broken, broken.held, broken.size) == (True, 2, 20)


def test_it_goes_no_further_than_so_many_needs(stocked: Stocked) -> None:
    stocked.document("one", "base", "own")
    stocked.document("two", "base", "own")
    stocked.document("index", "one", "two")
    found, is_all = names(stocked, "index", 5)  # the fourth and the sixth need are the same as the third and the fifth
    assert (set(found), is_all) == ({"index", "one", "two", "base", "own"}, False)
    found, is_all = names(stocked, "index", 1)
    assert (len(found), is_all) == (2, False)  # and one of the two that it names
    assert names(stocked, "index", 0) == ({"index": 10}, False)


def test_documents_that_need_one_another_have_an_end(stocked: Stocked) -> None:
    stocked.document("one", "two")
    stocked.document("two", "one")
    assert names(stocked, "one", 10) == ({"one": 10, "two": 10}, True)
