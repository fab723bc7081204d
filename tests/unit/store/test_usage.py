"""How much room what takes: what several have counts for each of them, and once in all."""

from __future__ import annotations

from mirror.store.index import Member
from mirror.store.usage import Taken, Usage, usage
from tests.support.stocked import TYPE, UPSTREAM, Stocked, named

OTHER = "another.example"


def image(stocked: Stocked, repository: str, *layers: str, upstream: str = UPSTREAM) -> None:
    stocked.image(repository, *layers, upstream=upstream)
    stocked.index.put_members([Member(upstream, repository, named(layer)) for layer in layers])


def test_nothing_takes_nothing(stocked: Stocked) -> None:
    assert usage(stocked.index) == Usage((), (), 0, 0, 0)


def test_what_is_shared_is_told_from_what_only_one_has(stocked: Stocked) -> None:
    image(stocked, "app", "base", "own")
    image(stocked, "web", "base")
    image(stocked, "copy", "base", upstream=OTHER)
    assert usage(stocked.index) == Usage(
        repositories=(
            Taken(OTHER, "copy", images=1, size=110, unique=10),
            Taken(UPSTREAM, "app", images=1, size=210, unique=110),
            Taken(UPSTREAM, "web", images=1, size=110, unique=10),
        ),
        upstreams=(Taken(OTHER, "", 1, 110, 10), Taken(UPSTREAM, "", 2, 220, 120)),
        blobs=5,
        size=230,
        loose=0,
    )
    assert usage(stocked.index).size == 230  # asked again it is the same


def test_what_is_not_stored_takes_nothing_and_what_nobody_needs_is_loose(stocked: Stocked) -> None:
    image(stocked, "app", "base")
    stocked.index.put_members([Member(UPSTREAM, "app", named("missing"))])
    stocked.blob("stray", 50)
    found = usage(stocked.index)
    assert [taken.size for taken in found.repositories] == [110]
    assert (found.blobs, found.size, found.loose) == (3, 160, 50)


def test_a_manifest_counts_as_the_bytes_that_it_is_stored_as(stocked: Stocked) -> None:
    stocked.blob("bytes", 70)
    stocked.index.put_members([Member(UPSTREAM, "old", named("schema1"), TYPE, named("bytes"))])
    assert usage(stocked.index).repositories == (Taken(UPSTREAM, "old", 0, 70, 70),)
