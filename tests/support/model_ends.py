"""How a mirror that is held against a model ends: at once, or when everything has been pulled; and what is left."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence

from mirror.store.leftovers import clear_ingests
from tests.support.caches import descriptors, layout_at, under_way
from tests.support.faulty_disk import DEATH, Killed
from tests.support.model import Asked, Wanted
from tests.support.model_scene import CONTENTS, REPOSITORIES, TAGS, Scene, said

_LOOK = 0.002  # seconds between two looks at whether the disk has died
_KEPT = 8 * 86400.0  # seconds after which a part that nobody has gone on with is given up


class Errors(logging.Handler):
    """Faults of ours that were logged: whatever has a traceback, but for the deaths that tests bring about."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and not issubclass(kind, Killed):
            self.found.append(f"{record.getMessage()}: {kind.__name__}")


async def killed(scene: Scene, asked: Sequence[Asked], at: int) -> None:
    """Ask all of that, and let the process die at this call of the disk, or when all is answered."""
    scene.forget_requests()
    scene.disk.arm(at, DEATH)
    asking = [asyncio.ensure_future(scene.ask(one)) for one in asked]
    while not scene.disk.fired and not all(one.done() for one in asking):
        await asyncio.wait(asking, timeout=_LOOK)
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await scene.mirror.die()
    scene.disk.disarm()
    scene.learn(heard=False)


async def pull_everything(scene: Scene) -> None:
    """I10: whatever the upstream has can be had, and its tags are where they are now."""
    # One goes ahead: who has been in trouble is asked by one at a time until that one has come back.
    await scene.judged([Asked(Wanted(REPOSITORIES[0], "manifests", "nobody-has-this"))])
    for repository in REPOSITORIES:
        pointed = {tag: digest for tag in TAGS if (digest := scene.registry.tag(repository, tag)) is not None}
        asked = [Asked(Wanted(repository, "manifests", tag)) for tag in pointed]
        for kind in ("manifests", "blobs"):
            there = [digest for digest in CONTENTS if scene.registry.has(repository, kind, digest)]
            asked += [Asked(Wanted(repository, kind, digest)) for digest in there]
        if scene.parts_are_spoilt or scene.model.doubtful:  # whoever goes on with such a part has a try in vain
            await scene.judged(asked)
        for one, got in zip(asked, await scene.judged(asked), strict=True):
            assert got.whole, f"{one} cannot be had: {said(got)}"
            if one.wanted.is_tag:
                assert got.headers["docker-content-digest"] == pointed[one.wanted.reference], f"{one} is not up to date"


async def left_nothing(scene: Scene) -> None:
    """I4, after the end: no part, no descriptor, no task, no thread."""
    with layout_at(scene.root) as layout:
        clear_ingests(layout, time.time() + _KEPT)
    assert under_way(scene.root) == []
    assert descriptors(scene.root) == []
    assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("store")] == []
