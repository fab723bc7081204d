"""Which upstream a request means. Nothing that is not configured is ever dialled: the table here is all there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mirror.errors import Code, Refused
from mirror.oci.reference import parse_repository
from mirror.pull.freshness import Policy
from mirror.upstream.registry import Registry
from mirror.upstream.search import Search

if TYPE_CHECKING:
    from mirror.pull.wildcards import Wildcards

HUB = "docker.io"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Upstream:
    """A registry that we mirror, with what the operator allows of it."""

    name: str
    registry: Registry
    policy: Policy
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    search: Search | None = None
    prefetches: bool = True  # whether the rest of an image may be fetched before clients ask for it
    connections_per_blob: int = 1  # at most so many at a time bring one blob, where several bring it sooner
    lent_to: str = ""  # the job that it is asked for with a login of its own; its answers are no word for anybody else

    def admits(self, repository: str) -> bool:
        return any(fnmatchcase(repository, pattern) for pattern in self.allow) and not any(
            fnmatchcase(repository, pattern) for pattern in self.deny
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A repository of an upstream, by the name that the upstream knows it by."""

    upstream: Upstream
    repository: str
    name: str = field(init=False)  # of the upstream: half of every key

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.upstream.name)

    @property
    def place(self) -> tuple[str, str]:
        """What an answer of the upstream is a word about: this repository, and for a lent login only as it sees it."""
        lent_to = self.upstream.lent_to
        return self.name, f"{self.repository} as {lent_to}" if lent_to else self.repository


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says about where it wants to go: `ns`, `Host`, and the first component if it is a registry."""

    ns: str | None
    host: str | None
    registry: str | None
    repository: str


class Rule(Enum):
    """Which part of a request decides about its upstream: the first of these that is there."""

    NAMESPACE = "ns"
    HOST = "host"
    PATH = "path"
    DEFAULT = "default"


class Upstreams:
    """The upstreams by their names. `hosts`: names of ours that mean one of them; `wildcards`: those of patterns."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        aliases: Mapping[str, str],
        hosts: Mapping[str, str],
        default: str,
        wildcards: Wildcards | None = None,
    ) -> None:
        by_name = {upstream.name: upstream for upstream in upstreams}
        self._by_name = by_name | {alias: by_name[name] for alias, name in aliases.items() if name in by_name}
        self._by_host = {host: by_name[name] for host, name in hosts.items()}
        self._default = by_name[default]
        self._wildcards = wildcards

    def __iter__(self) -> Iterator[Upstream]:
        """Every upstream that is configured by its name, and those of patterns that somebody has asked for."""
        seen = {id(upstream): upstream for upstream in self._by_name.values()}
        yield from seen.values()
        if self._wildcards is not None:
            yield from self._wildcards

    def label(self, name: str) -> str:
        """What figures call the upstream of this name: one of a pattern goes by the pattern, of which there are few."""
        if name in self._by_name or self._wildcards is None:
            return name
        return self._wildcards.pattern(name) or name

    def target(self, asked: Asked) -> Target:
        """The first rule that applies decides: `ns`, the host, the first path component, the default.

        Raises Refused: NAME_UNKNOWN for a registry that is not configured, DENIED for a repository not admitted, and
        BUSY for more registries of patterns at a time than there may be; and Malformed for a name that is none once
        its upstream is known.
        """
        target, _ = self.route(asked)
        if not target.upstream.admits(target.repository):
            raise Refused("this mirror does not serve that repository", code=Code.DENIED)
        return target

    def route(self, asked: Asked) -> tuple[Target, Rule]:
        """The same with the rule that decided, and whether or not the repository is admitted."""
        upstream, rule = self._deciding(asked)
        repository = asked.repository
        if rule in (Rule.NAMESPACE, Rule.HOST):
            repository = parse_repository(repository if asked.registry is None else f"{asked.registry}/{repository}")
        if upstream.name == HUB and "/" not in repository:
            repository = f"library/{repository}"
        return Target(upstream, repository), rule

    def scope(self, ns: str | None, host: str | None) -> tuple[Upstream, Rule]:
        """The upstream of a request that is about no repository, with the rule that decided. Raises as `named`."""
        return self._deciding(Asked(ns, host, None, ""))

    def named(self, name: str) -> Upstream:
        """The upstream that goes by this name, in whatever case. Raises Refused: NAME_UNKNOWN, or BUSY."""
        upstream = self._by_name.get(name.lower())
        if upstream is None and self._wildcards is not None:
            upstream = self._wildcards.find(name.lower())
        if upstream is None:
            raise Refused("this mirror does not serve that registry", code=Code.NAME_UNKNOWN)
        return upstream

    def out_of_reach(self, name: str) -> bool:
        """Whether the upstream of this name cannot be asked just now. Of one that is not served there is no telling."""
        return any(upstream.registry.is_out_of_reach for upstream in self if upstream.name == name)

    def _deciding(self, asked: Asked) -> tuple[Upstream, Rule]:
        if asked.ns is not None:
            return self.named(asked.ns), Rule.NAMESPACE
        if asked.host is not None and self._by_host:
            host = asked.host.lower()
            upstream = self._by_host.get(host) or self._by_host.get(host.rpartition(":")[0])
            if upstream is not None:
                return upstream, Rule.HOST
        if asked.registry is not None:
            return self.named(asked.registry), Rule.PATH
        return self._default, Rule.DEFAULT
