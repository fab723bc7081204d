"""Which upstream an image's name means, by which rule, and how that upstream stands. Asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mirror.errors import Code, Refused
from mirror.oci.image_name import ImageName
from mirror.pull.upstreams import Asked, Rule, Target, Upstreams

_WORDS = {
    Rule.NAMESPACE: "a client that says `ns` names it",
    Rule.HOST: "that host name of this mirror means it (`hosts`)",
    Rule.PATH: "the name begins with it",
    Rule.DEFAULT: "the name has no registry, and it is the default_upstream",
}


@dataclass(frozen=True, slots=True)
class EndpointState:
    """`state` is the breaker's: `closed` lets requests through. Times are seconds from now."""

    place: str
    state: str
    probe_in: float
    throttled_for: float


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern`: the entry of the configuration, where it is for many registries. `credential`: whom it is asked as."""

    upstream: str
    pattern: str | None
    rule: str
    why: str
    repository: str
    reference: str
    admitted: bool
    credential: str
    endpoints: tuple[EndpointState, ...]


class Routes:
    """`own`: whether a host, with a port or none, is one that this mirror is asked at."""

    def __init__(self, upstreams: Upstreams, own: Callable[[str], bool]) -> None:
        self._upstreams = upstreams
        self._own = own

    def find(self, image: ImageName) -> tuple[Target, Route]:
        """Where a pull of this image leads. Raises Refused (NAME_UNKNOWN) when nowhere; Malformed for no name."""
        target, rule = self._target(image)
        upstream = target.upstream
        label = self._upstreams.label(target.name)
        registry = upstream.registry
        endpoints = tuple(
            EndpointState(one.place, one.state.name.lower(), one.probe_in, one.throttled_for)
            for one in registry.endpoints
        )
        return target, Route(
            target.name,
            label if label != target.name else None,
            rule.value,
            _WORDS[rule],
            target.repository,
            str(image.reference),
            upstream.admits(target.repository),
            registry.credentials.describe(),
            endpoints,
        )

    def _target(self, image: ImageName) -> tuple[Target, Rule]:
        try:
            return self._upstreams.route(Asked(None, None, image.registry, image.repository))
        except Refused as error:
            if error.code is not Code.NAME_UNKNOWN or image.registry is None or not self._own(image.registry.lower()):
                raise
        # The name is one by which this mirror itself is asked.
        inner = image.within()
        return self._upstreams.route(Asked(None, image.registry, inner.registry, inner.repository))
