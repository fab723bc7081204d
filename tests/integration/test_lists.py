"""Lists through a whole mirror: on a good day, when the registry is gone, and after a restart without it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import referrers_tag
from tests.fakes.registry import Registry
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import RawUpstream, Script, answer

OTHER = "other.test"
SIGNATURE, SBOM = "application/vnd.example.signature.v1", "application/vnd.example.sbom.v1"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry() as registry:
        yield registry


def mirror(root: Path, registry: Registry, **values: Any) -> MirrorUnderTest:
    hub = {"tag_ttl": "0s", "not_found_ttl": "0s"}
    upstreams = {"docker.io": hub, OTHER: {"endpoints": registry.url, "deny": "secret/*", **hub}}
    return MirrorUnderTest(root, registry.url, {"upstreams": upstreams, **values})


def referrer(name: str, artifact_type: str) -> dict[str, object]:
    digest = str(Digest.of(name.encode()))
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 5, "artifactType": artifact_type}


async def listed(served: MirrorUnderTest, path: str) -> list[str]:
    response, body = await served.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == OCI_INDEX
    return [entry["artifactType"] for entry in json.loads(body)["manifests"]]


async def test_referrers_survive_the_registry_and_a_restart(tmp_path: Path, registry: Registry) -> None:
    registry.referrers = True
    subject = registry.push_image("team/app", "v1", []).digest
    for name, artifact_type in (("a", SIGNATURE), ("b", SBOM)):
        registry.attach("team/app", subject, referrer(name, artifact_type))
    path = f"/v2/team/app/referrers/{subject}"
    async with mirror(tmp_path, registry) as served:
        assert await listed(served, path) == [SIGNATURE, SBOM]
        assert await listed(served, f"{path}?artifactType={SBOM}") == [SBOM]
    await registry.stop()
    for _ in range(2):
        async with mirror(tmp_path, registry) as served:
            assert await listed(served, path) == [SIGNATURE, SBOM]
            response, _ = await served.get(f"{path}?artifactType={SIGNATURE}")
            assert response.headers["OCI-Filters-Applied"] == "artifactType"
            assert response.headers["Warning"].startswith('299 - "docker.io')
            assert response.headers["Cache-Status"].startswith("mirror; hit; detail=stale; ttl=")
            assert int(response.headers["Age"]) >= 0
            response, body = await served.get(f"/v2/team/app/referrers/{Digest.of(b'another')}")
            assert response.status == 503
            assert "Retry-After" in response.headers
            assert json.loads(body)["errors"][0]["code"] == "UNAVAILABLE"


async def test_a_list_under_a_tag_survives_them_too(tmp_path: Path, registry: Registry) -> None:
    subject = registry.push_image("team/app", "v1", []).digest
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [referrer("a", SIGNATURE)]}
    registry.push_manifest("team/app", referrers_tag(subject), json.dumps(index).encode(), OCI_INDEX)
    path = f"/v2/team/app/referrers/{subject}"
    async with mirror(tmp_path, registry) as served:
        assert await listed(served, path) == [SIGNATURE]
    await registry.stop()
    async with mirror(tmp_path, registry) as served:
        assert await listed(served, path) == [SIGNATURE]
        response, _ = await served.get(f"/v2/team/app/manifests/{referrers_tag(subject)}")
        assert response.status == 200


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
async def test_a_signatures_tag_that_nobody_has_asked_for_is_not_absent_but_unknown(
    tmp_path: Path, registry: Registry, suffix: str
) -> None:
    subject = registry.push_image("team/app", "v1", []).digest
    tag = f"/v2/team/app/manifests/sha256-{subject.encoded}{suffix}"
    upstreams = {"docker.io": {"endpoints": registry.url, "not_found_ttl": "1h"}}
    async with MirrorUnderTest(tmp_path, registry.url, {"upstreams": upstreams}) as served:
        for _ in range(3):
            assert (await served.get(tag))[0].status == 404
        asked = registry.count(path="/manifests/")
        assert asked >= 1
        await registry.stop()
        assert (await served.get(tag))[0].status == 404  # that is what the upstream has said
        assert (await served.get(tag.replace("team/app", "team/other")))[0].status == 503


async def test_the_catalogue_tells_what_is_held_and_leads_on(tmp_path: Path, registry: Registry) -> None:
    names = ("library/alpine", "team/app", "team/tool")
    for name in (*names, "secret/app"):
        registry.push_image(name, "v1", [])
    async with mirror(tmp_path, registry, catalog=True) as served:
        for name in names:
            assert (await served.get(f"/v2/{name}/manifests/v1"))[0].status == 200
        assert (await served.get(f"/v2/team/app/manifests/v1?ns={OTHER}"))[0].status == 200
        assert (await served.get(f"/v2/secret/app/manifests/v1?ns={OTHER}"))[0].status == 403
        await served.mirror.store.flush()
        told: list[str] = []
        path: str | None = "/v2/_catalog?n=1"
        while path is not None:
            response, body = await served.get(path)
            told += json.loads(body)["repositories"]
            link = response.headers.get("Link")
            path = None if link is None else link.partition(">")[0].removeprefix("<")
        assert told == ["library/alpine", f"{OTHER}/team/app", "team/app", "team/tool"]
        for name in told:
            assert (await served.get(f"/v2/{name}/manifests/v1"))[0].status == 200
        response, body = await served.get(f"/v2/_catalog?ns={OTHER}")
        assert json.loads(body) == {"repositories": ["team/app"]}
        assert response.headers["OCI-Namespace"] == OTHER
        assert (await served.get("/v2/_catalog?ns=elsewhere.test"))[0].status == 404
        head = await served.head("/v2/_catalog")
        assert int(head.headers["Content-Length"]) > 0
        rendered = served.mirror.metrics.render().decode()
        assert 'kind="catalog"' in rendered


async def test_a_list_of_tags_survives_the_registry_and_never_passes_for_the_whole(
    tmp_path: Path, registry: Registry
) -> None:
    for tag in ("v1", "v2", "v3"):
        registry.push_image("team/app", tag, [])
    async with mirror(tmp_path, registry) as served:
        await served.get("/v2/team/app/manifests/v3")
        await served.mirror.store.flush()
        await served.get("/v2/team/app/tags/list?n=2")
    await registry.stop()
    async with mirror(tmp_path, registry) as served:
        response, body = await served.get("/v2/team/app/tags/list?n=2")
        assert json.loads(body)["tags"] == ["v1", "v2"]
        assert response.headers["Link"] == '</v2/team/app/tags/list?n=2&last=v2>; rel="next"'
        assert "there may be others" in response.headers["Warning"]
        _, body = await served.get("/v2/team/app/tags/list?n=2&last=v2")
        assert json.loads(body)["tags"] == ["v3"]
        assert (await served.get("/v2/team/none/tags/list"))[0].status == 503


def found(*names: str) -> Script:
    body = json.dumps({"num_results": len(names), "results": [{"name": name} for name in names]}).encode()
    return [answer("200 OK", [f"Content-Length: {len(body)}"], body)]


async def test_a_search_goes_where_the_operator_says_and_carries_nothing_of_ours(
    tmp_path: Path, registry: Registry
) -> None:
    async with RawUpstream(found("team/app", "secret/app")) as searched:
        login = {"username": "canary-user", "password": "canary-word", "insecure": True}
        upstreams = {"docker.io": {"deny": "secret/*", "search": searched.url, **login}}
        async with MirrorUnderTest(tmp_path, registry.url, {"upstreams": upstreams}) as served:
            response, body = await served.get("/v1/search?q=app&n=25", Authorization="Basic Y2FuYXJ5", Cookie="canary")
            assert response.status == 200
            assert [result["name"] for result in json.loads(body)["results"]] == ["team/app"]
            assert 'kind="search"' in served.mirror.metrics.render().decode()
        (seen,) = searched.requests
        assert "canary" not in str(seen)
        assert "Y2FuYXJ5" not in str(seen)
        assert registry.requests == []


async def test_lists_are_answered_while_the_registry_limits_us(tmp_path: Path, registry: Registry) -> None:
    registry.referrers = True
    subject = registry.push_image("team/app", "v1", []).digest
    registry.attach("team/app", subject, referrer("a", SIGNATURE))
    paths = (f"/v2/team/app/referrers/{subject}", "/v2/team/app/tags/list")
    async with mirror(tmp_path, registry) as served:
        for path in paths:
            assert (await served.get(path))[0].status == 200
        registry.fail(Fault(status=429, headers={"Retry-After": "60"}), times=None)
        asked = registry.count()
        for _ in range(10):
            for path in paths:
                response, _ = await served.get(path)
                assert response.status == 200
                assert response.headers["Cache-Status"].startswith("mirror; hit; detail=stale")
        assert 1 <= registry.count() - asked <= 2
