"""How many clients and fetches the system lets us have: each takes files, and at the end of them nothing works."""

from __future__ import annotations

import resource

import structlog

from mirror.config.settings import Settings
from mirror.errors import MirrorError
from mirror.open_files import LEAST, Affordable, affordable_with, of_use

_SEVERAL = 4  # times the fetches of one upstream there are files for, or none is made ahead of clients or in parts

_log = structlog.get_logger(__name__)


def affordable(settings: Settings) -> tuple[Settings, int]:
    """With no more clients than the system allows open files for, and how many fetches may be under way.

    It allows more files from now on if it can. Where they are few, what clients ask for has them all. Raises
    MirrorError when they are too few for anything.
    """
    limits = settings.limits
    found = allow_descriptors(limits.connections)
    fewer: dict[str, int] = {}
    if found.connections < limits.connections:
        _log.warning("the system allows too few open files for limits.connections", connections=found.connections)
        fewer["connections"] = found.connections
    most = affordable_with(of_use(limits.connections), limits.connections).under_way
    if found.under_way < min(limits.fetches_per_upstream * _SEVERAL, most):
        _log.warning("the system allows too few open files to fetch ahead of clients", fetches=found.under_way)
        at_once = min(limits.fetches_per_upstream, found.under_way)
        fewer |= {"fetches_per_upstream": at_once, "prefetch": 0, "connections_per_blob": 1}
    if fewer:
        settings = settings.model_copy(update={"limits": limits.model_copy(update=fewer)})
    return settings, found.under_way


def allow_descriptors(connections: int) -> Affordable:
    """Let the process open as many files as so many clients may need, and fetches; how many there may be of both.

    Raises MirrorError when it may not open enough for anything.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted = of_use(connections)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < LEAST:
        advice = "raise `ulimit -n`, or LimitNOFILE of the unit"
        raise MirrorError(f"the system allows {allowed} open files, and {LEAST} are needed at least: {advice}")
    return affordable_with(allowed, connections)
