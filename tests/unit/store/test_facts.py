"""What is known about content: noted in both databases, answered from memory, and never the reason for a failure."""

from __future__ import annotations

import pytest

from mirror.oci.digest import Digest
from mirror.store.catalog import Key, Note, TagRecord
from mirror.store.databases import Databases
from mirror.store.facts import Facts
from mirror.store.index import Member
from mirror.store.listing import Listing

DIGEST = str(Digest.of(b"manifest"))
OTHER = str(Digest.of(b"signed manifest"))
TAG = Key("tag", "docker.io", "library/alpine", "latest")
ABSENT = Key("absent", "docker.io", "library/alpine", "nothing")
RECORD = TagRecord(DIGEST, checked=100.0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _facts(databases: Databases, clock: Clock) -> Facts:
    return Facts(databases.catalog, databases.index, databases.write_catalog, databases.write_index, clock)


@pytest.fixture
def facts(databases: Databases, clock: Clock) -> Facts:
    return _facts(databases, clock)


async def _forgetting(databases: Databases, clock: Clock) -> Facts:
    """Facts of the same databases that have nothing in memory."""
    await databases.flush()
    return _facts(databases, clock)


# membership


async def test_a_proof_is_known_at_once_and_outlives_the_memory(
    databases: Databases, facts: Facts, clock: Clock
) -> None:
    member = Member("docker.io", "library/alpine", DIGEST, "type", OTHER)
    assert facts.member("docker.io", "library/alpine", DIGEST) is None
    facts.prove(member)
    assert facts.member("docker.io", "library/alpine", DIGEST) == member
    again = await _forgetting(databases, clock)
    assert again.member("docker.io", "library/alpine", DIGEST) == member
    assert again.member("docker.io", "library/debian", DIGEST) is None


async def test_a_manifest_s_type_is_what_it_was_at_first(databases: Databases, facts: Facts, clock: Clock) -> None:
    for media_type, expected in ((None, None), ("first", "first"), ("second", "first"), (None, "first")):
        facts.prove(Member("u", "r", DIGEST, media_type))
        assert facts.member("u", "r", DIGEST) == Member("u", "r", DIGEST, expected)
    again = await _forgetting(databases, clock)
    assert again.member("u", "r", DIGEST) == Member("u", "r", DIGEST, "first")


@pytest.mark.parametrize("lost", ["members", "Cache"])
async def test_either_database_is_enough_for_a_proof(
    databases: Databases, facts: Facts, clock: Clock, lost: str
) -> None:
    facts.prove(Member("u", "r", DIGEST, "type"))
    await databases.flush()
    if lost == "Cache":
        await databases.on_thread(lambda _, catalog: catalog.write(Note(Key("member", "u", "r", DIGEST), None)))
    else:
        await databases.on_thread(lambda index, _: index._connection.execute("DELETE FROM members"))
    assert _facts(databases, clock).member("u", "r", DIGEST) == Member("u", "r", DIGEST, "type")


@pytest.mark.parametrize("column", ["media_type", "content", "since"])
async def test_a_proof_of_which_a_row_was_spoilt_is_none_or_what_the_other_database_says(
    databases: Databases, facts: Facts, clock: Clock, column: str
) -> None:
    member = Member("u", "r", DIGEST, "type", OTHER)
    facts.prove(member)
    await databases.flush()
    await databases.on_thread(lambda index, _: index._connection.execute(f"UPDATE members SET {column} = 'é\n'"))
    assert _facts(databases, clock).member("u", "r", DIGEST) == member
    key = Key("member", "u", "r", DIGEST)
    fact: dict[str, object] = {"media_type": "type", "content": OTHER, "since": 1.0} | {column: "é\n"}
    await databases.on_thread(lambda _, catalog: catalog.write(Note(key, fact)))
    assert _facts(databases, clock).member("u", "r", DIGEST) is None


async def test_a_forged_proof_is_none(databases: Databases, facts: Facts) -> None:
    forged = Note(Key("member", "u", "r", DIGEST), {"media_type": 5, "content": None})
    await databases.on_thread(lambda _, catalog: catalog.write(forged))
    assert facts.member("u", "r", DIGEST) is None


# tags


async def test_a_tag_is_known_at_once_and_outlives_the_memory(databases: Databases, facts: Facts, clock: Clock) -> None:
    assert facts.tag(TAG) is None
    facts.put_tag(TAG, RECORD, 60.0)
    assert facts.tag(TAG) == RECORD
    again = await _forgetting(databases, clock)
    assert again.tag(TAG) == RECORD
    assert again.tag_names("docker.io", "library/alpine") == ["latest"]


async def test_a_tag_moves_and_is_forgotten(databases: Databases, facts: Facts, clock: Clock) -> None:
    moved = TagRecord(str(Digest.of(b"another")), checked=200.0, failed=150.0)
    facts.put_tag(TAG, RECORD, 60.0)
    facts.put_tag(TAG, moved, 60.0)
    assert facts.tag(TAG) == moved
    again = await _forgetting(databases, clock)
    assert again.tag(TAG) == moved
    again.forget_tag(TAG)
    assert again.tag(TAG) is None
    last = await _forgetting(databases, clock)
    assert last.tag(TAG) is None
    assert last.tag_names("docker.io", "library/alpine") == []


async def test_a_variant_is_a_tag_of_its_own_and_not_listed(databases: Databases, facts: Facts, clock: Clock) -> None:
    variant = Key("tag", "docker.io", "library/alpine", "latest", "schema2")
    facts.put_tag(variant, RECORD, 60.0)
    assert facts.tag(TAG) is None
    again = await _forgetting(databases, clock)
    assert again.tag(variant) == RECORD
    assert again.tag_names("docker.io", "library/alpine") == []
    again.forget_tag(variant)
    assert again.tag(variant) is None


async def test_a_forged_tag_is_none(databases: Databases, facts: Facts) -> None:
    forged = Note(TAG, {"digest": "../../etc/passwd", "checked": 1.0, "failed": 0.0})
    await databases.on_thread(lambda _, catalog: catalog.write(forged))
    assert facts.tag(TAG) is None


# lists


async def test_a_list_is_known_at_once_and_outlives_the_memory(
    databases: Databases, facts: Facts, clock: Clock
) -> None:
    key, listing = Key("referrers", "u", "r", DIGEST), Listing("x" * 100_000, 5.0, 6.0)
    assert facts.listing(key) is None
    facts.put_listing(key, listing, 60.0)
    assert facts.listing(key) == listing
    again = await _forgetting(databases, clock)
    assert again.listing(key) == listing
    again.forget_listing(key)
    assert again.listing(key) is None
    last = await _forgetting(databases, clock)
    assert last.listing(key) is None


async def test_a_forged_list_is_none(databases: Databases, facts: Facts) -> None:
    key = Key("referrers", "u", "r", DIGEST)
    await databases.on_thread(lambda _, catalog: catalog.write(Note(key, {"text": 5})))
    assert facts.listing(key) is None


async def test_the_repositories_are_those_of_which_we_have_something(databases: Databases, facts: Facts) -> None:
    for upstream, repository in (("b", "r"), ("a", "s"), ("a", "r")):
        facts.prove(Member(upstream, repository, DIGEST, "type"))
    await databases.flush()
    assert facts.upstreams() == ["a", "b"]
    assert facts.repositories("a", "", 10) == [("r", False), ("s", False)]
    assert facts.repositories("a", "r", 1) == [("s", False)]


# absences


async def test_an_absence_is_known_for_its_time(databases: Databases, facts: Facts, clock: Clock) -> None:
    assert not facts.absent(ABSENT)
    facts.put_absent(ABSENT, 10.0)
    assert facts.absent(ABSENT)
    assert (await _forgetting(databases, clock)).absent(ABSENT)
    clock.now += 9.9
    assert facts.absent(ABSENT)
    clock.now += 0.2
    assert not facts.absent(ABSENT)


async def test_a_clock_that_is_set_back_does_not_make_an_absence_last(facts: Facts, clock: Clock) -> None:
    facts.put_absent(ABSENT, 10.0)
    clock.now -= 365 * 86400
    assert not facts.absent(ABSENT)


async def test_an_absence_of_no_time_is_not_noted(databases: Databases, facts: Facts) -> None:
    facts.put_absent(ABSENT, 0.0)
    assert not facts.absent(ABSENT)


async def test_an_absence_is_forgotten(databases: Databases, facts: Facts, clock: Clock) -> None:
    facts.forget_absent(ABSENT)
    facts.put_absent(ABSENT, 10.0)
    facts.forget_absent(ABSENT)
    assert not facts.absent(ABSENT)
    assert not (await _forgetting(databases, clock)).absent(ABSENT)


@pytest.mark.parametrize("fact", [{}, {"until": 2000.0}, {"since": "x", "until": 2000.0}, {"since": 0, "until": None}])
async def test_a_forged_absence_is_none(databases: Databases, facts: Facts, fact: dict[str, object]) -> None:
    await databases.on_thread(lambda _, catalog: catalog.write(Note(ABSENT, fact)))
    assert not facts.absent(ABSENT)


# trouble


async def test_a_closed_index_is_a_lost_one(databases: Databases, facts: Facts) -> None:
    databases.index.close()
    assert facts.member("u", "r", DIGEST) is None
    assert facts.tag_names("u", "r") == []
    assert facts.upstreams() == []
    assert facts.repositories("u", "", 10) == []
    facts.prove(Member("u", "r", DIGEST))
    assert facts.member("u", "r", DIGEST) == Member("u", "r", DIGEST)


async def test_what_is_forgotten_is_forgotten_in_memory_too(facts: Facts, databases: Databases) -> None:
    others = Key("tag", "docker.io", "library/busybox", "latest")
    for key in (TAG, others):
        facts.put_tag(key, RECORD, 60)
    told: list[str] = []
    facts.on_forgotten = lambda: told.append("forgotten")
    facts.forget_about(Key("tag", "docker.io", "library/alpine", ""))
    await databases.flush()
    assert (facts.tag(TAG), facts.tag(others)) == (None, RECORD)
    assert told == ["forgotten"]


async def test_a_proof_that_is_taken_back_is_in_neither_database(facts: Facts, databases: Databases) -> None:
    member = Member("docker.io", "library/alpine", DIGEST)
    facts.prove(member)
    await databases.flush()
    facts.disprove("docker.io", "library/alpine", DIGEST)
    await databases.flush()
    assert facts.member("docker.io", "library/alpine", DIGEST) is None
    assert databases.index.member("docker.io", "library/alpine", DIGEST) is None
