"""Explanations as a mirror with these settings gives them, running or not; and what it lets be done to tags."""

from __future__ import annotations

import time
from collections.abc import Callable

from mirror.config.addresses import ListenAddress, collide, is_loopback, parse_listen
from mirror.config.settings import Settings
from mirror.pull.explanation import Explanations
from mirror.pull.holdings import Holdings
from mirror.pull.manifests import Manifests
from mirror.pull.memory import Memory
from mirror.pull.routes import Routes
from mirror.pull.shelf import Shelf
from mirror.pull.tag_keeping import TagKeeping
from mirror.pull.tag_notes import TagNotes
from mirror.pull.upstreams import Upstreams
from mirror.store.store import Store
from mirror.upstream.contact import Contact

_MEMORY = 1024**2  # bytes, of manifests that somebody looks at twice


def explanations(
    settings: Settings,
    upstreams: Upstreams,
    contact: Contact,
    store: Store | None,
    now: Callable[[], float] = time.time,
) -> Explanations:
    """`store` is None where the cache cannot be looked at. Neither it nor the upstreams are closed by what is made."""
    routes = _routes(settings, upstreams)
    if store is None:
        return Explanations(routes, lambda: contact.frozen)
    return Explanations(routes, lambda: contact.frozen, _holdings(settings, store), TagNotes(store.facts, now), now)


def keeping(
    settings: Settings,
    upstreams: Upstreams,
    store: Store,
    manifests: Manifests | None,
    now: Callable[[], float] = time.time,
) -> TagKeeping:
    """What the operator does to tags. `manifests` asks upstreams; None where nobody is to be asked. Closes nothing."""
    return TagKeeping(_routes(settings, upstreams), _holdings(settings, store), store, manifests, now)


def is_own(settings: Settings, host: str) -> bool:
    """Whether clients on this machine ask this mirror at `host` (lower case, with a port or none)."""
    if host in settings.hosts() or host.rpartition(":")[0] in settings.hosts():
        return True
    try:
        address = parse_listen(host)
    except ValueError:
        return False
    return any(_answers(ours, address) for ours in settings.server.listen)


def _routes(settings: Settings, upstreams: Upstreams) -> Routes:
    return Routes(upstreams, lambda host: is_own(settings, host))


def _holdings(settings: Settings, store: Store) -> Holdings:
    return Holdings(store, Shelf(store, Memory(_MEMORY), settings.limits.manifest_size))


def _answers(ours: ListenAddress, address: ListenAddress) -> bool:
    return collide(ours, address) and (is_loopback(address.host) or address.host == ours.host)
