"""What a pull would do: said without asking anybody, before it, after it, and when it is due again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mirror.errors import Code, Malformed, Refused
from mirror.oci.digest import Digest
from mirror.pull.explaining import explanations
from mirror.pull.explanation import Explanation
from mirror.store.tag_pins import TagPin
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

LAYERS = [b"one" * 1000, b"two" * 500]


class Ahead:
    """The wall clock, which a test puts forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Scene:
    def __init__(self, registry: FakeRegistry, under_test: MirrorUnderTest, clock: Ahead) -> None:
        self.registry = registry
        self.under_test = under_test
        mirror = under_test.mirror
        self.contact = mirror.surroundings.contact
        self._explanations = explanations(mirror.settings, mirror.pulls.upstreams, self.contact, mirror.store, clock)

    async def explain(self, image: str) -> Explanation:
        """And nobody was asked for it."""
        before = self.registry.connections, len(self.registry.requests)
        found = await self._explanations.explain(image)
        assert (self.registry.connections, len(self.registry.requests)) == before
        return found


@asynccontextmanager
async def opened(tmp_path: Path, clock: Ahead, upstream: Mapping[str, Any] | None = None) -> AsyncIterator[Scene]:
    overrides = {"upstreams": {"docker.io": dict(upstream or {}), "*.pkg.dev": {}, "ghcr.io": {"hosts": "gh.lan"}}}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        yield Scene(registry, mirror, clock)


async def test_what_was_never_pulled_would_be_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        found = await scene.explain("ubuntu")
        assert (found.image, found.tag, found.manifest, found.images) == (
            "docker.io/library/ubuntu:latest",
            None,
            None,
            (),
        )
        assert found.asks == ("GET manifests/latest",)
        assert (found.route.rule, found.route.admitted, found.route.credential) == ("default", True, "anonymous")
        assert [(one.place, one.state) for one in found.route.endpoints] == [
            (scene.registry.url.removeprefix("http://"), "closed")
        ]


