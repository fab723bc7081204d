"""Ahead of the client: what is fetched for whom, in which order, and when it is not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.errors import Absent, Frozen, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.prefetch import Prefetch
from mirror.tasks import end, spawn
from tests.support.caches import content, room_of
from tests.support.checker import until
from tests.support.clock import Clock
from tests.support.content import Image
from tests.support.faults import Fault, Gate
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.registry import FakeRegistry
from tests.support.visits import AHEAD, Client, asked, bounds, layers, settled


def gated(registry: FakeRegistry) -> Gate:
    """Every blob stops at this gate."""
    gate = Gate(100_000)
    registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
    return gate


@dataclass(frozen=True, slots=True)
class Begun:
    """An image of twenty layers, of which `first` is the one that `client` waits for; all stop at `gate`."""

    image: Image
    gate: Gate
    client: Client
    first: asyncio.Task[bytes]


async def begun(registry: FakeRegistry, pull: Pulling) -> Begun:
    """A pull of which seven blobs are under way: the first one, and six ahead of the client."""
    image = registry.push_image("a/b", "latest", layers(20))
    gate = gated(registry)
    client = Client(pull)
    await client.manifest()
    first = spawn(client.blob(image.layer_digests[0]), "client")
    await registry.arrived("GET", "/blobs/", times=7)
    return Begun(image, gate, client, first)


async def test_the_rest_of_an_image_is_fetched_ahead(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        contents = layers(30)
        image = registry.push_image("a/b", "latest", contents)
        gate = gated(registry)
        client = Client(pull)
        await client.manifest()
        pulls = [spawn(client.blob(digest), "layer") for digest in image.layer_digests[:3]]
        await registry.arrived("GET", "/blobs/", times=9)
        assert sorted(asked(registry, image), key=int) == [str(number) for number in range(9)]
        assert len(pull.fetches) == 9  # three that a client waits for, and six beside them
        gate.open()
        for digest in image.layer_digests[3:]:
            pulls.append(spawn(client.blob(digest), "layer"))
            await pulls[len(pulls) - 3]
        assert await asyncio.gather(*pulls) == contents
        await client.blob(image.config_digest)
        await settled(pull)
        assert sorted(asked(registry, image)) == sorted([*map(str, range(30)), "config"])  # each once
        prefetch = pull.pulls.prefetch
        assert prefetch.used == prefetch.blobs > 0
        assert prefetch.bytes <= registry.bytes_held


async def test_what_lies_behind_the_blob_that_was_asked_for_comes_first(tmp_path: Path) -> None:
    """A client that begins in the middle has what lies before it; what it has not will be asked for."""
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(16, 1), one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(6))
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[2]))
        client = Client(pull)
        await client.manifest()
        first = spawn(client.blob(image.layer_digests[2]), "client")
        await registry.arrived("GET", "/blobs/", times=7)
        assert [name for name in asked(registry, image) if name != "2"] == ["3", "4", "5", "config", "0", "1"]
        gate.open()
        await first
        await settled(pull)


async def test_who_only_reads_manifests_has_nothing_fetched(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(5))
        client = Client(pull)
        await client.manifest()
        await client.manifest(image.digest)
        await pull.blobs.head(pull.target(), image.layer_digests[0])
        await settled(pull)
        assert registry.count("GET", "/blobs/") == 0


async def test_a_blob_of_no_image_that_was_handed_out_brings_nothing_else(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(5))
        await Client(pull).blob(image.layer_digests[0])
        await settled(pull)
        assert asked(registry, image) == ["0"]


async def test_an_upstream_that_is_not_to_be_asked_ahead_is_not(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(5))
        object.__setattr__(pull.target().upstream, "prefetches", False)
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert asked(registry, image) == ["0"]


@pytest.mark.parametrize(
    ("at_once", "ahead", "most"), [(8, 2, 3), (8, 6, 6), (4, 6, 3), (2, 6, 1), (1, 6, 1), (8, 0, 1)]
)
async def test_it_leaves_places_to_clients(tmp_path: Path, at_once: int, ahead: int, most: int) -> None:
    """However much there is to be fetched ahead: the one that a client waits for counts among the most."""
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(at_once, ahead), one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(12))
        gate = gated(registry)
        client = Client(pull)
        await client.manifest()
        first = spawn(client.blob(image.layer_digests[0]), "client")
        await registry.arrived("GET", "/blobs/", times=most)
        assert len(pull.fetches) == most
        gate.open()
        await first
        await settled(pull)
        assert len(asked(registry, image)) == (13 if ahead and at_once > 1 else 1)


async def test_what_a_client_wants_overtakes_what_nobody_waits_for(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(4, 3), one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(12))
        other = registry.push_blob("c/d", b"wanted")
        gate = gated(registry)
        client = Client(pull)
        await client.manifest()
        pulls = [spawn(client.blob(image.layer_digests[0]), "client")]
        await registry.arrived("GET", "/blobs/", times=3)  # one that is waited for, and two ahead
        pulls.append(spawn(Client(pull, "c/d", "10.0.0.2").blob(other), "another"))
        await registry.arrived("GET", str(other))
        pulls.append(spawn(client.blob(image.layer_digests[11]), "client"))  # waits for a place
        await asyncio.sleep(0)
        gate.release()
        await registry.arrived("GET", str(image.layer_digests[11]))
        assert set(asked(registry, image)) == {"0", "1", "2", "11"}
        gate.open()
        await asyncio.gather(*pulls)
        await settled(pull)


async def test_what_a_client_comes_to_want_is_joined_and_makes_place_for_the_next(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(16, 2), one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(6))
        gate = gated(registry)
        client = Client(pull)
        await client.manifest()
        pulls = [spawn(client.blob(image.layer_digests[0]), "client")]
        await registry.arrived("GET", "/blobs/", times=3)
        pulls.append(spawn(client.blob(image.layer_digests[1]), "client"))
        await registry.arrived("GET", "/blobs/", times=4)
        assert set(asked(registry, image)) == {"0", "1", "2", "3"}
        assert pull.fetches.joined == 1
        gate.open()
        await asyncio.gather(*pulls)
        await settled(pull)


async def test_a_blob_that_is_missing_at_the_upstream_is_one_alone_and_is_remembered(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(10))
        registry.fail(Fault(status=404), "GET", str(image.layer_digests[2]), times=None)
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert len(asked(registry, image)) == 11
        with pytest.raises(Absent):
            await client.blob(image.layer_digests[2])
        assert asked(registry, image).count("2") == 1
        assert pull.pulls.prefetch.blobs == 9


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(drop=True), Fault(status=429), Fault(flip_at=10)])
async def test_after_a_failure_the_rest_is_left_to_the_client(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(16, 1), one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(10))
        registry.fail(fault, "GET", str(image.layer_digests[2]), times=None)
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert set(asked(registry, image)) == {"0", "1", "2"}


async def test_nothing_is_fetched_ahead_while_contact_is_frozen(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(3))
        client = Client(pull)
        await client.manifest()
        await pull.blobs.find(pull.target(), image.layer_digests[0])
        await settled(pull)
        pull.contact.freeze()
        await client.blob(image.layer_digests[0])  # from the cache
        await settled(pull)
        assert asked(registry, image) == ["0"]
        assert pull.fetches.began == 1


async def test_what_is_cut_by_a_freeze_is_not_gone_on_with(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        scene = await begun(registry, pull)
        pull.contact.freeze()
        with pytest.raises(Frozen):
            await scene.first
        await settled(pull)
        pull.contact.thaw()
        assert len(asked(registry, scene.image)) == 7


async def test_what_has_no_room_is_not_fetched_ahead(tmp_path: Path) -> None:
    """Nothing is evicted for it: what is there stays, and what is small enough is fetched all the same."""
    setup = Setup(bounds=AHEAD.bounds, room=room_of(300_000))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        old = registry.push_blob("a/b", layers(1, seed=7, size=100_000)[0])
        await Client(pull).blob(old)
        large, small = layers(2, seed=8, size=150_000), layers(3, seed=9)
        image = registry.push_image("a/b", "latest", [small[0], large[0], large[1], *small[1:]])
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert sorted(asked(registry, image)) == ["0", "1", "3", "4", "config"]
        assert await content(pull.store, old) is not None
        assert pull.store.evicted == 0


async def test_what_is_here_already_is_not_fetched_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(6))
        client = Client(pull)
        await client.blob(image.layer_digests[3])
        await settled(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert sorted(asked(registry, image)) == ["0", "1", "2", "3", "4", "5", "config"]
        began = pull.fetches.began
        await client.blob(image.layer_digests[1])
        await settled(pull)
        assert pull.fetches.began == began


async def test_another_repository_still_has_to_prove_what_was_fetched_for_this_one(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", layers(4))
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        with pytest.raises(Absent):
            await Client(pull, "c/d").blob(image.layer_digests[2])
        (question,) = registry.seen("", f"c/d/blobs/{image.layer_digests[2]}")
        assert question.method == "HEAD"


async def test_a_manifest_that_names_somebody_elses_blob_opens_nothing(tmp_path: Path) -> None:
    """Whoever may push a manifest may name any digest in it: it is the upstream's answer that proves it."""
    secret = b"the secret of another repository"
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        registry.push_blob("private/it", secret)
        await Client(pull, "private/it").blob(Digest.of(secret))
        image = registry.push_image("a/b", "latest", [b"bait", secret])
        del registry._blobs["a/b", str(Digest.of(secret))]
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        assert pull.store.facts.member("one", "a/b", str(Digest.of(secret))) is None
        with pytest.raises(Absent):
            await client.blob(Digest.of(secret))


