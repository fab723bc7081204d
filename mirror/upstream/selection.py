"""The endpoints of one upstream and the order in which they are tried. Knows neither requests nor errors.

An endpoint that failed stands behind the others for a short while: long enough that not every request runs into the
same dead host first, short enough that nobody has to tell us that it is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from yarl import URL

from mirror.config.registries import endpoint_of
from mirror.config.settings import Upstream

_DEMOTED = 10.0  # seconds

Endpoint = TypeVar("Endpoint", bound=Hashable)


def base_urls(name: str, upstream: Upstream) -> tuple[URL, ...]:
    """The configured endpoints of the upstream called `name`, or the one at which a registry of this name answers."""
    return tuple(URL(endpoint) for endpoint in upstream.endpoints or (endpoint_of(name),))


class Selection(Generic[Endpoint]):
    """`endpoints` (`preferred`, later) in the order of the operator's preference; `clock` is monotonic, in seconds."""

    def __init__(self, endpoints: Sequence[Endpoint], clock: Callable[[], float] = time.monotonic) -> None:
        self.preferred = tuple(endpoints)
        self._clock = clock
        self._demoted_until: dict[Endpoint, float] = {}

    def order(self) -> tuple[Endpoint, ...]:
        """All of them, those that failed lately last; among equals in the order of preference."""
        now = self._clock()
        return tuple(sorted(self.preferred, key=lambda endpoint: self._demoted_until.get(endpoint, now) > now))

    def failed(self, endpoint: Endpoint) -> None:
        """This one goes behind the others for ten seconds."""
        self._demoted_until[endpoint] = self._clock() + _DEMOTED

    def worked(self, endpoint: Endpoint) -> None:
        """This one is where it belongs."""
        self._demoted_until.pop(endpoint, None)
