"""How many clients the system lets us have at a time: each takes files, and at the end of them nothing works."""

from __future__ import annotations

import resource

import structlog

from mirror.config.settings import Settings

_EACH = 3  # of a client: its socket, the duplicate that is sent by, and the blob
_OTHERS = 256  # of everything else: upstreams, databases, fetches, those who are turned away


_log = structlog.get_logger(__name__)


def affordable(settings: Settings) -> Settings:
    """With no more clients than the system allows open files for, of which it allows more from now on if it can."""
    limits = settings.limits
    connections = allow_descriptors(limits.connections)
    if connections == limits.connections:
        return settings
    _log.warning("the system allows too few open files for limits.connections", connections=connections)
    return settings.model_copy(update={"limits": limits.model_copy(update={"connections": connections})})


def allow_descriptors(connections: int) -> int:
    """Let the process open as many files as so many clients may need; how many clients there may be, at least one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections * _EACH + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else max(soft, min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    others = min(_OTHERS, allowed // 2)
    return max(min((allowed - others) // _EACH, connections), 1)
