"""Endpoints that are IPv6 addresses, from the challenge to the blob."""

from __future__ import annotations

from pydantic import SecretStr

from mirror.config.settings import Upstream
from tests.support.registry import FakeRegistry
from tests.support.upstreams import opened, pull


async def test_an_endpoint_may_be_an_ipv6_address() -> None:
    async with FakeRegistry(host="::1") as server:
        server.redirects = True
        digest = server.push_blob("a/b", b"content")
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_bearer("alice", "canary")
        upstream = Upstream(endpoints=(server.url,), username="alice", password=SecretStr("canary"), insecure=True)
        async with opened(upstream) as registry:
            assert (await registry.manifest("a/b", "v1")).body == b"{}"
            assert await pull(registry, "a/b", digest) == b"content"
        assert {seen.headers["host"].rpartition(":")[0] for seen in server.requests} == {"[::1]"}
