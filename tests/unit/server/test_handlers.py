"""What each endpoint asks the pull, and what is known of the request afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from mirror.errors import Code, MirrorError
from mirror.oci import endpoint as endpoints
from mirror.outcome import Outcome
from mirror.server.exchange import Exchange, Lasting
from mirror.server.handlers import Handlers
from tests.support.answering import exchange_of
from tests.support.content import OCI_INDEX, OCI_MANIFEST
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.surface import (
    ABSENT_DIGEST,
    DIGEST_PATH,
    LIST_PATH,
    MANIFEST,
    MANIFEST_DIGEST,
    OTHER,
    REPOSITORY,
    SMALL,
    SMALL_DIGEST,
    SMALL_PATH,
    TAG_PATH,
    configuration,
)


class Asking:
    """The handlers over a whole pull and a registry."""

    def __init__(self, registry: FakeRegistry, mirror: MirrorUnderTest) -> None:
        self.registry = registry
        self._pulls = mirror.mirror.pulls
        self._handlers = Handlers(self._pulls)

    def tells(self) -> None:
        """From now on there is a catalogue."""
        self._handlers = Handlers(self._pulls, told=self._pulls.repositories)

    async def ask(self, target: str, method: str = "GET", *lines: str) -> tuple[Exchange, web.StreamResponse]:
        exchange = exchange_of(method, target, *lines)
        path, _, query = target.partition("?")
        answer = await self._handlers.answer(exchange, endpoints.parse(path), endpoints.parse_query(query))
        return exchange, answer

    async def recalled(self, target: str) -> tuple[list[Outcome], Lasting]:
        """Ask until the answer comes from memory: what it holds, and how it was answered until then."""
        before: list[Outcome] = []
        async with asyncio.timeout(10):
            while True:
                exchange, _ = await self.ask(target)
                if exchange.lasting is not None:
                    assert exchange.outcome is Outcome.HIT
                    return before, exchange.lasting
                before.append(exchange.outcome)
                await asyncio.sleep(0.002)


REFERRERS_PATH = f"/v2/{REPOSITORY}/referrers/{MANIFEST_DIGEST}"


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL])
        registry.push_manifest(REPOSITORY, "v1", MANIFEST, OCI_MANIFEST)
        async with MirrorUnderTest(tmp_path, registry.url, configuration(registry.url)) as mirror:
            yield Asking(registry, mirror)


@pytest.mark.parametrize(
    ("target", "kind", "upstream", "repository", "reference"),
    [
        ("/v2/", "ping", None, None, None),
        (TAG_PATH, "manifest", "docker.io", REPOSITORY, "v1"),
        (DIGEST_PATH, "manifest", "docker.io", REPOSITORY, str(MANIFEST_DIGEST)),
        (SMALL_PATH, "blob", "docker.io", REPOSITORY, str(SMALL_DIGEST)),
        (LIST_PATH, "tags", "docker.io", REPOSITORY, None),
        (REFERRERS_PATH, "referrers", "docker.io", REPOSITORY, str(MANIFEST_DIGEST)),
        (f"{REFERRERS_PATH}?ns={OTHER}", "referrers", OTHER, REPOSITORY, str(MANIFEST_DIGEST)),
        ("/v2/_catalog", "catalog", None, None, None),
        (f"/v2/_catalog?ns={OTHER}", "catalog", OTHER, None, None),
        ("/v1/_ping", "ping", None, None, None),
        ("/v1/search?q=app", "search", "docker.io", None, None),
        (f"/v1/search?q={OTHER}/app", "search", OTHER, None, None),
        (f"/v1/search?q=app&ns={OTHER}", "search", OTHER, None, None),
        (f"{TAG_PATH}?ns={OTHER}", "manifest", OTHER, REPOSITORY, "v1"),
        (TAG_PATH.replace("/v2/", f"/v2/{OTHER}/"), "manifest", OTHER, REPOSITORY, "v1"),
    ],
)
async def test_it_is_known_what_was_asked(
    asking: Asking, target: str, kind: str, upstream: str | None, repository: str | None, reference: str | None
) -> None:
    asking.tells()
    exchange, answer = await asking.ask(target)
    assert answer.status == 200
    assert (exchange.kind, exchange.upstream) == (kind, upstream)
    assert (exchange.repository, exchange.reference) == (repository, reference)


@pytest.mark.parametrize(
    ("target", "code", "kind"),
    [
        (f"/v2/{REPOSITORY}/manifests/none", Code.MANIFEST_UNKNOWN, "manifest"),
        (f"/v2/{REPOSITORY}/blobs/{ABSENT_DIGEST}", Code.BLOB_UNKNOWN, "blob"),
        ("/v2/team/none/tags/list", Code.NAME_UNKNOWN, "tags"),
        (f"{TAG_PATH}?ns=elsewhere.test", Code.NAME_UNKNOWN, "manifest"),
        (f"/v2/closed/app/manifests/v1?ns={OTHER}", Code.DENIED, "manifest"),
        ("/v2/team/none/referrers/" + str(MANIFEST_DIGEST), Code.NAME_UNKNOWN, "referrers"),
        ("/v2/_catalog", Code.NOT_FOUND, "catalog"),
        ("/v1/search", Code.BAD_REQUEST, "search"),
        ("/v1/search?q=elsewhere.test/app", Code.NAME_UNKNOWN, "search"),
    ],
)
async def test_what_cannot_be_answered_is_an_error(asking: Asking, target: str, code: Code, kind: str) -> None:
    exchange = exchange_of("GET", target)
    path, _, query = target.partition("?")
    with pytest.raises(MirrorError) as raised:
        await asking._handlers.answer(exchange, endpoints.parse(path), endpoints.parse_query(query))
    assert raised.value.code is code
    assert exchange.kind == kind


@pytest.mark.parametrize(("ns", "echoed"), [(OTHER, OTHER), (OTHER.upper(), OTHER.upper()), ("docker.io", "docker.io")])
async def test_a_namespace_is_echoed_as_it_was_written(asking: Asking, ns: str, echoed: str) -> None:
    _, answer = await asking.ask(f"{TAG_PATH}?ns={ns}")
    assert answer.headers["OCI-Namespace"] == echoed


async def test_a_repository_that_is_not_served_is_of_a_registry_that_is(asking: Asking) -> None:
    exchange = exchange_of("GET", f"/v2/closed/app/manifests/v1?ns={OTHER}")
    with pytest.raises(MirrorError):
        await asking._handlers.answer(
            exchange, endpoints.parse("/v2/closed/app/manifests/v1"), endpoints.parse_query(f"ns={OTHER}")
        )
    assert exchange.namespace == OTHER


async def test_a_head_starts_no_download(asking: Asking) -> None:
    for target in (TAG_PATH, SMALL_PATH):
        exchange, answer = await asking.ask(target, "HEAD")
        assert (answer.status, exchange.sent) == (200, 0)
    assert asking.registry.count("GET") == 0


@pytest.mark.parametrize("target", [TAG_PATH, DIGEST_PATH, SMALL_PATH])
async def test_what_had_to_be_asked_for_does_not_last(asking: Asking, target: str) -> None:
    before, _ = await asking.recalled(target)
    assert before[0] is Outcome.MISS


async def test_by_tag_it_lasts_while_the_tag_is_fresh_and_by_digest_for_ever(asking: Asking) -> None:
    _, by_tag = await asking.recalled(TAG_PATH)
    assert (by_tag.digest, by_tag.body, by_tag.media_type) == (str(MANIFEST_DIGEST), MANIFEST, OCI_MANIFEST)
    assert by_tag.checked is not None
    assert by_tag.until == by_tag.checked + 300
    for path, digest, body in ((DIGEST_PATH, MANIFEST_DIGEST, MANIFEST), (SMALL_PATH, SMALL_DIGEST, SMALL)):
        _, lasting = await asking.recalled(path)
        assert (lasting.digest, lasting.body, lasting.media_type, lasting.until) == (str(digest), body, None, None)


async def test_what_a_narrow_client_is_given_does_not_last(asking: Asking) -> None:
    for _ in range(4):
        exchange, answer = await asking.ask(TAG_PATH, "GET", f"Accept: {OCI_INDEX}")
        assert answer.status == 200
        assert exchange.lasting is None


async def test_tags_come_with_the_way_to_more(asking: Asking) -> None:
    for tag in ("v2", "v3"):
        asking.registry.push_manifest(REPOSITORY, tag, MANIFEST, OCI_MANIFEST)
    _, page = await asking.ask(f"{LIST_PATH}?n=2")
    assert page.headers["Link"] == f'<{LIST_PATH}?n=2&last=v2>; rel="next"'
    _, last = await asking.ask(f"{LIST_PATH}?n=2&last=v2")
    assert "Link" not in last.headers
    assert isinstance(last, web.Response)
    assert isinstance(last.body, bytes)
    assert json.loads(last.body) == {"name": REPOSITORY, "tags": ["v3"]}
