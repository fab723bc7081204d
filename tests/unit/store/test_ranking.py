"""Images are measured once something has to go; those that went are remembered, and not for ever."""

from __future__ import annotations

import pytest

from mirror.store import ranking
from mirror.store.ranking import forget_ghosts, measure
from mirror.store.worth import HALF_LIFE, handicap
from tests.support.stocked import Stocked, image, named

DAY = 86400.0


def handicaps(stocked: Stocked) -> dict[str, float | None]:
    return dict(stocked.index.read("SELECT repository, handicap FROM images"))


def remembered(stocked: Stocked) -> set[str]:
    return {repository for (repository,) in stocked.index.read("SELECT repository FROM images")}


def test_an_image_is_as_large_as_what_it_needs_of_which_it_has_its_share(stocked: Stocked) -> None:
    stocked.image("alone", "own")
    stocked.image("one", "base")
    stocked.image("two", "base")
    assert measure(stocked.index, 10) == 3
    assert handicaps(stocked) == {
        "alone": pytest.approx(handicap(110)),
        "one": pytest.approx(handicap(60)),
        "two": pytest.approx(handicap(60)),
    }


def test_of_an_index_the_platforms_are_measured_that_are_stored(stocked: Stocked) -> None:
    stocked.document("amd64", "layer")
    stocked.blob("layer")
    stocked.image("app", "amd64", "arm64")
    stocked.index.forget_blob(named("arm64"))
    measure(stocked.index, 10)
    assert handicaps(stocked) == {"app": pytest.approx(handicap(120))}


def test_only_what_has_changed_is_measured_again(stocked: Stocked) -> None:
    stocked.document("amd64", "layer")
    stocked.image("app", "amd64")
    for number in range(3):
        stocked.image(f"other{number}")
    assert [measure(stocked.index, 3) for _ in range(3)] == [3, 1, 0]
    stocked.images.note_pulls({image("other0"): 9.0})
    assert measure(stocked.index, 10) == 0  # a pull changes no size
    stocked.blob("layer")  # that a manifest within an index has been waiting for
    assert measure(stocked.index, 10) == 1
    stocked.images.note_pulls({image("absent"): 1.0})
    assert measure(stocked.index, 10) == 0  # it is not held


def test_an_image_is_measured_again_once_it_is_known_what_a_part_of_it_needs(stocked: Stocked) -> None:
    stocked.image("app", "amd64")
    stocked.blob("layer")
    assert measure(stocked.index, 10) == 1
    stocked.images.note(named("amd64"), [named("layer")])
    assert measure(stocked.index, 10) == 1
    assert handicaps(stocked) == {"app": pytest.approx(handicap(210))}
    stocked.images.note(named("amd64"), [named("layer")])
    assert measure(stocked.index, 10) == 0  # nothing is new


def test_an_image_that_comes_back_is_measured_again(stocked: Stocked) -> None:
    stocked.image("app", "own")
    assert measure(stocked.index, 10) == 1
    stocked.index.forget_blob(named("app"))
    stocked.document("app", "own", size=40)
    assert measure(stocked.index, 10) == 1
    assert handicaps(stocked) == {"app": pytest.approx(handicap(140))}


def test_of_an_image_that_needs_more_than_any_does_a_part_is_measured(stocked: Stocked) -> None:
    """What a client may have noted at will: none of the layers is stored."""
    platforms = [f"platform{number}" for number in range(10)]
    with stocked.index:
        for platform in platforms:
            stocked.document(platform, *(f"{platform} layer{number}" for number in range(1000)))
        stocked.image("vast", *platforms)
        stocked.image("plain", "own")
    assert steps_of(stocked, "plain") < steps_of(stocked, "vast") < 50_000  # where all of it would be ten times that
    assert handicaps(stocked)["vast"] == pytest.approx(handicap(110))


def steps_of(stocked: Stocked, repository: str) -> int:
    """How much SQLite works to measure this image alone, in steps of its machine."""
    stocked.index.write("UPDATE images SET handicap = iif(repository = ?, NULL, 0.0)", (repository,))
    counted: list[None] = []
    connection = stocked.index._connection
    connection.set_progress_handler(lambda: counted.append(None), 10)
    assert measure(stocked.index, 10) == 1
    connection.set_progress_handler(None, 0)
    return 10 * len(counted)


def test_what_went_goes_on_with_what_it_was_worth_when_it_is_pulled_again(stocked: Stocked) -> None:
    name = stocked.image("app", pulled=DAY)
    stocked.images.note_pulls({name: 2 * DAY})
    stocked.index.forget_blob(named("app"))
    stocked.image("app", pulled=3 * DAY)
    ((worth,),) = stocked.index.read("SELECT worth FROM images")
    assert worth > 3 * DAY + HALF_LIFE


def test_what_went_is_forgotten_once_its_pulls_weigh_nothing(stocked: Stocked) -> None:
    for repository, pulled in (("gone", 1.0), ("lately", 60 * DAY), ("held", 1.0)):
        stocked.image(repository, pulled=pulled)
    for repository in ("gone", "lately"):
        stocked.index.forget_blob(named(repository))
    forget_ghosts(stocked.index, 50 * DAY)
    assert remembered(stocked) == {"gone", "lately", "held"}
    forget_ghosts(stocked.index, 60 * DAY)
    assert remembered(stocked) == {"lately", "held"}


def test_no_more_are_remembered_than_there_is_room_for_and_those_that_are_worth_most(stocked: Stocked) -> None:
    for number, repository in enumerate(("held", "first", "second", "third", "fourth")):
        stocked.image(repository, pulled=number * DAY)
        if repository != "held":
            stocked.index.forget_blob(named(repository))
    forget_ghosts(stocked.index, 5 * DAY, 4)
    assert len(remembered(stocked)) == 5
    forget_ghosts(stocked.index, 5 * DAY, 2)
    assert remembered(stocked) == {"held", "third", "fourth"}


def test_what_is_to_be_measured_is_found_without_a_search(stocked: Stocked) -> None:
    (step,) = [step for *_, step in stocked.index.read(f"EXPLAIN QUERY PLAN {ranking._UNMEASURED}", (1,))]
    assert "USING INDEX unmeasured_images" in step
