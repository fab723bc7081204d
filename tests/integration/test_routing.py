"""Every rule of routing with every kind of request: who is asked, for what, and that nobody else hears of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mirror.oci.digest import Digest
from mirror.upstream.surroundings import Surroundings
from tests.support.authority import Authority
from tests.support.content import Image
from tests.support.mirror import MirrorUnderTest
from tests.support.names import Names
from tests.support.registry import FakeRegistry

HUB, GHCR, PORTED, LOCAL = "docker.io", "ghcr.io", "registry.test:5443", "localhost"
WILD, ALSO_WILD = "eu-1.wild.test", "us-1.wild.test"  # by a pattern; a port is added to them
GUARDED = "eu-1.guarded.test"
TAG = "v1"
HOSTS = {"hub.mirror.test": HUB, "ghcr.mirror.test:8443": GHCR}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a client names an upstream, for the repository `{name}` of it. `pattern` takes the place of the port."""

    name: str  # in the path
    query: str
    host: str | None
    upstream: str
    repository: str  # as the upstream is asked for it


RULES = {
    "default": Rule("team/app", "", None, HUB, "team/app"),
    "default, one component": Rule("alpine", "", None, HUB, "library/alpine"),
    "default, library": Rule("library/alpine", "", None, HUB, "library/alpine"),
    "ns": Rule("team/app", "ns=ghcr.io", None, GHCR, "team/app"),
    "ns, upper case": Rule("team/app", "ns=GHCR.io", None, GHCR, "team/app"),
    "ns, port": Rule("team/app", "ns=registry.test:5443", None, PORTED, "team/app"),
    "ns, encoded port": Rule("team/app", "ns=registry.test%3A5443", None, PORTED, "team/app"),
    "ns, localhost": Rule("app", "ns=localhost", None, LOCAL, "app"),
    "ns, hub": Rule("alpine", "ns=docker.io", None, HUB, "library/alpine"),
    "ns, alias": Rule("alpine", "ns=index.docker.io", None, HUB, "library/alpine"),
    "ns, alias of the endpoint": Rule("team/app", "ns=registry-1.docker.io", None, HUB, "team/app"),
    "ns, alias of the web": Rule("team/app", "ns=registry.hub.docker.com", None, HUB, "team/app"),
    "ns, before the host": Rule("team/app", "ns=ghcr.io", "hub.mirror.test", GHCR, "team/app"),
    "ns, before the path": Rule("ghcr.io/app", "ns=docker.io", None, HUB, "ghcr.io/app"),
    "ns, pattern": Rule("team/app", "ns=eu-1.wild.test:{port}", None, WILD, "team/app"),
    "host": Rule("team/app", "", "hub.mirror.test", HUB, "team/app"),
    "host, any port": Rule("alpine", "", "HUB.mirror.test:5000", HUB, "library/alpine"),
    "host, its port": Rule("team/app", "", "ghcr.mirror.test:8443", GHCR, "team/app"),
    "host, before the path": Rule("ghcr.io/app", "", "hub.mirror.test", HUB, "ghcr.io/app"),
    "host, of another port": Rule("team/app", "", "ghcr.mirror.test", HUB, "team/app"),
    "path": Rule("ghcr.io/team/app", "", None, GHCR, "team/app"),
    "path, one component": Rule("ghcr.io/alpine", "", None, GHCR, "alpine"),
    "path, port": Rule("registry.test:5443/team/app", "", None, PORTED, "team/app"),
    "path, localhost": Rule("localhost/app", "", None, LOCAL, "app"),
    "path, hub": Rule("docker.io/alpine", "", None, HUB, "library/alpine"),
    "path, alias": Rule("registry-1.docker.io/alpine", "", None, HUB, "library/alpine"),
    "path, pattern": Rule("us-1.wild.test:{port}/team/app", "", None, ALSO_WILD, "team/app"),
}

# (method, what is below the repository's name)
KINDS = {
    "manifest by tag": ("GET", "manifests/{tag}"),
    "manifest by tag, HEAD": ("HEAD", "manifests/{tag}"),
    "manifest by digest": ("GET", "manifests/{digest}"),
    "manifest by digest, HEAD": ("HEAD", "manifests/{digest}"),
    "blob": ("GET", "blobs/{layer}"),
    "blob, HEAD": ("HEAD", "blobs/{layer}"),
    "tags": ("GET", "tags/list"),
    "referrers": ("GET", "referrers/{digest}"),
}

