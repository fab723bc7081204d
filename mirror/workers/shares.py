"""What of the limits of a mirror each of its processes has. Pure."""

from __future__ import annotations

from mirror.config.bandwidth import shared
from mirror.config.settings import Limits, Settings, Upstream


def share_of(settings: Settings, count: int) -> Settings:
    """The settings of one of `count` processes: together they keep what is said of the mirror.

    Of what can only be whole, each has at least one, and a little more than its share rather than less. What of an
    upstream is asked at a time, and how often, is divided by who asks.
    """
    upstreams = {name: _upstream(upstream, count) for name, upstream in settings.upstreams.items()}
    return settings.model_copy(update={"limits": _limits(settings.limits, count), "upstreams": upstreams})


def _limits(limits: Limits, count: int) -> Limits:
    return limits.model_copy(
        update={
            "connections": _ceiling(limits.connections, count),
            "connections_per_client": _ceiling(limits.connections_per_client, count),
            "memory_cache": _ceiling(limits.memory_cache, count),
            "download": shared(limits.download, count),
            "upload": shared(limits.upload, count),
            "upload_per_client": shared(limits.upload_per_client, count),
        }
    )


def _upstream(upstream: Upstream, count: int) -> Upstream:
    return upstream.model_copy(update={"download": shared(upstream.download, count)})


def _ceiling(number: int, count: int) -> int:
    return -(-number // count)