async def test_what_has_not_begun_is_dropped_when_the_client_leaves(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        scene = await begun(registry, pull)
        await end(scene.first)
        scene.gate.open()
        await settled(pull)
        assert len(asked(registry, scene.image)) == 7
        assert pull.pulls.prefetch.blobs == 6  # what was under way is whole
        await scene.client.blob(scene.image.layer_digests[1])  # and who comes again has it begun again
        await settled(pull)
        assert len(asked(registry, scene.image)) == 21


async def test_it_goes_on_for_another_client_of_the_same_image(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        scene = await begun(registry, pull)
        staying = spawn(Client(pull, name="10.0.0.2").blob(scene.image.layer_digests[0]), "another")
        await until(lambda: pull.fetches.joined == 1)
        await end(scene.first)
        scene.gate.open()
        await staying
        await settled(pull)
        assert len(asked(registry, scene.image)) == 21


async def test_an_image_that_no_client_comes_back_to_is_given_up(tmp_path: Path) -> None:
    clock = Clock()
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(4, 1), one=registry.url) as pull:
        pull.pulls.prefetch = Prefetch(pull.store, pull.fetches, pull.pulls.images, clock)
        image = registry.push_image("a/b", "latest", layers(20))
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[1]))
        client = Client(pull)
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await gate.arrived.wait()
        clock.advance(60)
        gate.open()
        await settled(pull)
        assert sorted(asked(registry, image)) == ["0", "1"]