# (the name in the path, the query)
UNKNOWN = [
    ("team/app", "ns=quay.io"),
    ("team/app", "ns=registry.test"),
    ("team/app", "ns=ghcr.io.evil.test"),
    ("team/app", "ns=127.0.0.1:{port}"),
    ("team/app", "ns=wild.test:{port}"),
    ("team/app", "ns=a.eu-1.wild.test:{port}"),
    ("team/app", "ns=eu-1.wild.test"),
    ("team/app", "ns=eu-.wild.test:{port}"),
    ("quay.io/team/app", ""),
    ("127.0.0.1:{port}/team/app", ""),
    ("localhost:{port}/team/app", ""),
    ("a.eu-1.wild.test:{port}/team/app", ""),
    ("eu-1.wild.test/team/app", ""),
]


class World:
    """A mirror in front of five registries, each with an image of its own under the same names."""

    def __init__(self, mirror: MirrorUnderTest, registries: Mapping[str, FakeRegistry]) -> None:
        self.mirror = mirror
        self.registries = registries
        self.port = int(registries[WILD].url.rpartition(":")[2])

    def image(self, upstream: str) -> Image:
        """What this upstream has under every name, and no other has."""
        registry = self.registries[upstream]
        for repository in ("team/app", "library/alpine", "alpine", "app", "ghcr.io/app"):
            image = registry.push_image(repository, TAG, [f"layer of {registry.url}".encode() * 100])
        return image

    def asked(self) -> dict[str, list[str]]:
        """What each of the registries was asked for, where it was asked at all."""
        return {name: [seen.path for seen in each.requests] for name, each in self.registries.items() if each.requests}

    @property
    def connections(self) -> int:
        return sum({id(each): each.connections for each in self.registries.values()}.values())


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        authority = Authority(root)
        plain = {name: await stack.enter_async_context(FakeRegistry()) for name in (HUB, GHCR, PORTED, LOCAL)}
        wild = await stack.enter_async_context(FakeRegistry(tls=authority.server(WILD, ALSO_WILD, GUARDED)))
        port = wild.url.rpartition(":")[2]
        upstreams: dict[str, dict[str, Any]] = {name: {"endpoints": each.url} for name, each in plain.items()}
        for host, name in HOSTS.items():
            upstreams[name] |= {"hosts": host, "search": plain[name].url, "insecure": True}
        wildcard = {"ca_file": str(authority.ca_file), "allow_private_addresses": True}
        upstreams[f"*.wild.test:{port}"] = wildcard
        upstreams[f"*.guarded.test:{port}"] = {**wildcard, "allow_private_addresses": False}
        names = Names({host: ["127.0.0.1"] for host in (WILD, ALSO_WILD, GUARDED)})
        under_test = MirrorUnderTest(root, plain[HUB].url, {"upstreams": upstreams}, Surroundings(resolver=names))
        mirror = await stack.enter_async_context(under_test)
        yield World(mirror, plain | {WILD: wild, ALSO_WILD: wild})


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
async def test_every_rule_leads_every_kind_of_request_to_its_upstream_alone(world: World, rule: Rule) -> None:
    image = world.image(rule.upstream)
    named = {"tag": TAG, "digest": image.digest, "layer": image.layer_digests[0]}
    query = rule.query.format(port=world.port)
    headers = {} if rule.host is None else {"Host": rule.host}
    same = {name for name, each in world.registries.items() if each is world.registries[rule.upstream]}
    for kind, (method, below) in KINDS.items():
        path = f"/v2/{rule.name.format(port=world.port)}/{below.format(**named)}"
        response, body = await world.mirror.ask(method, f"{path}?{query}" if query else path, **headers)
        assert kind == "referrers" or response.status == 200, (kind, body)
        expected = query.removeprefix("ns=").replace("%3A", ":") if query else None
        assert response.headers.get("OCI-Namespace") == expected, kind
        assert world.asked().keys() <= same, kind
        if kind == "manifest by tag":
            assert body == image.manifest_body
        if kind == "blob":
            assert Digest.of(body) == image.layer_digests[0]
    asked = world.asked()[rule.upstream]
    assert asked
    assert all(path.startswith(f"/v2/{rule.repository}/") for path in asked)
    assert any("/referrers/" in path or "/tags/list" in path for path in asked)


@pytest.mark.parametrize(("name", "query"), UNKNOWN)
async def test_a_registry_that_is_not_configured_is_refused_without_a_packet(
    world: World, name: str, query: str
) -> None:
    named = {"tag": TAG, "digest": Digest.of(b"a"), "layer": Digest.of(b"b")}
    for method, below in KINDS.values():
        path = f"/v2/{name}/{below.format(**named)}?{query}".format(port=world.port)
        response, body = await world.mirror.ask(method, path.rstrip("?"))
        assert response.status == 404
        assert "OCI-Namespace" not in response.headers
        if method == "GET":
            assert [error["code"] for error in json.loads(body)["errors"]] == ["NAME_UNKNOWN"]
    assert world.connections == 0
    world.image(WILD)
    assert (await world.mirror.get(f"/v2/team/app/tags/list?ns=eu-1.wild.test:{world.port}"))[0].status == 200
    assert world.connections == 1  # it could have been asked: the silence above was no accident


