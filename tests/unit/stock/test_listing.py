"""The list of images: which of them are on it, in which order, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mirror.errors import Refused
from mirror.stock.listing import Order, Wanted, listed, moment, wanted_of
from mirror.store.index import Index, TagRow
from tests.support.larder import HUB, NAMING, OTHER
from tests.support.stocked import TYPE, Stocked, named


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    """`library/ubuntu` with two tags, `team/app` without one, and `owner/app` of another registry."""
    index = Index(tmp_path)
    stocked = Stocked(index)
    stocked.image("library/ubuntu", "base", pulled=100.0, upstream=HUB)
    stocked.image("team/app", "base", "app", pulled=300.0, upstream=HUB)
    stocked.image("owner/app", "a", "b", "c", pulled=200.0, upstream=OTHER)
    index.put_tags([TagRow(HUB, "library/ubuntu", tag, named("library/ubuntu"), 1.0) for tag in ("22.04", "latest")])
    index.put_tags([TagRow(OTHER, "owner/app", "v1", named("owner/app"), 1.0)])
    yield stocked
    index.close()


def names(stocked: Stocked, **query: str) -> list[str]:
    found = listed(stocked.images, NAMING, wanted_of(query))["images"]
    return [image["repository"] for image in found]


def test_an_image_is_told_with_all_that_is_known_of_it(stocked: Stocked) -> None:
    stocked.images.pin(f"{HUB}/library/*")
    document = listed(stocked.images, NAMING, Wanted("ubuntu"))
    assert document == {
        "images": [
            {
                "image": "docker.io/library/ubuntu:22.04",
                "upstream": HUB,
                "repository": "library/ubuntu",
                "digest": named("library/ubuntu"),
                "tags": ["22.04", "latest"],
                "media_type": TYPE,
                "last_pull": "1970-01-01T00:01:40+00:00",
                "size": 110,
                "completeness": "full",
                "uncounted": False,
                "pinned": True,
            }
        ],
        "total": 1,
    }


def test_an_image_without_a_tag_goes_by_its_digest(stocked: Stocked) -> None:
    (image,) = listed(stocked.images, NAMING, Wanted("team/app"))["images"]
    assert image["image"] == f"docker.io/team/app@{named('team/app')}"


def test_an_image_that_was_made_to_take_long_is_looked_through_in_part(stocked: Stocked) -> None:
    parts = [f"part{number}" for number in range(80)]
    with stocked.index:
        for part in parts:
            stocked.document(part, *(f"{part}-{number}" for number in range(100)))
        stocked.image("made/large", *parts, upstream=OTHER)
    (image,) = listed(stocked.images, NAMING, Wanted("ghcr.io/made"))["images"]
    assert (image["uncounted"], image["completeness"], image["size"]) == (True, "partial", 10 + 80 * 10)
    (other,) = listed(stocked.images, NAMING, Wanted("ubuntu"))["images"]
    assert (other["uncounted"], other["size"]) == (False, 110)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("pull", ["team/app", "owner/app", "library/ubuntu"]),
        ("size", ["owner/app", "team/app", "library/ubuntu"]),
        ("name", ["library/ubuntu", "team/app", "owner/app"]),
    ],
)
def test_what_comes_first_can_be_chosen(stocked: Stocked, sort: str, order: list[str]) -> None:
    assert names(stocked, sort=sort) == order


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ubuntu", ["library/ubuntu"]),
        ("ubuntu:latest", ["library/ubuntu"]),
        ("library/ubuntu:22.04", ["library/ubuntu"]),
        ("docker.io/library/ubuntu", ["library/ubuntu"]),
        ("ubuntu:14.04", []),
        ("ubunt", []),
        ("library", ["library/ubuntu"]),
        ("docker.io", ["library/ubuntu", "team/app"]),
        ("ghcr.io/owner", ["owner/app"]),
        ("*/app", ["owner/app", "team/app"]),
        ("*:v1", ["owner/app"]),
        ("u?untu", ["library/ubuntu"]),
        (f"team/app@{named('team/app')}", ["team/app"]),
        (named("team/app")[:19], ["team/app"]),
    ],
)
def test_a_pattern_is_a_name_or_what_one_begins_with_or_has_wildcards(
    stocked: Stocked, pattern: str, found: list[str]
) -> None:
    assert sorted(names(stocked, pattern=pattern)) == found


def test_a_registry_or_what_is_pinned_can_be_chosen_alone(stocked: Stocked) -> None:
    assert names(stocked, upstream=OTHER) == ["owner/app"]
    assert names(stocked, upstream="Index.Docker.io", sort="name") == ["library/ubuntu", "team/app"]
    assert names(stocked, pinned="true") == []
    stocked.images.pin(named("team/app"))
    assert names(stocked, pinned="true") == ["team/app"]


@pytest.mark.parametrize("query", [{"sort": "age"}, {"pinned": "yes"}])
def test_what_is_not_understood_is_refused(query: Mapping[str, str]) -> None:
    with pytest.raises(Refused):
        wanted_of(query)
    assert wanted_of({}) == Wanted("", None, Order.PULL, False)


@pytest.mark.parametrize(
    ("when", "told"), [(0.0, None), (-1.0, None), (1e300, None), (1.5, "1970-01-01T00:00:01+00:00")]
)
def test_a_time_that_has_no_date_is_not_told(when: float, told: Any) -> None:
    assert moment(when) == told
