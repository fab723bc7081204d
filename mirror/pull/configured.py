"""The upstreams as the operator has configured them: each with its registry, its policy, and what it admits.

Of a pattern's hosts each is made when it is asked for. Knows no store and no client.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from yarl import URL

from mirror.allowance import allowance
from mirror.config import settings as configured
from mirror.config.lent import lent
from mirror.config.patterns import best, is_pattern
from mirror.config.registries import search_of
from mirror.config.settings import Settings
from mirror.pull.freshness import Policy
from mirror.pull.upstreams import Upstream, Upstreams
from mirror.pull.wildcards import Wildcards
from mirror.upstream.concord import Concord
from mirror.upstream.login import IDENTITY, Kind, Login
from mirror.upstream.registry import Registry
from mirror.upstream.report import Observe
from mirror.upstream.resolver import Resolver
from mirror.upstream.search import Search, searched
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport


class Making:
    """Makes every upstream of `settings` within a running event loop. `observe` hears of every exchange with them.

    `surroundings` is what all of them share. What was made is closed by `aclose`.
    """

    def __init__(self, settings: Settings, observe: Observe, surroundings: Surroundings) -> None:
        self._settings = settings
        self._resolved = settings.resolved_upstreams()
        self._observe = observe
        self._surroundings = replace(surroundings, download=allowance(settings.limits.download))
        self._closing = AsyncExitStack()
        if surroundings.resolver is None:
            resolver = Resolver()
            self._closing.push_async_callback(resolver.close)
            self._surroundings = replace(self._surroundings, resolver=resolver)

    async def make(self) -> Upstreams:
        """Raises ConfigurationError when a certificate or proxy cannot be used; what was made by then is closed."""
        settings = self._settings
        try:
            upstreams = []
            for name in [name for name in self._resolved if not is_pattern(name)]:
                upstreams.append(self._upstream(name, name))
                self._closing.push_async_callback(upstreams[-1].registry.aclose)
            patterns = [name for name in self._resolved if is_pattern(name)]
            for pattern in patterns:  # what cannot be used is to be heard of now, not by the first who asks for a host
                await self._upstream(pattern, pattern).registry.aclose()
            wildcards = Wildcards(patterns, self._upstream)
            self._closing.push_async_callback(wildcards.aclose)
        except BaseException:
            await self.aclose()
            raise
        aliases = settings.aliases()
        return Upstreams(upstreams, aliases, settings.hosts(), aliases[settings.default_upstream], wildcards)

    def lent(self, upstream: Upstream, login: Login, job: str) -> Upstream:
        """The same upstream asked with this login in place of its own, over connections that it shares with nobody.

        Who asks by it closes its registry. Raises ConfigurationError.
        """
        entry = upstream.name
        if entry not in self._resolved:
            entry = best([name for name in self._resolved if is_pattern(name)], entry) or entry
        username = login.username if login.kind is Kind.PASSWORD else IDENTITY
        configured = lent(self._resolved[entry], username, login.password)
        around = replace(self._surroundings, concord=Concord.alone())
        transport = Transport(upstream.name, configured, self._settings.limits, self._observe, around)
        registry = Registry(upstream.name, configured, self._settings.limits, transport, around.clock)
        return replace(upstream, registry=registry, lent_to=job)

    async def aclose(self) -> None:
        """Close every connection. Twice is as good as once."""
        await self._closing.aclose()

    def _upstream(self, name: str, entry: str) -> Upstream:
        """The upstream called `name`, by the entry of this name in the configuration."""
        upstream, limits = self._resolved[entry], self._settings.limits
        transport = Transport(name, upstream, limits, self._observe, self._surroundings)
        registry = Registry(name, upstream, limits, transport, self._surroundings.clock)
        # Where requests are rationed, each one that nobody has asked for is one that somebody has to wait for.
        prefetches = (upstream.prefetch or self._settings.prefetch) == "auto" and upstream.request_rate is None
        lanes = limits.connections_per_blob if upstream.request_rate is None else 1
        search = self._search(name, upstream)
        return Upstream(name, registry, policy_of(upstream), upstream.allow, upstream.deny, search, prefetches, lanes)

    def _search(self, name: str, upstream: configured.Upstream) -> Search | None:
        """The search of this upstream over connections of its own, on which no credential ever goes."""
        base = upstream.search or search_of(name, upstream.endpoints)
        if base is None:
            return None
        session = Transport(name, searched(upstream, base), self._settings.limits, self._observe, self._surroundings)
        search = Search(URL(base), self._settings.limits, session)
        self._closing.push_async_callback(search.aclose)
        return search


def policy_of(upstream: configured.Upstream) -> Policy:
    """When a tag of this upstream has to be asked for."""
    return Policy(
        upstream.tag_ttl,
        upstream.stale_for,
        upstream.not_found_ttl,
        upstream.immutable_tags,
        serves_deleted=upstream.on_deleted == "serve",
        honours_no_cache=upstream.honour_no_cache,
        reserve=upstream.budget_reserve,
        hold=upstream.hold_new_digests,
    )
