"""What is chosen to go: what no image needs, then whole images by their worth; and what stays, whatever is wanted."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirror.store import choosing
from mirror.store.choice import Choice, Demand, Staying, Why
from mirror.store.choosing import Choosing
from mirror.store.index import GATHERED, TOLD, Index, Member, TagRow
from mirror.store.journal_schema import PUT_PIN
from tests.support.stocked import UPSTREAM, Stocked, choose, image, named

EVERYTHING = 1 << 40
DAY = 86400.0

pytestmark = pytest.mark.usefixtures("gathered")


def chosen(choice: Choice) -> list[str]:
    """The digests in their order."""
    return [digest for going in choice.going for digest, _ in going.parts]


def images_of(choice: Choice) -> list[str]:
    return [going.image[1] for going in choice.going if going.image is not None]


def test_nothing_goes_for_nothing(stocked: Stocked) -> None:
    stocked.image("app", "layer")
    stocked.blob("loose")
    assert choose(stocked.index, Demand(0)).going == ()


def test_what_no_image_needs_goes_first_the_longest_unused_first(stocked: Stocked) -> None:
    stocked.image("app", "layer", pulled=1.0)
    stocked.blob("new", used=9.0)
    stocked.blob("old", used=8.0)
    choice = choose(stocked.index, Demand(150))
    assert [(going.why, going.parts) for going in choice.going] == [
        (Why.LOOSE, ((named("old"), 100),)),
        (Why.LOOSE, ((named("new"), 100),)),
    ]
    assert choice.lacking == 0


def test_whole_images_go_by_their_last_pull_each_from_its_manifest_down(stocked: Stocked) -> None:
    stocked.image("late", "late layer", pulled=3.0)
    stocked.image("early", "early layer", pulled=1.0)
    stocked.image("middle", "middle layer", pulled=2.0)
    stocked.index.put_tags([TagRow(UPSTREAM, "early", "v1", named("early"), 1.0)])
    choice = choose(stocked.index, Demand(111))
    assert images_of(choice) == ["early", "middle"]
    assert [going.parts[0][0] for going in choice.going] == [named("early"), named("middle")]
    assert [(going.bytes, going.tags, going.last_pull) for going in choice.going] == [
        (110, ("v1",), 1.0),
        (110, (), 2.0),
    ]
    assert (choice.bytes, choice.lacking) == (220, 0)


def test_what_is_pulled_often_outlives_what_was_pulled_last(stocked: Stocked) -> None:
    for day in range(5):
        stocked.image("daily", "layer", pulled=day * DAY)
    stocked.image("tried", "other", pulled=4.1 * DAY)
    assert images_of(choose(stocked.index, Demand(1))) == ["tried"]


def test_what_a_kept_image_needs_stays(stocked: Stocked) -> None:
    stocked.image("old", "base", "own", pulled=1.0)
    stocked.image("new", "base", pulled=2.0)
    assert set(chosen(choose(stocked.index, Demand(1)))) == {named("old"), named("own")}
    assert set(chosen(choose(stocked.index, Demand(EVERYTHING)))) == {
        named(name) for name in ("old", "own", "new", "base")
    }


def test_the_same_manifest_in_two_repositories_goes_when_both_do(stocked: Stocked) -> None:
    stocked.image("app", "layer", pulled=1.0)
    stocked.images.note_pulls({(UPSTREAM, "copy", named("app")): 3.0})
    stocked.image("middle", "another", pulled=2.0)
    choice = choose(stocked.index, Demand(EVERYTHING))
    assert images_of(choice) == ["middle", "copy"]


def test_all_platforms_of_an_index_go_with_it(stocked: Stocked) -> None:
    for platform in ("amd64", "arm64"):
        stocked.document(platform, "shared layer", f"{platform} layer")
        stocked.blob(f"{platform} layer")
    stocked.blob("shared layer")
    stocked.image("app", "amd64", "arm64", "absent", pulled=1.0)
    stocked.index.forget_blob(named("absent"))
    choice = choose(stocked.index, Demand(1))
    assert len(choice.going) == 1
    assert choice.going[0].bytes == 10 * 3 + 100 * 3


def test_a_document_that_no_image_has_goes_with_what_it_needs(stocked: Stocked) -> None:
    stocked.document("orphan", "orphan layer", used=5.0)
    stocked.blob("orphan layer", used=1.0)
    stocked.image("app", pulled=1.0)
    (going,) = choose(stocked.index, Demand(1)).going
    assert [digest for digest, _ in going.parts] == [named("orphan"), named("orphan layer")]


@pytest.mark.parametrize("pattern", [f"{UPSTREAM}/app", f"{UPSTREAM}/a*", f"{UPSTREAM}/app:v?", f"*@{named('app')}"])
def test_what_is_pinned_by_name_stays_with_all_that_it_needs(stocked: Stocked, pattern: str) -> None:
    stocked.image("app", "base", "own", pulled=1.0)
    stocked.image("next", "base", pulled=2.0)
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "v1", named("app"), 1.0)])
    stocked.images.pin(pattern)
    choice = choose(stocked.index, Demand(EVERYTHING))
    assert chosen(choice) == [named("next")]
    assert choice.staying == (Staying(Why.PINNED, image("app"), named("app"), pattern),)
    assert choice.lacking == EVERYTHING - 10


def test_what_is_pinned_by_digest_stays(stocked: Stocked) -> None:
    stocked.blob("loose")
    stocked.image("app", "config", "layer")
    for name in ("loose", "app"):
        stocked.images.pin(named(name))
    assert choose(stocked.index, Demand(EVERYTHING)).going == ()


def test_what_a_tag_is_pinned_to_stays(stocked: Stocked) -> None:
    stocked.image("app", "layer")
    stocked.index.write(PUT_PIN, (UPSTREAM, "app", "prod", named("app"), 1.0, 0))
    assert choose(stocked.index, Demand(EVERYTHING)).going == ()


@pytest.mark.parametrize("part", ["app", "own", "coming"])
def test_an_image_of_which_anything_is_in_use_stays_whole(stocked: Stocked, part: str) -> None:
    stocked.image("app", "base", "own", "coming", pulled=1.0)
    stocked.index.forget_blob(named("coming"))
    stocked.image("next", "base", pulled=2.0)
    choice = choose(stocked.index, Demand(EVERYTHING, spared=({named(part)},)))
    assert images_of(choice) == ["next"]
    assert named("base") not in chosen(choice)
    assert choice.staying == (Staying(Why.IN_USE, image("app"), named("app")),)


def test_readers_of_a_layer_that_stays_keep_no_image(stocked: Stocked) -> None:
    stocked.image("old", "base", "own", pulled=1.0)
    stocked.image("new", "base", pulled=2.0)
    assert images_of(choose(stocked.index, Demand(1, spared=({named("base")},)))) == ["old"]


def test_what_no_image_needs_and_is_in_use_stays(stocked: Stocked) -> None:
    stocked.blob("loose")
    choice = choose(stocked.index, Demand(1, spared=({named("loose")},)))
    assert choice.going == ()
    assert choice.staying == (Staying(Why.IN_USE, None, named("loose")),)


def test_images_whose_upstream_cannot_be_asked_go_last_and_only_as_far_as_they_must(stocked: Stocked) -> None:
    for number in range(3):
        stocked.image(f"away{number}", pulled=float(number), upstream="away.example")
    stocked.image("here", pulled=9.0)
    away = frozenset({"away.example"})
    choice = choose(stocked.index, Demand(EVERYTHING, unreachable=away))
    assert images_of(choice) == ["here"]
    assert {one.why for one in choice.staying} == {Why.UNREACHABLE}
    assert [one.image[1] for one in choice.staying if one.image] == ["away0", "away1", "away2"]
    choice = choose(stocked.index, Demand(1000, least=15, unreachable=away))
    assert [(going.why, going.image[1]) for going in choice.going if going.image] == [
        (Why.LEAST_PULLED, "here"),
        (Why.UNAVOIDABLE, "away0"),
    ]
    assert choice.lacking == 1000 - 20
    choice = choose(stocked.index, Demand(5, least=5, unreachable=away))
    assert images_of(choice) == ["here"]


def test_orphans_that_only_unreachable_upstreams_have_go_last_too_before_their_images(stocked: Stocked) -> None:
    for number, name in enumerate(("gone", "both", "nobody's", "lost")):
        stocked.blob(name, used=float(number))
    stocked.index.put_members([Member("away.example", "app", named(name)) for name in ("gone", "both", "lost")])
    stocked.index.put_members([Member(UPSTREAM, "app", named("both"))])
    stocked.image("away", pulled=1.0, upstream="away.example")
    stocked.image("here", pulled=9.0)
    away = frozenset({"away.example"})
    choice = choose(stocked.index, Demand(EVERYTHING, unreachable=away))
    assert chosen(choice) == [named(name) for name in ("both", "nobody's", "here")]
    assert [(one.why, one.digest) for one in choice.staying] == [
        (Why.UNREACHABLE, named(name)) for name in ("gone", "lost", "away")
    ]
    choice = choose(stocked.index, Demand(1000, least=310, unreachable=away))
    assert [(going.why, going.parts[0][0]) for going in choice.going[3:]] == [(Why.UNAVOIDABLE, named("gone"))]
    assert [one.digest for one in choice.staying] == [named("lost"), named("away")]
    choice = choose(stocked.index, Demand(1000, least=411, unreachable=away))
    assert [going.parts[0][0] for going in choice.going[3:]] == [named(name) for name in ("gone", "lost", "away")]


def test_a_document_that_no_image_has_stays_with_a_layer_that_could_not_be_had_again(
    stocked: Stocked,
) -> None:
    stocked.document("orphan", "layer")
    stocked.blob("layer")
    stocked.index.put_members([Member("away.example", "app", named("layer"))])
    choice = choose(stocked.index, Demand(EVERYTHING, unreachable=frozenset({"away.example"})))
    assert choice.going == ()
    assert choice.lacking == EVERYTHING


def test_as_long_as_images_are_not_known_what_could_not_be_had_again_goes_last(stocked: Stocked) -> None:
    stocked.index.set_stage(TOLD)
    for used, name in enumerate(("away", "here")):
        stocked.blob(name, used=float(used))
    stocked.index.put_members([Member("away.example", "app", named("away"))])
    stocked.index.write("DELETE FROM loose", ())
    away = frozenset({"away.example"})
    assert chosen(choose(stocked.index, Demand(EVERYTHING, unreachable=away))) == [named("here")]
    choice = choose(stocked.index, Demand(150, least=150, unreachable=away))
    assert [(one.why, one.parts[0][0]) for one in choice.going] == [
        (Why.LEAST_USED, named("here")),
        (Why.UNAVOIDABLE, named("away")),
    ]


def test_of_two_that_were_pulled_alike_the_larger_goes_first(stocked: Stocked) -> None:
    stocked.image("small", "one", pulled=1.0)
    stocked.image("large", "other", "another", pulled=2.0)
    assert images_of(choose(stocked.index, Demand(1))) == ["large"]


def test_what_is_chosen_in_turns_is_what_is_chosen_at_once(stocked: Stocked) -> None:
    for number in range(30):
        stocked.image(f"app{number}", f"own{number}", f"shared{number // 4}", pulled=number * DAY)
        stocked.blob(f"loose{number}")
    stocked.images.pin(f"{UPSTREAM}/app3")
    at_once = choose(stocked.index, Demand(5000))
    choosing = Choosing(stocked.index, Demand(5000))
    turns = []
    while not choosing.is_over:
        turns.append(choosing.next(4))
    assert max(map(len, turns)) == 4
    assert choosing.chosen([going for turn in turns for going in turn]) == at_once


def test_between_two_turns_others_may_write_and_what_has_just_come_stays(stocked: Stocked) -> None:
    for number in range(3):
        stocked.image(f"app{number}", pulled=number * DAY)
    choosing = Choosing(stocked.index, Demand(EVERYTHING))
    assert [going.image for going in choosing.next(1)] == [image("app0")]
    with stocked.index:
        stocked.image("new", pulled=4 * DAY)
    assert [going.image for going in choosing.next()] == [image("app1"), image("app2")]
    assert choosing.is_over


def test_for_what_stays_after_all_others_go(stocked: Stocked) -> None:
    for number in range(3):
        stocked.image(f"app{number}", pulled=number * DAY)
    choosing = Choosing(stocked.index, Demand(1))
    (first,) = choosing.next()
    assert choosing.is_over
    choosing.keep(first)
    assert not choosing.is_over
    assert [going.image for going in choosing.next()] == [image("app1")]
    assert choosing.chosen([]).staying == (Staying(Why.IN_USE, image("app0"), named("app0")),)


def test_what_is_shared_with_what_stays_after_all_stays_with_it(stocked: Stocked) -> None:
    stocked.image("app0", "base", pulled=1.0)
    stocked.images.note_pulls({(UPSTREAM, "copy", named("app0")): DAY})
    stocked.image("app1", "base", "own", pulled=100 * DAY)
    choosing = Choosing(stocked.index, Demand(1))
    (first,) = choosing.next()
    assert len(first.of) == 2
    choosing.keep(first)
    assert [going.parts for going in choosing.next()] == [((named("app1"), 10), (named("own"), 100))]


def test_what_stays_after_all_may_go_with_an_image_that_has_come_to_need_it(stocked: Stocked) -> None:
    stocked.blob("layer")
    choosing = Choosing(stocked.index, Demand(EVERYTHING))
    (loose,) = choosing.next(1)
    choosing.keep(loose)
    with stocked.index:
        stocked.image("app", "layer", pulled=1.0)
    assert [going.parts for going in choosing.next()] == [((named("app"), 10), (named("layer"), 100))]


def test_where_the_disk_takes_no_notes_images_go_all_the_same(stocked: Stocked) -> None:
    for number in range(2):
        stocked.image(f"app{number}", pulled=number * DAY)
    assert [*stocked.index.read("PRAGMA query_only = 1")] == []
    assert images_of(choose(stocked.index, Demand(1))) == ["app0"]


def test_files_are_counted_where_they_are_what_is_short(stocked: Stocked) -> None:
    stocked.blob("loose")
    stocked.image("app", "layer", pulled=1.0)
    stocked.image("late", pulled=2.0)
    choice = choose(stocked.index, Demand(0, files=2))
    assert len(chosen(choice)) == 3
    assert images_of(choice) == ["app"]


def test_what_goes_in_any_case_is_not_counted_again(stocked: Stocked) -> None:
    stocked.image("app", "huge", pulled=1.0)
    choice = choose(stocked.index, Demand(1, gone=frozenset({named("huge")})))
    assert chosen(choice) == [named("app")]


def test_as_long_as_images_are_not_known_blobs_go_by_their_last_use(stocked: Stocked) -> None:
    stocked.index.set_stage(TOLD)
    stocked.blob("old", used=1.0)
    stocked.blob("new", used=2.0)
    stocked.index.write("DELETE FROM loose", ())
    choice = choose(stocked.index, Demand(1))
    assert [(going.why, going.parts) for going in choice.going] == [(Why.LEAST_USED, ((named("old"), 100),))]
    stocked.index.set_stage(GATHERED)
    assert choose(stocked.index, Demand(1)).going == ()


def test_as_long_as_images_are_not_known_nothing_goes_that_may_be_pinned(stocked: Stocked) -> None:
    stocked.index.set_stage(TOLD)
    stocked.blob("layer of what is pinned", used=1.0)
    stocked.images.pin(f"{UPSTREAM}/app:*")
    choice = choose(stocked.index, Demand(1))
    assert (choice.going, choice.lacking) == ((), 1)
    stocked.images.unpin(f"{UPSTREAM}/app:*")
    assert chosen(choose(stocked.index, Demand(1))) == [named("layer of what is pinned")]


@pytest.mark.parametrize(
    ("query", "parameters"), [(choosing._LOOSE, 3), (choosing._LEAST_USED, 3), (choosing._BY_RANK, 5)]
)
def test_the_choice_sorts_nothing(stocked: Stocked, query: str, parameters: int) -> None:
    steps = [step for *_, step in stocked.index.read(f"EXPLAIN QUERY PLAN {query}", ("",) * parameters)]
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH")
    assert ">" in steps[0]  # it begins where the page before ended


@given(
    images=st.lists(st.tuples(st.sets(st.integers(0, 6)), st.integers(0, 9)), min_size=1, max_size=8),
    wanted=st.integers(0, 900),
    spared=st.sets(st.integers(0, 6), max_size=2),
    pinned=st.sets(st.integers(0, 7), max_size=2),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_images_go_all_or_nothing_and_no_further_than_needed(
    tmp_path_factory: pytest.TempPathFactory,
    images: list[tuple[set[int], int]],
    wanted: int,
    spared: set[int],
    pinned: set[int],
) -> None:
    index = Index(tmp_path_factory.mktemp("index"))
    try:
        index.set_stage(GATHERED)
        stocked = Stocked(index)
        for number, (layers, pulled) in enumerate(images):
            stocked.image(f"app{number}", *map(str, layers), pulled=float(pulled))
        for number in pinned:
            stocked.images.pin(f"{UPSTREAM}/app{number}")
        used = frozenset(named(str(number)) for number in spared)
        choice = choose(index, Demand(wanted, spared=(used,)))
    finally:
        index.close()
    gone = set(chosen(choice))
    assert len(gone) == len(chosen(choice))
    kept = {number for number in range(len(images)) if named(f"app{number}") not in gone}
    for number, (layers, _) in enumerate(images):
        if number in kept:
            assert gone.isdisjoint(map(named, map(str, layers)))
    assert gone.isdisjoint(used)
    assert pinned & set(range(len(images))) <= kept
    assert sum(going.bytes for going in choice.going[:-1]) < max(wanted, 1)
    assert choice.lacking == max(wanted - choice.bytes, 0)
