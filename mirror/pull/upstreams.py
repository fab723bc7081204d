"""Which upstream a request means. Nothing that is not configured is ever dialled: the table here is all there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mirror.errors import Code, Refused
from mirror.oci.reference import parse_repository
from mirror.pull.freshness import Policy
from mirror.upstream.registry import Registry

HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A registry that we mirror, with what the operator allows of it."""

    name: str
    registry: Registry
    policy: Policy
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says about where it wants to go: `ns`, `Host`, and the first component if it is a registry."""

    ns: str | None
    host: str | None
    registry: str | None
    repository: str


class Upstreams:
    """The upstreams by all their names. `hosts`: names of ours that mean one of them."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        aliases: Mapping[str, str],
        hosts: Mapping[str, str],
        default: str,
    ) -> None:
        by_name = {upstream.name: upstream for upstream in upstreams}
        self._by_name = by_name | {alias: by_name[name] for alias, name in aliases.items() if name in by_name}
        self._by_host = {host: by_name[name] for host, name in hosts.items()}
        self._default = by_name[default]

    def __iter__(self) -> Iterator[Upstream]:
        seen = {id(upstream): upstream for upstream in self._by_name.values()}
        return iter(seen.values())

    def target(self, asked: Asked) -> Target:
        """The first rule that applies decides: `ns`, the host, the first path component, the default.

        Raises Refused: NAME_UNKNOWN for a registry that is not configured, DENIED for a repository not admitted; and
        Malformed for a name that is none once its upstream is known.
        """
        upstream = self._named(asked)
        if upstream is not None:
            repository = asked.repository if asked.registry is None else f"{asked.registry}/{asked.repository}"
            repository = parse_repository(repository)
        else:
            upstream = self._default if asked.registry is None else self._known(asked.registry)
            repository = asked.repository
        if upstream.name == HUB and "/" not in repository:
            repository = f"library/{repository}"
        if not upstream.admits(repository):
            raise Refused("this mirror does not serve that repository", code=Code.DENIED)
        return Target(upstream, repository)

    def _named(self, asked: Asked) -> Upstream | None:
        """The upstream that the request names beside the path, if it does."""
        if asked.ns is not None:
            return self._known(asked.ns)
        if asked.host is not None and self._by_host:
            host = asked.host.lower()
            return self._by_host.get(host) or self._by_host.get(host.rpartition(":")[0])
        return None

    def _known(self, name: str) -> Upstream:
        upstream = self._by_name.get(name.lower())
        if upstream is None:
            raise Refused("this mirror does not serve that registry", code=Code.NAME_UNKNOWN)
        return upstream
