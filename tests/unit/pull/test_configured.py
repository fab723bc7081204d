"""What stands in the configuration becomes the policy, the rules and the registries of each upstream."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mirror.config.quantities import Share
from mirror.config.settings import Settings
from mirror.config.settings import Upstream as Configured
from mirror.errors import ConfigurationError
from mirror.pull.configured import Making, policy_of
from mirror.pull.freshness import Policy
from mirror.upstream.login import Kind, Login
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

TOKEN = Login("", "canary", Kind.IDENTITY_TOKEN)


def making(**values: object) -> Making:
    return Making(Settings.model_validate(values), unobserved, Surroundings())


def test_every_key_about_freshness_is_in_the_policy() -> None:
    values = {
        "tag_ttl": 1,
        "stale_for": 2,
        "not_found_ttl": 3,
        "immutable_tags": ["v*"],
        "on_deleted": "forget",
        "honour_no_cache": True,
        "budget_reserve": 5,
    }
    assert policy_of(Configured.model_validate(values)) == Policy(1, 2, 3, ("v*",), False, True, Share(size=5))
    assert policy_of(Configured()).serves_deleted


async def test_every_upstream_that_is_configured_is_made_and_those_of_patterns_later() -> None:
    made = making(upstreams={"*.pkg.dev": {"allow": "team/*"}, "a.test": {"deny": "x"}}, builtin_upstreams=True)
    try:
        table = await made.make()
        names = {upstream.name for upstream in table}
        assert {"docker.io", "ghcr.io", "a.test"} <= names
        assert not any("pkg.dev" in name for name in names)
        host = table.named("eu.pkg.dev")
        assert (host.name, host.registry.name, host.allow) == ("eu.pkg.dev", "eu.pkg.dev", ("team/*",))
        assert [one.place for one in host.registry.endpoints] == ["eu.pkg.dev"]
        assert table.named("a.test").deny == ("x",)
        assert "eu.pkg.dev" in {upstream.name for upstream in table}
    finally:
        await made.aclose()


@pytest.mark.parametrize(
    ("whole", "own", "prefetches"),
    [
        ({}, {}, True),
        ({"prefetch": "off"}, {}, False),
        ({"prefetch": "off"}, {"prefetch": "auto"}, True),
        ({}, {"prefetch": "off"}, False),
        ({}, {"request_rate": "10/s"}, False),
        ({}, {"request_rate": "10/s", "prefetch": "auto"}, False),
    ],
)
async def test_whether_anything_is_fetched_ahead(
    whole: dict[str, object], own: dict[str, object], prefetches: bool
) -> None:
    made = making(upstreams={"a.test": own}, **whole)
    try:
        table = await made.make()
        assert table.named("a.test").prefetches == prefetches
    finally:
        await made.aclose()


async def test_where_to_search_is_built_in_or_configured_and_never_guessed() -> None:
    made = making(
        upstreams={"a.test": {"search": "https://search.a.test"}, "b.test": {}, "*.c.test": {}}, builtin_upstreams=True
    )
    try:
        table = await made.make()
        names = ("docker.io", "ghcr.io", "a.test", "b.test", "x.c.test")
        assert [name for name in names if table.named(name).search is not None] == ["docker.io", "a.test"]
    finally:
        await made.aclose()
    made = making(upstreams={"docker.io": {"endpoints": "https://hub.inside.test"}})
    try:
        assert (await made.make()).named("docker.io").search is None
    finally:
        await made.aclose()


@pytest.mark.parametrize("name", ["a.test", "*.b.test"])
async def test_a_certificate_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path, name: str) -> None:
    made = making(upstreams={name: {"ca_file": str(tmp_path / "none")}})
    with pytest.raises(ConfigurationError, match=f"upstreams.{re.escape(name)}.ca_file"):
        await made.make()


async def test_an_upstream_is_lent_with_another_login_and_nothing_else_changes() -> None:
    own = {"username": "own", "password": "canary-own", "tag_ttl": 7, "allow": "team/*", "insecure": True}
    made = making(upstreams={"a.test": own, "*.pkg.dev": own})
    try:
        table = await made.make()
        for name in ("a.test", "eu.pkg.dev"):
            upstream = table.named(name)
            for login, shown in ((Login("alice", "canary"), Login("alice", "canary")), (TOKEN, TOKEN)):
                lent = made.lent(upstream, login, "job")
                assert await lent.registry.credentials.login() == shown
                assert (lent.name, lent.policy, lent.allow, lent.lent_to) == (name, upstream.policy, ("team/*",), "job")
                assert [one.place for one in lent.registry.endpoints] == [name]
                await lent.registry.aclose()
            known = await upstream.registry.credentials.login()
            assert known is not None
            assert (known.username, upstream.lent_to) == ("own", "")
    finally:
        await made.aclose()
