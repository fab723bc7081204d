"""A registry that answers in every wrong way there is: clients hear what is true or an error of ours, and soon.

What an answer may look like is in `hostile_answers`. One mirror hears them all, so what one answer leaves behind would
be met by the next.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.answers_heard import Heard, is_content, is_sane, is_true
from tests.fuzz.answers_stage import KINDS, PART, Hostile, Kind, Stage, mirror_of
from tests.support.caches import published, under_way
from tests.support.clock import Ahead
from tests.support.content import Image
from tests.support.hostile_answers import CANARY, Mutation, mutations
from tests.support.measured import counting
from tests.support.tiers import count

EXAMPLES = count(20, 1000)  # of each kind


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
        registry, clock = Hostile(), Ahead()
        registry.referrers = True
        runner.run(registry.start())
        mirror = mirror_of(tmp_path_factory.mktemp("answers"), registry, clock)
        runner.run(mirror.start())
        yield Stage(runner, registry, mirror, clock, complaints)
        runner.run(mirror.stop())
        runner.run(registry.stop())


async def example(stage: Stage, kind: Kind, mutation: Mutation) -> None:
    """One image, whose pull meets this; and then no more."""
    await stage.settle()  # after one that failed
    stage.complaints.clear()
    stage.number += 1
    registry, repository = stage.registry, f"a/r{stage.number}"
    layer = f"{stage.number}:".encode() * PART
    image = registry.push_image(repository, "v1", [layer])
    registry.attach(repository, image.digest, {"mediaType": image.media_type, "digest": str(image.digest), "size": 1})
    registry.turn(mutation, kind)
    path = kind.path_of(repository, image, stage.number)
    for _ in range(2):
        heard = await stage.ask(kind.method, path)
        is_sane(heard)
        if kind.method == "GET":
            is_true(heard, path, image, layer)
    assert registry.altered, "nobody met it"
    registry.relent()
    await stage.settle()
    await is_right_again(stage, repository, image, layer)
    assert stage.complaints == []


async def is_right_again(stage: Stage, repository: str, image: Image, layer: bytes) -> None:
    """All that a pull asks for is had, at once."""
    wanted = [("manifests/v1", image.digest, image.manifest_body)]
    wanted += [(f"manifests/{image.digest}", image.digest, image.manifest_body)]
    wanted += [(f"blobs/{image.layer_digests[0]}", image.layer_digests[0], layer)]
    for path, digest, content in wanted:
        heard = await stage.ask("GET", f"/v2/{repository}/{path}")
        is_sane(heard)
        assert (heard.status, heard.complete) == (200, True), path
        is_content(heard, digest, content)
    tags = await stage.ask("GET", f"/v2/{repository}/tags/list")
    assert json.loads(tags.body) == {"name": repository, "tags": ["v1"]}
    referrers = await stage.ask("GET", f"/v2/{repository}/referrers/{image.digest}")
    assert [entry["digest"] for entry in json.loads(referrers.body)["manifests"]] == [str(image.digest)]


@pytest.mark.timeout(count(120, 3600))
@pytest.mark.parametrize("name", KINDS)
def test_no_answer_does_harm_or_leaves_any(stage: Stage, name: str) -> None:
    @settings(
        max_examples=EXAMPLES // KINDS[name].share,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        print_blob=True,
    )
    @given(mutation=mutations())
    def tried(mutation: Mutation) -> None:
        tries.begin()
        stage.runner.run(example(stage, KINDS[name], mutation))

    with counting("F9", f"answers that make no sense, {name}: harm") as tries:
        tried()
        stage.runner.run(stage.settle())
        assert stage.cache.wrong == []
        assert published(stage.cache.root)
        assert under_way(stage.cache.root) == []


def test_a_sound_answer_passes_all_of_it(stage: Stage) -> None:
    for kind in KINDS.values():
        stage.runner.run(example(stage, kind, Mutation(ends=None)))


def test_a_lie_is_found_by_what_is_looked_at(stage: Stage) -> None:
    image = stage.registry.push_image("a/lie", "v1", [b"true"])
    sound = Heard(200, (("Server", "mirror"),), b"false", True)
    is_sane(sound)
    for name in ("X-Said", "Retry-After", "Content-Type", "Set-Cookie"):
        with pytest.raises(AssertionError):
            is_sane(replace(sound, headers=(*sound.headers, (name, CANARY))))
    for status in (500, 400, 307, 429):
        with pytest.raises(AssertionError):
            is_sane(replace(sound, status=status))
    for path in (f"/v2/a/lie/manifests/{image.digest}", "/v2/a/lie/manifests/v1", "/v2/a/lie/blobs/x"):
        with pytest.raises(AssertionError):
            is_true(sound, path, image, b"true")
        is_true(replace(sound, complete=False), path, image, b"true")
