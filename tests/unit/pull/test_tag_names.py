"""The names of tags that we know: what a page adds to them, and what it tells to be gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.pull.tag_names import KnownNames, TagNames, taken_up
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts
from mirror.upstream.answers import TagsPage
from tests.support.clock import Clock
from tests.support.pulling import Pulling, Setup, pulling

NOBODY = "http://127.0.0.1:1"
KNOWN = ("b", "d", "f")
PULLED = "a"


async def pulled(pull: Pulling) -> Facts:
    """What is known after somebody has pulled a tag."""
    facts = pull.store.facts
    facts.put_tag(Key("tag", "one", "a/b", PULLED), TagRecord(str(Digest.of(b"")), 1000.0), 3600.0)
    await pull.store.flush()
    return facts


@pytest.mark.parametrize(
    ("last", "page", "names"),
    [
        (None, TagsPage(("x", "a"), more=False), ("a", "x")),
        (None, TagsPage((), more=False), ()),
        ("e", TagsPage(("x", "a"), more=False, whole=True), ("a", "x")),
        (None, TagsPage(("a", "c"), more=True), ("a", "c", "d", "f")),
        (None, TagsPage(("d",), more=True), ("d", "f")),
        ("b", TagsPage(("c", "e"), more=True), ("b", "c", "e", "f")),
        ("b", TagsPage(("c",), more=False), ("b", "c")),
        ("c", TagsPage((), more=False), ("b",)),
        ("c", TagsPage((), more=True), KNOWN),
        (None, TagsPage(("z", "a"), more=True), ("a", "b", "d", "f", "z")),
        ("c", TagsPage(("a", "e"), more=False), ("a", "b", "d", "e", "f")),
        ("c", TagsPage(("c", "e"), more=False), ("b", "c", "d", "e", "f")),
    ],
)
def test_a_page_in_order_tells_what_is_there_between_its_ends(
    last: str | None, page: TagsPage, names: tuple[str, ...]
) -> None:
    assert taken_up(KNOWN, last, page) == names


@pytest.mark.parametrize("whole", [False, True])
async def test_of_a_very_long_list_the_beginning_is_noted(tmp_path: Path, whole: bool) -> None:
    long = tuple(f"x{number:05}" for number in range(25_000))
    async with pulling(tmp_path, one=NOBODY) as pull:
        names = TagNames(await pulled(pull))
        names.hear(pull.target(), None, TagsPage(("w", "y"), more=False))
        names.hear(pull.target(), "w", TagsPage(long, more=False, whole=whole))
        before = () if whole else ("w",)
        assert names.known(pull.target()).names == (PULLED, *before, *long[: 20_000 - len(before)])


async def test_what_is_listed_all_the_time_is_not_noted_all_the_time(tmp_path: Path) -> None:
    now = Clock()
    async with pulling(tmp_path, Setup(now=now), one=NOBODY) as pull:
        names = TagNames(await pulled(pull), now)
        steps = [(("a",), 1, 1000), (("a",), 299, 1000), (("a",), 1, 1300), (("a", "b"), 0, 1301)]
        for listed, later, checked in steps:
            names.hear(pull.target(), None, TagsPage(listed, more=False))
            assert TagNames(pull.store.facts, now).known(pull.target()) == KnownNames(listed, checked)
            now.advance(later)


async def test_a_repository_of_very_many_tags_is_known_in_part(tmp_path: Path) -> None:
    async with pulling(tmp_path, one=NOBODY) as pull:
        names = TagNames(pull.store.facts)
        names.hear(pull.target(), None, TagsPage(tuple(f"{number:06}" for number in range(30_000)), more=False))
        assert len(names.known(pull.target()).names) == 20_000


async def test_each_repository_has_names_of_its_own(tmp_path: Path) -> None:
    async with pulling(tmp_path, one=NOBODY, two=NOBODY) as pull:
        names = TagNames(pull.store.facts)
        names.hear(pull.target("a/b"), None, TagsPage(("x",), more=False))
        assert names.known(pull.target("a/c")) == KnownNames((), None)
        assert names.known(pull.target("a/b", "two")) == KnownNames((), None)
        names.forget(pull.target("a/c"))
        assert names.known(pull.target("a/b")).names == ("x",)
        names.forget(pull.target("a/b"))
        assert names.known(pull.target("a/b")) == KnownNames((), None)


async def test_a_list_that_was_empty_is_known_to_be(tmp_path: Path) -> None:
    now = Clock()
    async with pulling(tmp_path, one=NOBODY) as pull:
        TagNames(await pulled(pull), now).hear(pull.target(), None, TagsPage((), more=False))
        assert TagNames(pull.store.facts, now).known(pull.target()) == KnownNames((PULLED,), 1000.0)
