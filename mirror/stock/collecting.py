"""What goes when room is made, told line by line with its reason; and made. Answers are documents."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from mirror.errors import Code, Refused, StoreFailed
from mirror.store.choice import Choice, Going, Staying
from mirror.store.databases import LOSSES
from mirror.store.images import Name
from mirror.store.store import Store

_TROUBLE = "the cache cannot be looked through just now"
_GATHERING = "what images need is still being gathered from their manifests: try again soon"
_PATIENCE, _PAUSE = 20.0, 0.1  # seconds for that, and between two looks
MOST = 2000  # things that are told one by one; the rest is counted
_OTHERS = 3  # images that go with another one, and are named


class Collecting:
    """Over a store that whoever made it closes. `target`: bytes to get down to, None for the bounds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rehearsed(self, target: int | None) -> dict[str, Any]:
        """What `collected` would do. Raises StoreFailed, Refused (BUSY) in an index that was just made."""
        told = await self._told(target)
        try:
            choice = await self._store.house.plan(target)
        except LOSSES as error:
            raise StoreFailed(_TROUBLE) from error
        return told | {"dry_run": True} | _document(choice, choice.bytes)

    async def collected(self, target: int | None) -> dict[str, Any]:
        """Make the room, and tell what went. Raises as `rehearsed`."""
        told = await self._told(target)
        try:
            choice, removed = await self._store.house.collect(target)
        except LOSSES as error:
            raise StoreFailed(_TROUBLE) from error
        return told | {"dry_run": False} | _document(choice, removed)

    async def _told(self, target: int | None) -> dict[str, Any]:
        try:
            await self._gathered()
            images = await self._store.images.count()
        except LOSSES as error:
            raise StoreFailed(_TROUBLE) from error
        return {"target": target, "size": self._store.size, "limit": self._store.limit, "images": images}

    async def _gathered(self) -> None:
        """Wait until images are known: before, blobs go, of whatever image. Raises Refused, one of LOSSES."""
        for _ in range(int(_PATIENCE / _PAUSE)):
            if await self._store.images.are_gathered():
                return
            await asyncio.sleep(_PAUSE)
        raise Refused(_GATHERING, code=Code.BUSY, retry_after=10)


def _document(choice: Choice, removed: int) -> dict[str, Any]:
    going = [_going(one) for one in choice.going[:MOST]]
    staying = [_staying(one) for one in choice.staying[:MOST]]
    return {
        "bytes": removed,
        "lacking": choice.lacking,
        "images_going": sum(len(_images(one)) for one in choice.going),
        "going": going,
        "going_untold": len(choice.going) - len(going),
        "staying": staying,
    }


def _images(one: Going) -> list[Name]:
    """All that go with it: several repositories may have the same one."""
    names = ([] if one.image is None else [one.image]) + [name for name, _ in one.of]
    return list(dict.fromkeys(names))


def _going(one: Going) -> dict[str, Any]:
    others = [name for name in _images(one) if name != one.image]
    return {
        "why": one.why.value,
        "image": _named(one.image),
        "tags": list(one.tags),
        "others": [{"image": _named(name), "digest": name[2]} for name in others[:_OTHERS]],
        "others_untold": len(others[_OTHERS:]),
        "digest": one.parts[0][0],
        "blobs": len(one.parts),
        "bytes": one.bytes,
        "last_pull": None
        if one.last_pull is None
        else datetime.fromtimestamp(one.last_pull, UTC).isoformat(timespec="seconds"),
    }


def _staying(one: Staying) -> dict[str, Any]:
    return {"why": one.why.value, "image": _named(one.image), "digest": one.digest, "pin": one.pattern}


def _named(image: Name | None) -> str | None:
    return None if image is None else f"{image[0]}/{image[1]}"