async def test_images_take_turns(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, bounds(16, 1), one=registry.url) as pull:
        images = [registry.push_image(name, "latest", layers(4, seed)) for seed, name in enumerate(("a/b", "c/d"))]
        gate = Gate(100_000)
        for image in images:
            registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
        clients = [Client(pull, "a/b"), Client(pull, "c/d", "10.0.0.2")]
        for client in clients:
            await client.manifest()
        pulls = [
            spawn(client.blob(image.layer_digests[0]), "client") for client, image in zip(clients, images, strict=True)
        ]
        await registry.arrived("GET", "/blobs/", times=10)
        wanted = [str(image.layer_digests[0]) for image in images]
        paths = [seen.path.split("/") for seen in registry.seen("GET", "/blobs/")]
        ahead = [path[2] for path in paths if path[-1] not in wanted]
        assert ahead == ["a", "c"] * 4
        gate.open()
        await asyncio.gather(*pulls)
        await settled(pull)


async def test_a_herd_on_an_image_is_each_blob_once(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        contents = layers(10)
        image = registry.push_image("a/b", "latest", contents)
        clients = [Client(pull, name=f"10.0.0.{number}") for number in range(20)]

        async def pulled(client: Client) -> list[bytes]:
            await client.manifest()
            return [await client.blob(digest) for digest in image.layer_digests]

        assert await asyncio.gather(*map(pulled, clients)) == [contents] * 20
        await settled(pull)
        assert sorted(asked(registry, image)) == sorted([*map(str, range(10)), "config"])


async def test_what_nobody_asks_for_is_not_counted_as_used(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        contents = layers(5)
        image = registry.push_image("a/b", "latest", contents)
        client, prefetch = Client(pull), pull.pulls.prefetch
        await client.manifest()
        await client.blob(image.layer_digests[0])
        await settled(pull)
        config = registry.bytes_held - sum(map(len, contents))
        assert (prefetch.blobs, prefetch.bytes, prefetch.used) == (5, sum(map(len, contents[1:])) + config, 0)
        for _ in range(2):
            await client.blob(image.layer_digests[1])
        assert prefetch.used == 1


async def test_a_pull_that_ends_begins_nothing_more(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, AHEAD, one=registry.url) as pull:
        scene = await begun(registry, pull)
        await pull.pulls.aclose()
        with pytest.raises(Unreachable, match="shutting down"):
            await scene.first
        assert len(pull.fetches) == 0
        assert len(asked(registry, scene.image)) == 7
