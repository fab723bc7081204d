"""The journal of tags: each move once, in its order, bounded, and never the reason for a failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.databases import Databases
from mirror.store.index import Member
from mirror.store.ingest import Stamp
from mirror.store.journal import Journal, Move, Page, Sighting
from tests.support.caches import layout_at

ONE, TWO, THREE = (str(Digest.of(bytes([number]))) for number in range(3))


@pytest.fixture
def journal(databases: Databases) -> Journal:
    return Journal(databases.index, databases.write_index)


def seen(digest: str | None, when: float, known: str | None = None, tag: str = "prod") -> Sighting:
    return Sighting("docker.io", "team/app", tag, digest, known, when, f"10.0.0.{int(when)}")


def move(old: str | None, new: str | None, when: float, tag: str = "prod") -> Move:
    return Move("docker.io", "team/app", tag, old, new, when, f"10.0.0.{int(when)}")


async def test_each_move_is_kept_with_when_and_for_whom(journal: Journal) -> None:
    for when, digest in enumerate((ONE, ONE, TWO, TWO, None, TWO), 1):
        journal.note(seen(digest, when))
    assert await journal.history("docker.io", "team/app", "prod") == [
        move(None, TWO, 6.0),
        move(TWO, None, 5.0),
        move(ONE, TWO, 3.0),
        move(None, ONE, 1.0),
    ]


async def test_what_was_known_before_the_journal_began_is_where_it_begins(journal: Journal) -> None:
    journal.note(seen(ONE, 1, known=ONE))
    journal.note(seen(TWO, 2, known=ONE))
    assert await journal.history("docker.io", "team/app", "prod") == [move(ONE, TWO, 2.0)]


async def test_who_watches_hears_of_moves_and_not_of_first_sightings(journal: Journal, databases: Databases) -> None:
    heard: list[Move] = []
    journal.watch(heard.append)
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2))
    journal.note(seen(None, 3))
    journal.note(seen(ONE, 4, tag="other", known=TWO))
    await databases.flush()
    assert heard == [move(ONE, TWO, 2.0), move(TWO, None, 3.0), move(TWO, ONE, 4.0, tag="other")]
    assert journal.moves == 3


async def test_a_move_that_two_processes_see_is_noted_and_told_once(tmp_path: Path) -> None:
    heard: list[Move] = []
    with layout_at(tmp_path) as layout:
        both = [Databases(layout) for _ in range(2)]
        journals = [Journal(one.index, one.write_index) for one in both]
        for journal in journals:
            journal.watch(heard.append)
        journals[0].note(seen(ONE, 1))
        await both[0].flush()
        for journal in journals:
            journal.note(seen(TWO, 2, known=ONE))
        await asyncio.gather(*(one.flush() for one in both))
        assert len(await journals[0].history("docker.io", "team/app")) == 2
        assert heard == [move(ONE, TWO, 2.0)]
        for one in both:
            await one.aclose()


async def test_of_each_tag_the_latest_moves_are_kept(journal: Journal, databases: Databases) -> None:
    journal.kept = 3
    journal.note(seen(THREE, 1, tag="other"))
    for when in range(1, 10):
        journal.note(seen((ONE, TWO)[when % 2], when))
    history = await journal.history("docker.io", "team/app", "prod")
    assert [one.seen for one in history] == [9.0, 8.0, 7.0]
    assert len(await journal.history("docker.io", "team/app", "other")) == 1


async def test_an_upstream_whose_tags_move_like_mad_pushes_out_no_other_s(journal: Journal) -> None:
    journal.most = 20
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2))
    for number in range(100):
        journal.note(Sighting("mad.test", "a", f"v{number}", ONE, None, 3.0))
    assert [one.new for one in await journal.history("docker.io", "team/app")] == [TWO, ONE]
    assert [one.tag for one in await journal.history("mad.test", "a")] == [f"v{number}" for number in range(99, 81, -1)]


async def test_it_is_looked_now_and_then_whether_there_are_too_many(journal: Journal) -> None:
    journal.most = 3000  # three notes to a look
    for number in range(7):
        journal.note(seen(ONE, number, tag=f"v{number}"))
    await journal.history("docker.io", "team/app")
    journal.most = 2
    journal.note(seen(ONE, 9, tag="v9"))
    assert [one.tag for one in await journal.history("docker.io", "team/app")] == ["v9", "v6"]


async def test_of_all_tags_the_latest_moves_are_kept(journal: Journal) -> None:
    journal.most = 5
    for number in range(9):
        journal.note(seen(ONE, number, tag=f"v{number}"))
    history = await journal.history("docker.io", "team/app")
    assert [one.tag for one in history] == ["v8", "v7", "v6", "v5", "v4"]


async def test_a_repository_s_moves_are_told_together_and_no_other_s(journal: Journal) -> None:
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2, tag="other"))
    journal.note(Sighting("docker.io", "team/else", "prod", ONE, None, 3.0))
    assert [one.tag for one in await journal.history("docker.io", "team/app")] == ["other", "prod"]
    assert [one.tag for one in await journal.history("docker.io", "team/app", page=Page(1))] == ["other"]


@pytest.mark.parametrize("tag", [None, "prod"])
async def test_moves_are_read_page_by_page(journal: Journal, tag: str | None) -> None:
    for when in range(1, 8):
        journal.note(seen((ONE, TWO)[when % 2], when))
        journal.note(Sighting("docker.io", "team/else", "prod", (ONE, TWO)[when % 2], None, 3.0))
    found: list[Move] = []
    while page := await journal.history("docker.io", "team/app", tag, Page(3, found[-1].number if found else None)):
        assert len(page) <= 3
        found += page
    assert [one.seen for one in found] == [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


async def test_type_and_size_are_told_where_they_are_known(journal: Journal, databases: Databases) -> None:
    def known(digest: str) -> None:
        databases.write_index.submit(lambda index: index.put_members([Member("docker.io", "team/app", digest, "type")]))
        databases.write_index.submit(lambda index: index.put_blob(digest, Stamp(12, 1, 1), 1.0))

    known(TWO)
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2))
    told, first = await journal.history("docker.io", "team/app")
    assert (told.media_type, told.size) == ("type", 12)
    assert (first.media_type, first.size) == (None, None)


async def test_the_last_place_of_a_tag_is_known(journal: Journal, databases: Databases) -> None:
    assert journal.last("docker.io", "team/app", "prod") is None
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2))
    await databases.flush()
    assert journal.last("docker.io", "team/app", "prod") == TWO
    journal.note(seen(None, 3))
    await databases.flush()
    assert journal.last("docker.io", "team/app", "prod") == TWO  # and gone since


@pytest.mark.parametrize(
    "spoilt", ["old = 'x'", "new = 1", "seen = 'never'", "client = x'00'", "size = 'x'", "media_type = char(10)"]
)
async def test_a_row_that_was_spoilt_is_left_out(journal: Journal, databases: Databases, spoilt: str) -> None:
    journal.note(seen(ONE, 1))
    journal.note(seen(TWO, 2))
    await databases.flush()
    await databases.on_thread(lambda index, _: index.write(f"UPDATE moves SET {spoilt} WHERE number = ?", (2,)))
    assert [one.new for one in await journal.history("docker.io", "team/app")] == [ONE]


async def test_a_database_that_is_lost_is_an_empty_journal(journal: Journal, databases: Databases) -> None:
    heard: list[Move] = []
    journal.watch(heard.append)
    await databases.on_thread(lambda index, _: index.write("DROP TABLE moves", ()))
    journal.note(seen(ONE, 1, known=TWO))
    assert await journal.history("docker.io", "team/app") == []
    assert journal.last("docker.io", "team/app", "prod") is None
    assert (databases.lost, heard) == (1, [])
