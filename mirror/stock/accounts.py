"""How much room what takes, as a document: by upstream and repository, and in all, within which bounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mirror.errors import StoreFailed
from mirror.store.eviction import Room
from mirror.store.looking import Looking
from mirror.store.usage import Taken, usage


def accounts(looking: Looking, root: Path, room: Room) -> dict[str, Any]:
    """The document; sizes in bytes. Blocks, for seconds where there are a million blobs. Raises StoreFailed."""
    used = usage(looking.index)
    repositories: dict[str, list[dict[str, Any]]] = {one.upstream: [] for one in used.upstreams}
    for one in used.repositories:
        repositories[one.upstream].append({"repository": one.repository, **_amounts(one)})
    return {
        "upstreams": [
            {"upstream": one.upstream, **_amounts(one), "repositories": repositories[one.upstream]}
            for one in used.upstreams
        ],
        "images": sum(one.images for one in used.upstreams),
        "blobs": used.blobs,
        "size": used.size,
        "loose": used.loose,
        **_bounds(root, room),
    }


def _amounts(taken: Taken) -> dict[str, int]:
    return {
        "images": taken.images,
        "size": taken.size,
        "unique": taken.unique,
        "shared": taken.size - taken.unique,
    }


def _bounds(root: Path, room: Room) -> dict[str, int]:
    try:
        status = os.statvfs(root)
    except OSError as error:
        raise StoreFailed(f"the disk does not tell how full it is: {error.strerror}") from error
    total = status.f_blocks * status.f_frsize
    return {
        "limit": room.max_size(total),
        "free": status.f_bavail * status.f_frsize,
        "min_free": room.min_free(total),
    }
