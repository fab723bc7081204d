"""Where blobs are sent from, learned from one image."""

from __future__ import annotations

from typing import Any

from mirror.config.settings import Limits, Upstream
from mirror.doctor.findings import Finding, Level
from mirror.doctor.pulling import Wanted
from mirror.doctor.upstream import Examined, examine
from mirror.upstream.surroundings import Surroundings
from tests.support.faults import Fault
from tests.support.registry import FakeRegistry

LAYERS = [b"layer" * 1000]
REPOSITORY, TAG = "team/app", "v1"


async def redirects(url: str, reference: str = TAG, **values: Any) -> Finding:
    upstream = Upstream.model_validate({"endpoints": url, **values})
    around = Surroundings(environment={})
    wanted = Wanted(REPOSITORY, reference)
    findings = await examine(Examined("a.test", upstream, Limits(), around, wanted=wanted))
    (found,) = [finding for finding in findings if finding.what == "redirects"]
    assert "canary" not in repr(findings)
    return found


async def test_a_registry_that_sends_its_blobs_itself_is_well_and_sends_one_byte() -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, TAG, LAYERS)
        found = await redirects(registry.url)
        assert (found.level, found.words) == (
            Level.OK,
            f"blobs are sent from {registry.url.removeprefix('http://')}",
        )
        assert registry.bytes_sent == 1


async def test_the_hosts_that_redirects_lead_to_are_named() -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, TAG, LAYERS)
        registry.require_bearer("alice", "canary")
        registry.redirects = True
        login: dict[str, Any] = {
            "username": "alice",
            "password": "canary",
            "insecure": True,
            "allow_private_addresses": True,
        }
        found = await redirects(registry.url, **login)
        assert found.level is Level.OK, found
        assert registry.cdn_url.removeprefix("http://") in found.words
        (sent,) = registry.seen("GET", "/objects/")
        assert "authorization" not in sent.headers


async def test_an_index_leads_to_an_image_of_it() -> None:
    async with FakeRegistry() as registry:
        image = registry.push_image(REPOSITORY, None, LAYERS)
        registry.push_index(REPOSITORY, TAG, [image])
        assert (await redirects(registry.url)).level is Level.OK


async def test_a_host_that_does_not_send_the_blob_is_bad() -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, TAG, LAYERS)
        registry.redirects = True
        registry.expire_signatures()
        registry.fail(Fault(status=403), path="/objects/", times=None)
        found = await redirects(registry.url, allow_private_addresses=True)
        assert found.level is Level.BAD
        assert "answers 403" in found.words


async def test_a_redirect_that_the_mirror_would_not_follow_is_bad() -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, TAG, LAYERS)
        location = {"Location": "ftp://canary.test/"}
        registry.fail(Fault(status=307, headers=location), path="/blobs/", times=None)
        found = await redirects(registry.url)
        assert found.level is Level.BAD
        assert found.advice


async def test_an_image_that_is_not_there_is_told() -> None:
    async with FakeRegistry() as registry:
        found = await redirects(registry.url, "none")
        assert found.level is Level.BAD
        assert "manifest of that image" in found.words