async def test_what_was_pulled_is_there_and_nobody_would_be_asked(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        image = scene.registry.push_image("library/ubuntu", "latest", LAYERS)
        await scene.under_test.get("/v2/library/ubuntu/manifests/latest")
        await scene.under_test.mirror.store.put(image.layer_digests[0], LAYERS[0])
        for name in ("ubuntu", "docker.io/ubuntu:latest", f"library/ubuntu@{image.digest}"):
            found = await scene.explain(name)
            assert (found.manifest, found.asks) == (str(image.digest), ())
            assert found.images is not None
            (held,) = found.images
            assert (held.platform, held.manifest, held.blobs, held.blobs_held) == ("image", True, 3, 1)
            assert (held.bytes_held, held.unproven) == (len(LAYERS[0]), 1)
            assert held.bytes is not None
            assert held.bytes > sum(map(len, LAYERS))
        tag = (await scene.explain("ubuntu")).tag
        assert tag is not None
        assert (tag.verdict, tag.digest) == ("fresh", str(image.digest))
        assert tag.next_check_in == pytest.approx(300, abs=30)
        assert tag.answerable_for == pytest.approx(30 * 86400 + 300, abs=30)


async def test_each_platform_of_an_index_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        images = [scene.registry.push_image("library/app", None, [layer]) for layer in LAYERS]
        scene.registry.push_index("library/app", "v1", images)
        await scene.under_test.get("/v2/library/app/manifests/v1")
        await scene.under_test.get(f"/v2/library/app/manifests/{images[1].digest}")
        found = await scene.explain("app:v1")
        assert found.images is not None
        assert [(one.digest, one.manifest, one.blobs) for one in found.images] == [
            (str(images[0].digest), False, None),
            (str(images[1].digest), True, 2),
        ]


async def test_a_tag_that_is_due_would_be_asked_for_by_head(tmp_path: Path) -> None:
    clock = Ahead()
    async with opened(tmp_path, clock) as scene:
        scene.registry.push_image("library/ubuntu", "latest", LAYERS)
        await scene.under_test.get("/v2/library/ubuntu/manifests/latest")
        clock.advance(301)
        found = await scene.explain("ubuntu")
        assert found.tag is not None
        assert (found.tag.verdict, found.tag.next_check_in) == ("due", 0)
        assert found.tag.age == pytest.approx(301, abs=30)
        assert found.asks == ("HEAD manifests/latest, and GET if it has moved",)
        clock.advance(30 * 86400)
        overdue = (await scene.explain("ubuntu")).tag
        assert overdue is not None
        assert (overdue.verdict, overdue.answerable_for) == ("overdue", 0)


async def test_a_tag_that_never_moves_is_never_checked(tmp_path: Path) -> None:
    clock = Ahead()
    async with opened(tmp_path, clock, {"immutable_tags": "v*"}) as scene:
        scene.registry.push_image("library/ubuntu", "v1", LAYERS)
        await scene.under_test.get("/v2/library/ubuntu/manifests/v1")
        clock.advance(400 * 86400)
        tag = (await scene.explain("ubuntu:v1")).tag
        assert tag is not None
        assert (tag.verdict, tag.next_check_in, tag.answerable_for) == ("fresh", None, None)


async def test_what_is_said_to_be_absent_is_not_asked_for_again(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        digest = Digest.of(b"nobody has this")
        for reference in ("none", str(digest)):
            assert (await scene.under_test.get(f"/v2/library/ubuntu/manifests/{reference}"))[0].status == 404
        for name in ("ubuntu:none", f"ubuntu@{digest}"):
            found = await scene.explain(name)
            assert (found.absent, found.asks) == (True, ())


async def test_a_repository_that_is_not_admitted_would_not_be_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead(), {"deny": "library/secret"}) as scene:
        found = await scene.explain("secret")
        assert (found.route.admitted, found.asks) == (False, ())


async def test_that_contact_is_frozen_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        assert not (await scene.explain("ubuntu")).frozen
        scene.contact.freeze()
        assert (await scene.explain("ubuntu")).frozen


@pytest.mark.parametrize(
    ("name", "upstream", "pattern", "rule"),
    [
        ("ghcr.io/a/b", "ghcr.io", None, "path"),
        ("index.docker.io/a/b", "docker.io", None, "path"),
        ("eu.pkg.dev/a/b", "eu.pkg.dev", "*.pkg.dev", "path"),
        ("gh.lan/a/b", "ghcr.io", None, "host"),
        ("gh.lan:5000/a/b", "ghcr.io", None, "host"),
    ],
)
async def test_the_rule_that_decides_is_said(
    tmp_path: Path, name: str, upstream: str, pattern: str | None, rule: str
) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        route = (await scene.explain(name)).route
        assert (route.upstream, route.pattern, route.rule, route.repository) == (upstream, pattern, rule, "a/b")


async def test_what_is_not_served_is_refused_and_what_is_no_name_is_malformed(tmp_path: Path) -> None:
    async with opened(tmp_path, Ahead()) as scene:
        with pytest.raises(Refused) as refusal:
            await scene.explain("quay.io/a/b")
        assert refusal.value.code is Code.NAME_UNKNOWN
        with pytest.raises(Malformed):
            await scene.explain("UPPER")


async def test_what_is_given_in_the_place_of_a_tag_is_said_with_its_reason(tmp_path: Path) -> None:
    clock = Ahead()
    async with opened(tmp_path, clock, {"tag_ttl": "0s", "hold_new_digests": "24h"}) as scene:
        digests = []
        for layer in LAYERS:
            digests.append(str(scene.registry.push_image("library/ubuntu", "latest", [layer]).digest))
            await scene.under_test.get("/v2/library/ubuntu/manifests/latest")
        old, new = digests
        found = await scene.explain("ubuntu")
        assert found.tag is not None
        assert found.given is not None
        assert (found.tag.digest, found.given.digest, found.manifest) == (new, old, old)
        assert found.given.until is not None
        assert 0 < found.given.until <= 86400
        clock.advance(86400)
        assert (await scene.explain("ubuntu")).given is None
        facts = scene.under_test.mirror.store.facts
        for digest, asks in ((old, ()), (str(Digest.of(b"gone")), (f"GET manifests/{Digest.of(b'gone')}",))):
            facts.pins.put(TagPin("docker.io", "library/ubuntu", "latest", digest, clock()))
            found = await scene.explain("ubuntu")
            assert found.given is not None
            assert (found.given.digest, found.given.until, found.asks) == (digest, None, asks)