@pytest.mark.parametrize("query", ["", "?ns=ghcr.io", "?ns=quay.io"])
async def test_a_ping_asks_nobody(world: World, query: str) -> None:
    for method in ("GET", "HEAD"):
        assert (await world.mirror.ask(method, f"/v2/{query}"))[0].status == 200
    assert world.connections == 0


# (the query, the `Host`) → the upstream
SEARCHES = [
    ("q=word", None, HUB),
    ("q=ghcr.io/word", None, GHCR),
    ("q=word&ns=ghcr.io", None, GHCR),
    ("q=word&ns=index.docker.io", None, HUB),
    ("q=word", "ghcr.mirror.test:8443", GHCR),
    ("q=word&ns=docker.io", "ghcr.mirror.test:8443", HUB),
]


@pytest.mark.parametrize(("query", "host", "upstream"), SEARCHES)
async def test_every_rule_leads_a_search_to_its_upstream_alone(
    world: World, query: str, host: str | None, upstream: str
) -> None:
    headers = {} if host is None else {"Host": host}
    response, _ = await world.mirror.get(f"/v1/search?{query}", **headers)
    assert response.status == 200
    assert world.asked() == {upstream: ["/v1/search"]}


@pytest.mark.parametrize("query", ["q=quay.io/word", "q=word&ns=quay.io", "q=word&ns=wild.test"])
async def test_a_search_of_a_registry_that_is_not_configured_asks_nobody(world: World, query: str) -> None:
    assert (await world.mirror.get(f"/v1/search?{query}"))[0].status == 404
    assert world.connections == 0


@pytest.mark.parametrize("query", ["", "?ns=ghcr.io", "?ns=quay.io"])
async def test_the_catalogue_asks_nobody(world: World, query: str) -> None:
    await world.mirror.get(f"/v2/_catalog{query}")
    assert world.connections == 0


FIRST = ["", "?ns=ghcr.io"]


@pytest.mark.parametrize("first", FIRST)
async def test_pulls_of_the_same_name_from_two_upstreams_never_mix(world: World, first: str) -> None:
    """Docker's way and containerd's, one after the other, and both once more from the cache."""
    images = {"": world.image(HUB), "?ns=ghcr.io": world.image(GHCR)}
    second = next(query for query in FIRST if query != first)
    for query in (first, second, first, second):
        image, other = images[query], images[second if query == first else first]
        response, body = await world.mirror.get(f"/v2/team/app/manifests/{TAG}{query}")
        assert (body, response.headers["Docker-Content-Digest"]) == (image.manifest_body, str(image.digest))
        assert (await world.mirror.get(f"/v2/team/app/blobs/{image.layer_digests[0]}{query}"))[0].status == 200
        assert (await world.mirror.get(f"/v2/team/app/manifests/{image.digest}{query}"))[0].status == 200
        # What the other one brought is in the store, and is not this one's.
        for method in ("GET", "HEAD"):
            for below in (f"blobs/{other.layer_digests[0]}", f"manifests/{other.digest}"):
                assert (await world.mirror.ask(method, f"/v2/team/app/{below}{query}"))[0].status == 404


async def test_hosts_of_one_pattern_never_mix(world: World) -> None:
    image = world.image(WILD)
    path = f"/v2/team/app/blobs/{image.layer_digests[0]}?ns={{}}:{world.port}"
    for host in (WILD, ALSO_WILD):
        assert (await world.mirror.get(path.format(host)))[0].status == 200
    hosts = [seen.headers["host"] for seen in world.registries[WILD].seen(path="/blobs/")]
    assert hosts == [f"{WILD}:{world.port}", f"{ALSO_WILD}:{world.port}"]  # each was asked in its own name
    figures = (await world.mirror.session.get(world_figures(world))).text()
    text = await figures
    assert f'upstream="*.wild.test:{world.port}"' in text
    assert f'upstream="{WILD}' not in text


async def test_a_host_that_a_client_named_by_a_pattern_may_not_be_on_a_private_address(world: World) -> None:
    world.image(WILD)
    for host, status in ((GUARDED, 502), (WILD, 200)):
        path = f"/v2/team/app/manifests/{TAG}?ns={host}:{world.port}"
        assert (await world.mirror.get(path))[0].status == status
    assert world.connections == 1


def world_figures(world: World) -> str:
    host, port = world.mirror.mirror.admin.addresses[0][:2]
    return f"http://{host}:{port}/metrics"
