"""Whether settings of different sections go together. Pure: looks at values, and at nothing of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mirror.config.addresses import ListenAddress, collide, is_loopback
from mirror.config.conflicts import Conflict, Place
from mirror.config.patterns import is_pattern
from mirror.config.upstream_agreement import meaningless_for_a_pattern

if TYPE_CHECKING:
    from mirror.config.settings import Settings

_PORTS = {"http": 80, "https": 443}


def disagreements(settings: Settings) -> Iterator[Conflict]:
    """All of them, each at the setting that the operator wrote where one of the two is a default."""
    yield from _unknown_default(settings)
    yield from _one_host_for_many(settings)
    yield from _hosts_claimed_twice(settings)
    yield from _addresses_taken_twice(settings)
    yield from _mirror_as_its_own_upstream(settings)
    yield from _too_little_time(settings)
    yield from _too_little_room(settings)


def _unknown_default(settings: Settings) -> Iterator[Conflict]:
    name = settings.default_upstream
    if name not in settings.aliases():
        place = ("default_upstream",)
        involved = (place, ("builtin_upstreams",), ("upstreams",), ("upstreams", name))
        yield Conflict(place, f"{name} is neither configured nor built in", involved)


def _one_host_for_many(settings: Settings) -> Iterator[Conflict]:
    for name, upstream in settings.upstreams.items():
        for key in meaningless_for_a_pattern(upstream) if is_pattern(name) else ():
            place = ("upstreams", name, key)
            yield Conflict(place, "has no meaning for a pattern, which stands for many registries", (place,))


def _hosts_claimed_twice(settings: Settings) -> Iterator[Conflict]:
    owners: dict[str, str] = {}
    for name, upstream in settings.upstreams.items():
        for host in upstream.hosts:
            if owners.setdefault(host, name) != name:
                place = ("upstreams", name, "hosts")
                yield Conflict(place, f"{host} means {owners[host]} already", (place,))


def _addresses_taken_twice(settings: Settings) -> Iterator[Conflict]:
    listens = [(("server", "listen"), address) for address in settings.server.listen]
    listens += [(("admin", "listen"), address) for address in settings.admin.listen]
    for (first, taken), (second, address) in combinations(listens, 2):
        if collide(taken, address):
            place, other = (second, first) if _is_written(settings, second) else (first, second)
            of, of_other = ("", "") if first == second else (f" of {'.'.join(first)}", f" of {'.'.join(second)}")
            message = f"{taken}{of} and {address}{of_other} cannot both be listened on"
            yield Conflict(place, message, (place, other))


def _mirror_as_its_own_upstream(settings: Settings) -> Iterator[Conflict]:
    for name, upstream in settings.upstreams.items():
        for endpoint in upstream.endpoints:
            parts = urlsplit(endpoint)
            address = ListenAddress(parts.hostname or "", parts.port or _PORTS[parts.scheme])
            for ours in settings.server.listen:
                if collide(ours, address) and (is_loopback(address.host) or address.host == ours.host):
                    place = ("upstreams", name, "endpoints")
                    yield Conflict(place, f"leads back to this mirror, at {ours}", (place, ("server", "listen")))


def _too_little_time(settings: Settings) -> Iterator[Conflict]:
    whole = ("limits", "answer_timeout")
    for part in (("limits", "connect_timeout"), ("limits", "first_byte_timeout")):
        if settings.limits.answer_timeout >= getattr(settings.limits, part[-1]):
            continue
        if _is_written(settings, whole):
            yield Conflict(whole, f"is shorter than {part[-1]}, which it includes", (whole, part))
        else:
            yield Conflict(part, f"is longer than {whole[-1]}, which includes it", (whole, part))


def _too_little_room(settings: Settings) -> Iterator[Conflict]:
    size = settings.storage.max_size.size
    if size is not None and size < settings.limits.manifest_size:
        place, other = ("storage", "max_size"), ("limits", "manifest_size")
        yield Conflict(place, "is smaller than limits.manifest_size, so not even a manifest has room", (place, other))


def _is_written(settings: Settings, place: Place) -> bool:
    section, key = place
    return key in getattr(settings, section).model_fields_set
