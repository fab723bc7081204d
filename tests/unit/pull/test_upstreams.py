"""Which upstream a request means: four rules in their order, for every kind of request, and nothing else is dialled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from mirror.config.settings import Limits
from mirror.config.settings import Upstream as Configured
from mirror.errors import Code, Malformed, MirrorError
from mirror.oci import endpoint as endpoints
from mirror.oci.digest import Digest
from mirror.oci.endpoint import RepositoryEndpoint
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from mirror.pull.upstreams import Asked, Target, Upstream, Upstreams
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest
from tests.support.pulling import pulling
from tests.support.registry import FakeRegistry

DIGEST = Digest.of(b"")
KINDS = {
    "tag": "manifests/latest",
    "digest": f"manifests/{DIGEST}",
    "encoded digest": f"manifests/sha256%3A{DIGEST.encoded}",
    "blob": f"blobs/{DIGEST}",
    "tags": "tags/list",
    "referrers": f"referrers/{DIGEST}",
}
POLICY = Policy(300, 3600, 10)
ALIASES = dict.fromkeys(
    ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"), "docker.io"
)
HOSTS = {"ghcr.mirror.test": "ghcr.io", "hub.mirror.test:8443": "docker.io", "[::1]": "ghcr.io"}


@pytest_asyncio.fixture
async def table() -> AsyncIterator[Upstreams]:
    """docker.io is the default; of rules.test some repositories are allowed only."""
    async with Transport("docker.io", Configured(), Limits()) as transport:
        registry = Registry("docker.io", Configured(), Limits(), transport)  # nobody is asked here
        names = ("docker.io", "ghcr.io", "registry.test:5443", "localhost")
        restricted = Upstream("rules.test", registry, POLICY, ("team/*", "library/*"), ("team/secret*",))
        upstreams = [*(Upstream(name, registry, POLICY) for name in names), restricted]
        yield Upstreams(upstreams, ALIASES, HOSTS, "docker.io")


def routed(table: Upstreams, target: str, host: str | None = None) -> Target:
    """What a request with this target and this `Host` means."""
    path, _, query = target.partition("?")
    endpoint = endpoints.parse(path)
    assert isinstance(endpoint, RepositoryEndpoint)
    return table.target(Asked(endpoints.parse_query(query).ns, host, endpoint.host, endpoint.repository))


# (the name in the path, the query, the `Host`) → (the upstream, the repository that it is asked for)
ROUTES = [
    # 1: `ns` decides, under any of the upstream's names
    ("team/app", "?ns=ghcr.io", None, "ghcr.io", "team/app"),
    ("team/app", "?ns=GHCR.IO", None, "ghcr.io", "team/app"),
    ("team/app", "?ns=registry.test:5443", None, "registry.test:5443", "team/app"),
    ("team/app", "?ns=registry.test%3A5443", None, "registry.test:5443", "team/app"),
    ("team/app", "?ns=registry.test%3a5443", None, "registry.test:5443", "team/app"),
    ("alpine", "?ns=docker.io", None, "docker.io", "library/alpine"),
    ("alpine", "?ns=index.docker.io", None, "docker.io", "library/alpine"),
    ("alpine", "?ns=registry-1.docker.io", None, "docker.io", "library/alpine"),
    ("alpine", "?ns=registry.hub.docker.com", None, "docker.io", "library/alpine"),
    ("alpine", "?ns=ghcr.io", None, "ghcr.io", "alpine"),
    ("alpine", "?ns=docker.io", "ghcr.mirror.test", "docker.io", "library/alpine"),
    ("quay.io/alpine", "?ns=ghcr.io", None, "ghcr.io", "quay.io/alpine"),
    ("ghcr.io/alpine", "?ns=docker.io", None, "docker.io", "ghcr.io/alpine"),
    # 2: else the host that we are called by
    ("team/app", "", "ghcr.mirror.test", "ghcr.io", "team/app"),
    ("team/app", "", "GHCR.mirror.test", "ghcr.io", "team/app"),
    ("team/app", "", "ghcr.mirror.test:5000", "ghcr.io", "team/app"),
    ("team/app", "", "[::1]:5000", "ghcr.io", "team/app"),
    ("alpine", "", "hub.mirror.test:8443", "docker.io", "library/alpine"),
    ("quay.io/alpine", "", "ghcr.mirror.test", "ghcr.io", "quay.io/alpine"),
    # 3: else the first component, where it is a registry
    ("ghcr.io/team/app", "", None, "ghcr.io", "team/app"),
    ("ghcr.io/alpine", "", "mirror.test", "ghcr.io", "alpine"),
    ("localhost/alpine", "", None, "localhost", "alpine"),
    ("registry.test:5443/team/app", "", None, "registry.test:5443", "team/app"),
    ("docker.io/alpine", "", None, "docker.io", "library/alpine"),
    ("registry-1.docker.io/team/app", "", None, "docker.io", "team/app"),
    ("ghcr.io/team/app", "", "hub.mirror.test", "ghcr.io", "team/app"),  # of that host only port 8443 is one's
    # 4: else the default
    ("alpine", "", None, "docker.io", "library/alpine"),
    ("alpine", "", "mirror.test:5000", "docker.io", "library/alpine"),
    ("library/alpine", "", None, "docker.io", "library/alpine"),
    ("team/app/sub", "", "127.0.0.1:5000", "docker.io", "team/app/sub"),
    ("alpine", "?ns=", None, "docker.io", "library/alpine"),
]


@pytest.mark.parametrize(("name", "query", "host", "upstream", "repository"), ROUTES)
def test_the_first_rule_that_applies_decides(
    table: Upstreams, name: str, query: str, host: str | None, upstream: str, repository: str
) -> None:
    for kind in KINDS.values():
        target = routed(table, f"/v2/{name}/{kind}{query}", host)
        assert (target.name, target.upstream.name, target.repository) == (upstream, upstream, repository)


UNKNOWN = [
    ("team/app", "?ns=quay.io"),
    ("team/app", "?ns=registry.test"),
    ("team/app", "?ns=registry.test:443"),
    ("team/app", "?ns=ghcr.io.evil.test"),
    ("team/app", "?ns=169.254.169.254"),
    ("team/app", "?ns=docker.io%2F.."),
    ("quay.io/team/app", ""),
    ("registry.test/team/app", ""),
    ("localhost:5000/team/app", ""),
    ("127.0.0.1:6379/x", ""),
]


@pytest.mark.parametrize(("name", "query"), UNKNOWN)
def test_what_is_not_configured_is_unknown(table: Upstreams, name: str, query: str) -> None:
    for kind in KINDS.values():
        with pytest.raises(MirrorError) as refusal:
            routed(table, f"/v2/{name}/{kind}{query}")
        assert refusal.value.code is Code.NAME_UNKNOWN


def test_a_name_that_is_none_once_its_upstream_is_known_is_malformed(table: Upstreams) -> None:
    with pytest.raises(Malformed) as refusal:
        routed(table, "/v2/registry.test:5443/app/tags/list?ns=ghcr.io")
    assert refusal.value.code is Code.NAME_INVALID


@pytest.mark.parametrize(
    ("repository", "admitted"),
    [
        ("team/app", True),
        ("team/deep/app", True),
        ("library/alpine", True),
        ("other/app", False),
        ("team", False),
        ("alpine", False),  # only Docker Hub has a library
        ("team/secret", False),
        ("team/secret-2", False),
    ],
)
def test_only_what_is_allowed_and_not_denied_is_served(table: Upstreams, repository: str, admitted: bool) -> None:
    for kind in KINDS.values():
        path = f"/v2/{repository}/{kind}?ns=rules.test"
        if admitted:
            assert routed(table, path).repository == repository
        else:
            with pytest.raises(MirrorError) as refusal:
                routed(table, path)
            assert refusal.value.code is Code.DENIED


def test_every_upstream_is_listed_once_whatever_it_is_called(table: Upstreams) -> None:
    names = [upstream.name for upstream in table]
    assert sorted(names) == ["docker.io", "ghcr.io", "localhost", "registry.test:5443", "rules.test"]


@pytest.mark.parametrize("kind", ["tag", "digest", "blob", "tags", "referrers"])
async def test_for_an_unknown_registry_nobody_is_asked(tmp_path: Path, kind: str) -> None:
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, {"upstreams": {"docker.io": {"deny": "team/secret"}}}) as mirror,
    ):
        for method in ("GET", "HEAD"):
            for name, query in UNKNOWN:
                response, body = await mirror.ask(method, f"/v2/{name}/{KINDS[kind]}{query}")
                assert response.status == 404
                assert method == "HEAD" or orjson.loads(body)["errors"][0]["code"] == "NAME_UNKNOWN"
            assert (await mirror.ask(method, f"/v2/team/secret/{KINDS[kind]}"))[0].status == 403
        assert registry.connections == 0
        await mirror.get(f"/v2/team/app/{KINDS[kind]}")
        assert (
            registry.count("GET", f"/v2/team/app/{KINDS[kind]}") == 1
        )  # it can be asked: the silence above was no accident


async def test_an_upstream_whose_every_endpoint_is_left_alone_is_out_of_reach(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        table = pull.pulls.upstreams
        assert not table.out_of_reach("one")
        registry.fail(Fault(status=503), times=None)
        while not table.out_of_reach("one"):
            with pytest.raises(MirrorError):
                await pull.manifests.find(Question(pull.target(), "latest"))
        assert not table.out_of_reach("nobody.test")
