"""What a rehearsal foretells is held against what then happens: the upstreams are cut off, and everything is pulled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from mirror.commands.ordering import Ordering
from mirror.errors import Refused
from mirror.jobs.job import State
from mirror.jobs.order import Order
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.store.catalog import Key, TagRecord
from tests.fakes.registry import Registry
from tests.support import content
from tests.support.content import Image
from tests.support.mirror import MirrorUnderTest
from tests.support.processes import wait_until
from tests.support.program import Program

SHORT = "short.example"  # whose tags are not answered once they cannot be asked for
DENIED = "team/denied"
SIGNED = "docker.io/team/signed:v1"
CHART = "application/vnd.cncf.helm.config.v1+json"


class Client:
    """Pulls as clients do: the tag, then the platforms that it wants, then their blobs."""

    def __init__(self, mirror: MirrorUnderTest) -> None:
        self._mirror = mirror

    async def pull(self, name: str, platforms: Sequence[int] = (0,), blobs: bool = True) -> bool:
        """`name`: upstream/repository:tag or @digest; `platforms`: of an index, by number. Whether all of it came."""
        path, joint, reference = name.partition("@") if "@" in name else name.rpartition(":")
        assert joint
        answer, body = await self._mirror.get(f"/v2/{path}/manifests/{reference}")
        if answer.status != 200:
            return False
        document = json.loads(body)
        manifests = document.get("manifests", [])
        if manifests:
            wanted = [manifests[number]["digest"] for number in platforms]
            return all([await self.pull(f"{path}@{digest}", blobs=blobs) for digest in wanted])
        named = [document["config"], *document["layers"]] if blobs else []
        return all([await self._blob(path, one) for one in named if not one.get("urls")])

    async def referrers(self, path: str, subject: Digest) -> bool:
        """Whether what refers to this could be verified: the list came, and all that is on it."""
        answer, body = await self._mirror.get(f"/v2/{path}/referrers/{subject}")
        if answer.status != 200:
            return False
        listed = json.loads(body)["manifests"]
        return bool(listed) and all([await self.pull(f"{path}@{one['digest']}") for one in listed])

    async def _blob(self, path: str, descriptor: Mapping[str, Any]) -> bool:
        answer, body = await self._mirror.get(f"/v2/{path}/blobs/{descriptor['digest']}")
        return answer.status == 200 and Digest.parse(descriptor["digest"]).verifies(body)


def configured(registry: Registry) -> dict[str, Any]:
    return {
        "upstreams": {
            "docker.io": {"hold_new_digests": "1h", "tag_ttl": "0s"},
            SHORT: {"endpoints": registry.url, "tag_ttl": "0s", "stale_for": "0s"},
        }
    }


async def rehearsed(mirror: MirrorUnderTest, **terms: object) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """What is foretold of each image, by its name; and the end."""
    host, port = mirror.mirror.admin.addresses[0][:2]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{host}:{port}/api/v1/rehearsal", json=terms) as response,
    ):
        assert (response.status, response.content_type) == (200, "application/x-ndjson")
        lines = [json.loads(line) async for line in response.content if line.strip()]
    assert lines[-1]["event"] == "end"
    return {line["image"]: line for line in lines[:-1]}, lines[-1]


def lacks(document: Mapping[str, Any]) -> list[str]:
    return [reason["lack"] for reason in document["reasons"]]


def spoil(root: Path, digest: Digest, data: bytes | None) -> None:
    """What a disk does: the file is gone, or something else stands in it."""
    file = root / "cache" / "blobs" / digest.algorithm / digest.encoded
    file.unlink()
    if data is not None:
        file.write_bytes(data)


def image(registry: Registry, name: str, tag: str | None = "v1") -> Image:
    """One of two layers, large enough to lie in no memory, that no other has."""
    return registry.push_image(name, tag, [name.encode() * 9000, f"{name} {tag}".encode() * 9000])


def indexed(registry: Registry, name: str, tag: str = "v1") -> tuple[Image, Image]:
    images = image(registry, name, None), image(registry, f"{name}", "arm")
    registry.push_index(name, tag, images)
    return images


class Scene:
    """A cache that was filled by clients, and then suffered. `pulls`: what clients pull, by the name that is told."""

    def __init__(self, root: Path, registry: Registry) -> None:
        self.root = root
        self.registry = registry
        self.pulls: dict[str, Sequence[int]] = {}
        self.expected: dict[str, list[str]] = {}

    def expect(self, name: str, *lacks: str, platforms: Sequence[int] = (0,)) -> None:
        self.pulls[name] = platforms
        self.expected[name] = list(lacks)

    async def fill(self, mirror: MirrorUnderTest) -> list[tuple[Digest, bytes | None]]:
        """What is to be done to which file once the mirror has ended."""
        client, registry = Client(mirror), self.registry
        spoilt: list[tuple[Digest, bytes | None]] = []

        image(registry, "team/whole")
        assert await client.pull("docker.io/team/whole:v1")
        self.expect("docker.io/team/whole:v1")

        some = image(registry, "team/by-digest", None)
        assert await client.pull(f"docker.io/team/by-digest@{some.digest}")
        self.expect(f"docker.io/team/by-digest@{some.digest}")

        some = image(registry, "team/lost-layer")
        assert await client.pull("docker.io/team/lost-layer:v1")
        spoilt.append((some.layer_digests[1], None))
        self.expect("docker.io/team/lost-layer:v1", "blobs-missing")

        some = image(registry, "team/bent-layer")
        assert await client.pull("docker.io/team/bent-layer:v1")
        spoilt.append((some.layer_digests[0], b"something else"))
        self.expect("docker.io/team/bent-layer:v1", "blobs-missing")

        some = image(registry, "team/gone")
        assert await client.pull("docker.io/team/gone:v1")
        spoilt.append((some.digest, None))
        self.expect("docker.io/team/gone:v1", "gone")

        indexed(registry, "team/one-platform")
        assert await client.pull("docker.io/team/one-platform:v1")
        self.expect("docker.io/team/one-platform:v1")

        platforms = indexed(registry, "team/lost-platform")
        assert await client.pull("docker.io/team/lost-platform:v1", (0, 1))
        spoilt.append((platforms[1].digest, None))
        self.expect("docker.io/team/lost-platform:v1", "platform-missing", platforms=(0, 1))

        indexed(registry, "team/index-only")
        assert await client.pull("docker.io/team/index-only:v1", ())
        self.expect("docker.io/team/index-only:v1", "index-only")

        image(registry, "team/manifest-only")
        assert await client.pull("docker.io/team/manifest-only:v1", blobs=False)
        self.expect("docker.io/team/manifest-only:v1", "blobs-missing")

        # The layers came for another repository, and nobody has yet asked whether this one has them, too.
        some = image(registry, "team/brings")
        for digest in (some.config_digest, *some.layer_digests):
            registry.push_blob("team/borrows", registry._blobs["team/brings", str(digest)])
        registry.push_manifest("team/borrows", "v1", some.manifest_body, content.OCI_MANIFEST)
        assert await client.pull("docker.io/team/brings:v1")
        assert await client.pull("docker.io/team/borrows:v1", blobs=False)
        self.expect("docker.io/team/brings:v1")
        self.expect("docker.io/team/borrows:v1", "unproven")

        some = image(registry, "team/forgotten")
        assert await client.pull(f"{SHORT}/team/forgotten:v1")
        self.expect(f"{SHORT}/team/forgotten:v1", "tag-unknown")

        some = image(registry, "team/pinned")
        assert await client.pull(f"{SHORT}/team/pinned:v1")
        await mirror_tags(mirror, "pin", {"image": f"{SHORT}/team/pinned:v1"})
        self.expect(f"{SHORT}/team/pinned:v1")

        some = image(registry, "team/imported")
        assert await client.pull(f"{SHORT}/team/imported:v1")
        key = Key("tag", SHORT, "team/imported", "v1")
        mirror.mirror.store.facts.put_tag(key, TagRecord(str(some.digest), 1.0, lasting=True), 1e9)
        self.expect(f"{SHORT}/team/imported:v1")

        # The tag has moved, and its new digest is held back: clients are given the former one.
        image(registry, "team/held-back")
        assert await client.pull("docker.io/team/held-back:v1")
        newer = registry.push_image("team/held-back", "v1", [b"newer" * 20_000])
        answer, _ = await mirror.get("/v2/docker.io/team/held-back/manifests/v1")
        assert answer.headers["Docker-Content-Digest"] != str(newer.digest)
        self.expect("docker.io/team/held-back:v1")

        foreign = json.loads(image(registry, "team/foreign").manifest_body)
        foreign["layers"][1]["urls"] = ["https://elsewhere.example/layer"]
        registry.push_manifest("team/foreign", "v1", json.dumps(foreign).encode(), content.OCI_MANIFEST)
        assert await client.pull("docker.io/team/foreign:v1")
        self.expect("docker.io/team/foreign:v1")

        for name, missing in (("charts/app", False), ("charts/cut", True)):
            chart = json.loads(image(registry, name).manifest_body)
            chart["config"]["mediaType"] = CHART
            registry.push_manifest(name, "1.0.0", json.dumps(chart).encode(), content.OCI_MANIFEST)
            assert await client.pull(f"docker.io/{name}:1.0.0")
            if missing:
                spoilt.append((Digest.parse(chart["layers"][0]["digest"]), None))
            self.expect(f"docker.io/{name}:1.0.0", *(["blobs-missing"] if missing else []))

        # Somebody has checked a signature, of which the disk then loses a part.
        some, signature = image(registry, "team/signed"), image(registry, "team/signed", "signature")
        registry.attach("team/signed", some.digest, content.descriptor(content.OCI_MANIFEST, signature.manifest_body))
        assert await client.pull(SIGNED)
        assert await client.referrers("docker.io/team/signed", some.digest)
        spoilt.append((signature.layer_digests[1], None))
        self.expect(SIGNED, "referrers-missing")
        self.expect(f"docker.io/team/signed@{signature.digest}", "blobs-missing")

        # Nobody has pulled the former digest since its tag has moved on, and nobody will.
        image(registry, "team/moved")
        assert await client.pull(f"{SHORT}/team/moved:v1")
        registry.push_image("team/moved", "v1", [b"moved" * 20_000])
        assert await client.pull(f"{SHORT}/team/moved:v1")
        self.expect(f"{SHORT}/team/moved:v1", "tag-unknown")

        image(registry, DENIED)
        assert await client.pull(f"docker.io/{DENIED}:v1")
        self.expect(f"docker.io/{DENIED}:v1", "not-served")
        return spoilt

    async def came(self, mirror: MirrorUnderTest) -> dict[str, bool]:
        """Whether clients could pull each of them once more; where they check signatures, with these."""
        client, found = Client(mirror), {}
        for name, platforms in self.pulls.items():
            found[name] = await client.pull(name, platforms)
            if name == SIGNED and found[name]:
                answer = await mirror.head("/v2/docker.io/team/signed/manifests/v1")
                subject = Digest.parse(answer.headers["Docker-Content-Digest"])
                found[name] = await client.referrers("docker.io/team/signed", subject)
        return found


async def mirror_tags(mirror: MirrorUnderTest, what: str, document: object) -> None:
    host, port = mirror.mirror.admin.addresses[0][:2]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{host}:{port}/api/v1/tags/{what}", json=document) as response,
    ):
        assert response.status == 200


@asynccontextmanager
async def suffered(root: Path) -> AsyncIterator[tuple[Scene, MirrorUnderTest]]:
    """The scene, and the mirror that was started on it afterwards."""
    async with Registry() as registry:
        registry.referrers = True
        scene = Scene(root, registry)
        settings = configured(registry)
        async with MirrorUnderTest(root, registry.url, settings) as mirror:
            spoilt = await scene.fill(mirror)
        for digest, data in spoilt:
            spoil(root, digest, data)
        settings["upstreams"]["docker.io"]["deny"] = DENIED
        async with MirrorUnderTest(root, registry.url, settings) as mirror:
            yield scene, mirror


async def test_exactly_the_images_foretold_fail_once_nobody_can_be_asked(tmp_path: Path) -> None:
    async with suffered(tmp_path) as (scene, mirror):
        asked = scene.registry.connections
        foretold, end = await rehearsed(mirror, outage=600)
        assert scene.registry.connections == asked
        assert {name: lacks(document) for name, document in foretold.items()} == scene.expected
        assert end["passed_over"] >= 1
        assert end["survive"] == sum(not reasons for reasons in scene.expected.values())
        survive = {name: document["survives"] for name, document in foretold.items()}
        await mirror.mirror.freezing.freeze()
        assert await scene.came(mirror) == survive
        await mirror.mirror.freezing.thaw()
        await scene.registry.__aexit__(None, None, None)
        assert await scene.came(mirror) == survive


async def test_what_is_fetched_as_told_survives_and_what_cannot_be_does_not(tmp_path: Path) -> None:
    async with suffered(tmp_path) as (scene, mirror):
        tried: list[Order] = []
        foretold, _ = await rehearsed(mirror, outage=600)
        for _ in range(3):
            wanted = dict.fromkeys(order for document in foretold.values() for order in orders_of(document))
            for order in [order for order in wanted if order not in tried]:
                job, _ = mirror.mirror.orders.jobs.refresh(order)
                await mirror.mirror.orders.jobs.wait(job)
                assert job.state is State.DONE
                tried.append(order)
            foretold, end = await rehearsed(mirror, outage=600)
        assert {name: lacks(document) for name, document in foretold.items() if document["reasons"]} == {
            f"docker.io/{DENIED}:v1": ["not-served"],
            f"{SHORT}/team/forgotten:v1": ["tag-unknown"],
            f"{SHORT}/team/moved:v1": ["tag-unknown"],
        }
        assert end["survive"] == len(foretold) - 3
        await mirror.mirror.freezing.freeze()
        scene.pulls["docker.io/team/index-only:v1"] = (0, 1)  # for all that there are, as none was known
        assert await scene.came(mirror) == {name: document["survives"] for name, document in foretold.items()}


def orders_of(document: Mapping[str, Any]) -> list[Order]:
    return [
        Order(ImageName.parse(order["image"]), tuple(order["platforms"]), order["referrers"])
        for order in document["orders"]
    ]


async def test_every_worker_foretells_the_same(tmp_path: Path) -> None:
    async with Registry() as registry:
        some = [image(registry, name) for name in ("team/whole", "team/cut")]

        def scenario(program: Program) -> None:
            for one, name in zip(some, ("team/whole", "team/cut"), strict=True):
                paths = [f"manifests/{one.digest}"] + [f"blobs/{digest}" for digest in one.layer_digests]
                for path in ["manifests/v1", *paths, f"blobs/{one.config_digest}"]:
                    with program.client() as client:  # of either worker, as the kernel has it
                        assert client.ask("GET", f"/v2/{name}/{path}").status == 200
            (tmp_path / "cache" / "blobs" / "sha256" / some[1].layer_digests[0].encoded).unlink()

            def foretold() -> list[list[str]]:
                host, port = program._address("admin")
                ordering = Ordering(f"http://{host}:{port}")
                try:
                    documents = list(ordering.rehearsed({}))
                except Refused:
                    return []  # it has just begun, and does not know yet what there is
                finally:
                    ordering.close()
                return sorted(lacks(document) for document in documents if document["event"] == "image")

            # What one worker has noted is written down soon, and then known to the other one.
            wait_until(lambda: all(foretold() == [[], ["blobs-missing"]] for _ in range(8)), "all of them know")

        with Program(tmp_path, registry.url, {"SERVER__WORKERS": "2"}) as program:
            await asyncio.to_thread(scenario, program)
