"""Whose content it is: what one repository brought is another's by the upstream's word for that very one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from mirror.tasks import spawn
from mirror.upstream.surroundings import Surroundings
from tests.support.checker import Got, got, until
from tests.support.clock import Ahead
from tests.support.content import Image
from tests.support.faults import Fault, Gate
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

LAYER = Random(8).randbytes(300_000)
OWNER, STRANGER, FRIEND = "team/private", "team/stranger", "team/friend"  # a friend has the same content


@dataclass(frozen=True, slots=True)
class Setting:
    """A registry in which a private repository and its friend have an image, another registry, and a mirror of both."""

    registry: FakeRegistry
    other: FakeRegistry
    mirror: MirrorUnderTest
    image: Image
    clock: Ahead

    @property
    def paths(self) -> dict[str, str]:
        """What there is to be had, by kind, below a repository."""
        layer = self.image.layer_digests[0]
        return {
            "manifest": f"manifests/{self.image.digest}",
            "layer": f"blobs/{layer}",
            "config": f"blobs/{self.image.config_digest}",
            "manifest as a blob": f"blobs/{self.image.digest}",
        }

    async def ask(self, method: str, repository: str, path: str, **headers: str) -> Got:
        url = f"/v2/{repository}/{path}"
        if method == "GET":
            return await got(self.mirror, url, **headers)
        response = await self.mirror.head(url, **headers)
        return Got(response.status, {}, b"", True)

    async def pull(self, repository: str = OWNER) -> None:
        """Everything, twice, so that it is on disk and in memory."""
        for _ in range(2):
            for kind in ("manifest", "layer", "config"):
                assert (await self.ask("GET", repository, self.paths[kind])).status == 200


@pytest_asyncio.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    async with FakeRegistry() as registry, FakeRegistry() as other:
        upstreams = {
            "docker.io": {"not_found_ttl": "0s"},
            "other.test": {"endpoints": other.url, "not_found_ttl": "0s"},
        }
        clock = Ahead()
        around = Surroundings(clock=clock)
        async with MirrorUnderTest(tmp_path, registry.url, {"upstreams": upstreams}, around) as mirror:
            image = registry.push_image(OWNER, "latest", [LAYER])
            registry.push_image(FRIEND, "latest", [LAYER])
            yield Setting(registry, other, mirror, image, clock)


REQUESTS = [
    ("GET", {}),
    ("HEAD", {}),
    ("GET", {"Range": "bytes=0-9"}),
    ("GET", {"Range": "bytes=-1"}),
    ("GET", {"If_None_Match": "*"}),
    ("HEAD", {"Range": "bytes=0-9"}),
]


@pytest.mark.parametrize(("method", "headers"), REQUESTS, ids=lambda value: str(value))
@pytest.mark.parametrize("kind", ["manifest", "layer", "config", "manifest as a blob"])
async def test_a_stranger_is_refused_what_is_cached(
    setting: Setting, method: str, headers: dict[str, str], kind: str
) -> None:
    await setting.pull()
    path = setting.paths[kind]
    assert (await setting.ask(method, OWNER, path, **headers)).status in (200, 206, 304)  # it is there, and it is hot
    for repository in (STRANGER, f"other.test/{OWNER}", f"{OWNER}/sub", "team"):
        answer = await setting.ask(method, repository, path, **headers)
        assert answer.status == 404, repository
        assert LAYER[:10] not in answer.body


@pytest.mark.parametrize("kind", ["manifest", "layer", "config"])
async def test_a_friend_is_given_what_is_cached_after_one_question(setting: Setting, kind: str) -> None:
    await setting.pull()
    await until(lambda: not len(setting.mirror.mirror.pulls.fetches))  # all of it is kept
    setting.registry.requests.clear()
    for _ in range(3):
        assert (await setting.ask("GET", FRIEND, setting.paths[kind])).status == 200
        assert (await setting.ask("HEAD", FRIEND, setting.paths[kind])).status == 200
    assert [(seen.method, seen.sent) for seen in setting.registry.requests] == [("HEAD", 0)]
    assert f"/v2/{FRIEND}/" in setting.registry.requests[0].path


@pytest.mark.parametrize("kind", ["manifest", "layer", "config"])
@pytest.mark.parametrize(("status", "heard"), [(401, 403), (403, 403), (429, 503), (500, 503), (404, 404)])
async def test_trouble_never_stands_for_the_upstreams_word(
    setting: Setting, kind: str, status: int, heard: int
) -> None:
    await setting.pull()
    setting.registry.fail(Fault(status=status), path=f"/v2/{FRIEND}/", times=None)
    for method in ("GET", "HEAD"):
        assert (await setting.ask(method, FRIEND, setting.paths[kind])).status == heard
    setting.registry.heal()
    setting.clock.advance(60)  # for which a registry that says 429 is left alone
    assert (await setting.ask("GET", FRIEND, setting.paths[kind])).status == 200


async def test_with_the_upstream_down_only_the_owner_is_served(setting: Setting) -> None:
    await setting.pull()
    await setting.registry.stop()
    for path in list(setting.paths.values())[:3]:
        assert (await setting.ask("GET", OWNER, path)).status == 200
        assert (await setting.ask("GET", FRIEND, path)).status == 503


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}], ids=["whole", "range"])
async def test_a_stranger_is_refused_what_is_being_fetched(setting: Setting, headers: dict[str, str]) -> None:
    gate = Gate(100_000)
    setting.registry.fail(Fault(gate=gate), "GET", "/blobs/")
    path = setting.paths["layer"]
    owner = spawn(setting.ask("GET", OWNER, path), "owner")
    await gate.arrived.wait()
    gate.release()
    for method in ("GET", "HEAD"):
        assert (await setting.ask(method, STRANGER, path, **headers)).status == 404
    friend = spawn(setting.ask("GET", FRIEND, path), "friend")
    await setting.registry.arrived("HEAD", f"/v2/{FRIEND}/")
    gate.open()
    answers = await asyncio.gather(owner, friend)
    assert [answer.body for answer in answers] == [LAYER, LAYER]
    assert setting.registry.count("GET", "/blobs/") == 1


@pytest.mark.parametrize("status", [404, 403])
async def test_what_a_stranger_is_told_is_not_told_to_others(setting: Setting, status: int) -> None:
    """A stranger asks first, and the owner joins: the answer to the stranger is no answer to the owner."""
    path = setting.paths["layer"]
    assert (await setting.ask("HEAD", OWNER, path)).status == 200  # the owner has proven that it may
    go = asyncio.Event()
    setting.registry.fail(Fault(status=status, hold=go), "GET", f"/v2/{STRANGER}/")
    stranger = spawn(setting.ask("GET", STRANGER, path), "stranger")
    await setting.registry.arrived("GET", f"/v2/{STRANGER}/")
    owner = spawn(setting.ask("GET", OWNER, path), "owner")
    fetches = setting.mirror.mirror.pulls.fetches
    await until(lambda: fetches.joined == 1)
    go.set()
    assert (await stranger).status == status
    assert (await owner).body == LAYER
    assert (await setting.ask("GET", OWNER, path)).status == 200


async def test_a_tag_that_points_to_what_others_brought_proves_it(setting: Setting) -> None:
    await setting.pull()
    setting.registry.requests.clear()
    answer = await setting.ask("GET", FRIEND, "manifests/latest")
    assert answer.body == setting.image.manifest_body
    assert (await setting.ask("GET", STRANGER, "manifests/latest")).status == 404


async def test_another_upstream_needs_its_own_word(setting: Setting) -> None:
    await setting.pull()
    mine = setting.other.push_image(OWNER, "latest", [LAYER])
    assert mine.digest == setting.image.digest
    for path in list(setting.paths.values())[:3]:
        assert (await setting.ask("GET", f"other.test/{OWNER}", path)).status == 200
    assert {(seen.method, seen.sent) for seen in setting.other.requests} == {("HEAD", 0)}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_names_another_size_does_not_have_it(setting: Setting, method: str) -> None:
    await setting.pull()
    await until(lambda: not len(setting.mirror.mirror.pulls.fetches))  # all of it is kept
    setting.other.push_image(OWNER, "latest", [LAYER])
    setting.other.fail(Fault(length=5), "HEAD", "/blobs/", times=None)
    refused = await setting.ask(method, f"other.test/{OWNER}", setting.paths["layer"])
    assert (refused.status, setting.other.count("HEAD", "/blobs/")) == (502, 1)
    refused = await setting.ask("GET", f"other.test/{OWNER}", setting.paths["layer"])
    assert (refused.status, setting.other.count("HEAD", "/blobs/")) == (502, 2)
    assert LAYER[:1000] not in refused.body


@pytest.mark.parametrize("asked", [FRIEND, f"other.test/{OWNER}"])
async def test_who_names_another_size_than_what_is_on_its_way_does_not_have_it(setting: Setting, asked: str) -> None:
    gate, layer = Gate(100_000), setting.paths["layer"]
    gate.release()
    setting.registry.fail(Fault(gate=gate), "GET", "/blobs/")
    setting.other.push_image(OWNER, "latest", [LAYER])
    for registry in (setting.registry, setting.other):
        registry.fail(Fault(length=5), "HEAD", "/blobs/")
    async with setting.mirror.session.get(f"{setting.mirror.url}/v2/{OWNER}/{layer}") as owner:  # its size is known
        refused = spawn(setting.ask("GET", asked, layer), "refused")
        try:
            if asked == FRIEND:
                await setting.registry.arrived("HEAD", f"/v2/{FRIEND}/")
            else:
                await until(lambda: len(setting.mirror.mirror.pulls.fetches) == 2)
        finally:
            gate.open()
        assert await owner.read() == LAYER
        assert (await refused).status == 502
    assert setting.registry.count("HEAD", "/blobs/") + setting.other.count("HEAD", "/blobs/") == 1


LIES = {
    "by HEAD": ("HEAD", Fault(length=5), 200),
    "by GET": ("GET", Fault(body=b"other"), 502),
    "by a GET that ends too soon": ("GET", Fault(length=5, cut_at=2), 502),
}


@pytest.mark.parametrize(("method", "lie", "status"), LIES.values(), ids=LIES.keys())
async def test_what_was_said_before_anybody_knew_the_size_opens_nothing(
    setting: Setting, method: str, lie: Fault, status: int
) -> None:
    path = setting.paths["layer"]
    setting.other.push_image(OWNER, "latest", [LAYER])
    setting.other.fail(lie, method, "/blobs/", times=None)
    assert (await setting.ask(method, f"other.test/{OWNER}", path)).status == status
    await setting.pull()
    await until(lambda: not len(setting.mirror.mirror.pulls.fetches))  # all of it is kept
    setting.other.heal()
    setting.other.fail(Fault(length=5), "HEAD", "/blobs/", times=None)
    setting.other.requests.clear()
    refused = await setting.ask("GET", f"other.test/{OWNER}", path)
    assert (refused.status, LAYER[:1000] in refused.body) == (502, False)
    assert setting.other.count("HEAD", "/blobs/") == 1


async def test_who_joins_before_the_size_is_known_is_held_to_what_was_named(setting: Setting) -> None:
    go, path = asyncio.Event(), setting.paths["layer"]
    setting.registry.fail(Fault(hold=go), "GET", f"/v2/{OWNER}/blobs/")
    setting.registry.fail(Fault(length=5), "HEAD", f"/v2/{FRIEND}/blobs/")
    owner = spawn(setting.ask("GET", OWNER, path), "owner")
    await setting.registry.arrived("GET", f"/v2/{OWNER}/blobs/")
    friend = spawn(setting.ask("GET", FRIEND, path), "friend")
    await until(lambda: setting.mirror.mirror.pulls.fetches.joined == 1)
    go.set()
    assert (await friend).status == 502
    assert (await owner).body == LAYER
    assert (await setting.ask("GET", FRIEND, path)).body == LAYER  # who names the right size has it
    assert setting.registry.count("GET", "/blobs/") == 1


@pytest.mark.parametrize("begun", [False, True], ids=["before the size is known", "in the middle"])
async def test_who_has_read_along_has_it_in_an_outage_too(setting: Setting, begun: bool) -> None:
    go, gate, path = asyncio.Event(), Gate(100_000), setting.paths["layer"]
    gate.release()
    setting.registry.fail(Fault(gate=gate) if begun else Fault(hold=go), "GET", f"/v2/{OWNER}/blobs/")
    owner = spawn(setting.ask("GET", OWNER, path), "owner")
    await (gate.arrived.wait() if begun else setting.registry.arrived("GET", f"/v2/{OWNER}/blobs/"))
    friend = spawn(setting.ask("GET", FRIEND, path), "friend")
    await until(lambda: setting.mirror.mirror.pulls.fetches.joined == 1)
    go.set()
    gate.open()
    assert ((await owner).body, (await friend).body) == (LAYER, LAYER)
    await until(lambda: not len(setting.mirror.mirror.pulls.fetches))
    setting.registry.fail(Fault(status=503), times=None)
    for repository in (OWNER, FRIEND):
        assert (await setting.ask("GET", repository, path)).status == 200


async def test_a_head_of_what_is_on_its_way_for_the_same_repository_asks_nobody(setting: Setting) -> None:
    gate, path = Gate(100_000), setting.paths["layer"]
    gate.release()
    setting.registry.fail(Fault(gate=gate), "GET", "/blobs/")
    async with setting.mirror.session.get(f"{setting.mirror.url}/v2/{OWNER}/{path}") as owner:
        try:
            assert (await setting.ask("HEAD", OWNER, path)).status == 200
        finally:
            gate.open()
        assert await owner.read() == LAYER
    assert setting.registry.count("HEAD", "/blobs/") == 0
