"""How many open files clients and fetches take, and how many of both there may be with so many. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 128  # with which a handful of clients are served
_EACH = 3  # of a client: its socket, the duplicate that is sent by, and the blob
_FETCH = 5  # of a fetch: its socket, one that is kept for the next, its directory, and the file twice
_OTHERS = 256  # of everything else: databases, what upstreams are asked beside blobs, those who are turned away
_COLD = 512  # clients who may each have a fetch, before there are fewer clients for its sake
_UNDER_WAY = 4096  # fetches, most of which wait


@dataclass(frozen=True, slots=True)
class Affordable:
    """`connections` of clients at a time, and fetches that are `under_way`."""

    connections: int
    under_way: int


def affordable_with(files: int, connections: int) -> Affordable:
    """So many clients, or as many as there are files for with a fetch for each; and the fetches that are left files.

    `files` are `LEAST` at least.
    """
    files -= min(_OTHERS, files // 2)
    clients = min(connections, max(files // (_EACH + _FETCH), (files - _COLD * _FETCH) // _EACH))
    return Affordable(clients, min((files - clients * _EACH) // _FETCH, _UNDER_WAY))


def needed(connections: int) -> int:
    """The open files with which so many clients are held."""
    return connections * _EACH + min(connections, _COLD) * _FETCH + _OTHERS


def of_use(connections: int) -> int:
    """The open files beyond which there is nothing to be gained."""
    return connections * _EACH + _UNDER_WAY * _FETCH + _OTHERS
