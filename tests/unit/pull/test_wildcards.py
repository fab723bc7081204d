"""Registries that a pattern stands for: made when they are asked for, bounded, and never taken from under a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mirror.config.settings import Limits
from mirror.config.settings import Upstream as Configured
from mirror.errors import Code, ConfigurationError, MirrorError, Refused, Unreachable
from mirror.pull.freshness import Policy
from mirror.pull.upstreams import Asked, Rule, Upstream, Upstreams
from mirror.pull.wildcards import Wildcards
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport

PATTERNS = ("*.pkg.dev", "*-docker.pkg.dev", "*.registry.test:5443")
POLICY = Policy(300, 3600, 10)


def upstream(host: str, allow: tuple[str, ...] = ("*",)) -> Upstream:
    """Whoever asks it finds that there is no such host."""
    transport = Transport(host, Configured(), Limits())
    return Upstream(host, Registry(host, Configured(), Limits(), transport), POLICY, allow)


@dataclass(slots=True)
class Workshop:
    made: list[tuple[str, str]] = field(default_factory=list)

    def make(self, host: str, pattern: str) -> Upstream:
        self.made.append((host, pattern))
        return upstream(host, ("team/*",) if pattern == "*.pkg.dev" else ("*",))


@asynccontextmanager
async def opened(workshop: Workshop, most: int = 3) -> AsyncIterator[Wildcards]:
    wildcards = Wildcards(PATTERNS, workshop.make, most)
    try:
        yield wildcards
    finally:
        await wildcards.aclose()


async def is_closed(one: Upstream) -> bool:
    with pytest.raises(Unreachable) as refusal:
        await one.registry.tags("team/app")
    return "stopping" in str(refusal.value)


async def test_a_host_is_made_once_and_goes_by_its_own_name() -> None:
    workshop = Workshop()
    async with opened(workshop) as wildcards:
        first, again = wildcards.find("a.pkg.dev"), wildcards.find("a.pkg.dev")
        assert first is not None
        assert again is not None
        assert first.name == "a.pkg.dev"
        assert first.registry is again.registry
        assert workshop.made == [("a.pkg.dev", "*.pkg.dev")]
        assert [one.name for one in wildcards] == ["a.pkg.dev"]


async def test_the_pattern_that_says_most_makes_the_host() -> None:
    workshop = Workshop()
    async with opened(workshop) as wildcards:
        wildcards.find("eu-docker.pkg.dev")
        wildcards.find("a.registry.test:5443")
        assert workshop.made == [
            ("eu-docker.pkg.dev", "*-docker.pkg.dev"),
            ("a.registry.test:5443", "*.registry.test:5443"),
        ]


@pytest.mark.parametrize("host", ["pkg.dev", "a.b.pkg.dev", "a.pkg.dev:443", "a.registry.test", "ghcr.io", "*.pkg.dev"])
async def test_a_host_that_no_pattern_stands_for_is_not_made(host: str) -> None:
    workshop = Workshop()
    async with opened(workshop) as wildcards:
        assert wildcards.find(host) is None
        assert workshop.made == []


async def test_the_host_that_nobody_has_asked_for_the_longest_time_is_closed() -> None:
    async with opened(Workshop()) as wildcards:
        for name in ("a", "b", "c"):
            wildcards.find(f"{name}.pkg.dev")
        oldest = next(each for each in wildcards if each.name == "b.pkg.dev")
        wildcards.find("a.pkg.dev")
        wildcards.find("d.pkg.dev")
        assert [each.name for each in wildcards] == ["c.pkg.dev", "a.pkg.dev", "d.pkg.dev"]
        await wildcards.aclose()
        assert await is_closed(oldest)


async def test_a_host_that_is_being_asked_is_not_closed() -> None:
    async with opened(Workshop(), most=2) as wildcards:
        held = wildcards.find("a.pkg.dev")
        wildcards.find("b.pkg.dev")
        wildcards.find("c.pkg.dev")
        assert held is not None
        assert [each.name for each in wildcards] == ["a.pkg.dev", "c.pkg.dev"]
        assert not await is_closed(held)


async def test_more_hosts_than_there_may_be_at_a_time_are_refused() -> None:
    async with opened(Workshop(), most=2) as wildcards:
        held = [wildcards.find("a.pkg.dev"), wildcards.find("b.pkg.dev")]
        with pytest.raises(Refused) as refusal:
            wildcards.find("c.pkg.dev")
        assert refusal.value.code is Code.BUSY
        assert wildcards.find("a.pkg.dev") is not None
        held.clear()
        assert wildcards.find("c.pkg.dev") is not None


async def test_a_host_whose_files_cannot_be_used_just_now_is_refused_until_they_can() -> None:
    workshop, broken = Workshop(), True

    def make(host: str, pattern: str) -> Upstream:
        if broken:
            raise ConfigurationError(["upstreams.*.pkg.dev.ca_file: cannot be read"])
        return workshop.make(host, pattern)

    wildcards = Wildcards(PATTERNS, make)
    with pytest.raises(Refused) as refusal:
        wildcards.find("a.pkg.dev")
    assert (refusal.value.code, refusal.value.retry_after) == (Code.UNAVAILABLE, 5)
    assert "ca_file" not in str(refusal.value)
    broken = False
    assert wildcards.find("a.pkg.dev") is not None
    await wildcards.aclose()


async def test_the_end_closes_every_host() -> None:
    wildcards = Wildcards(PATTERNS, Workshop().make)
    held = wildcards.find("a.pkg.dev")
    assert held is not None
    await wildcards.aclose()
    assert await is_closed(held)


async def test_a_request_finds_a_pattern_where_no_name_fits() -> None:
    workshop = Workshop()
    exact = upstream("mine.pkg.dev")
    async with opened(workshop) as wildcards:
        table = Upstreams([exact], {}, {}, "mine.pkg.dev", wildcards)
        for asked, rule in (
            (Asked("A.pkg.dev", None, None, "team/app"), Rule.NAMESPACE),
            (Asked(None, None, "a.pkg.dev", "team/app"), Rule.PATH),
        ):
            target, decided = table.route(asked)
            assert (target.name, target.repository, decided) == ("a.pkg.dev", "team/app", rule)
        assert table.named("mine.pkg.dev") is exact
        assert [made for made, _ in workshop.made] == ["a.pkg.dev"]
        assert [each.name for each in table] == ["mine.pkg.dev", "a.pkg.dev"]
    await exact.registry.aclose()


async def test_what_a_pattern_allows_counts_for_each_of_its_hosts() -> None:
    exact = upstream("mine.test")
    async with opened(Workshop()) as wildcards:
        table = Upstreams([exact], {}, {}, "mine.test", wildcards)
        assert table.target(Asked("a.pkg.dev", None, None, "team/app")).name == "a.pkg.dev"
        with pytest.raises(Refused) as refusal:
            table.target(Asked("a.pkg.dev", None, None, "other/app"))
        assert refusal.value.code is Code.DENIED
    await exact.registry.aclose()


async def test_figures_call_a_host_by_its_pattern() -> None:
    exact = upstream("mine.pkg.dev")
    async with opened(Workshop()) as wildcards:
        table = Upstreams([exact], {}, {}, "mine.pkg.dev", wildcards)
        assert table.label("mine.pkg.dev") == "mine.pkg.dev"
        assert table.label("never-asked.pkg.dev") == "*.pkg.dev"
        assert table.label("ghcr.io") == "ghcr.io"
        assert Upstreams([exact], {}, {}, "mine.pkg.dev").label("a.pkg.dev") == "a.pkg.dev"
    await exact.registry.aclose()


async def test_an_unknown_registry_is_refused_with_patterns_too() -> None:
    exact = upstream("mine.test")
    workshop = Workshop()
    async with opened(workshop) as wildcards:
        table = Upstreams([exact], {}, {}, "mine.test", wildcards)
        for name in ("pkg.dev", "a.b.pkg.dev", "*.pkg.dev", "a.pkg.dev.evil.test", "169.254.169.254"):
            with pytest.raises(MirrorError) as refusal:
                table.named(name)
            assert refusal.value.code is Code.NAME_UNKNOWN
        assert workshop.made == []
    await exact.registry.aclose()
