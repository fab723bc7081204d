"""Rehearsals before a pull whose clock the test moves, and clients who have pulled there what is rehearsed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.errors import UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.manifest import classify
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from mirror.rehearsal.rehearsal import Rehearsals, Stage
from mirror.rehearsal.terms import Terms
from mirror.stock.naming import Naming
from mirror.stock.premises import Premises
from tests.support.caches import ENDLESS
from tests.support.checker import until
from tests.support.content import Image
from tests.support.larder import is_gathered
from tests.support.pulling import body
from tests.support.scenes import POLICY, Scene, scene


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """`root` is the cache's; the clock of pulls is `it.clock`."""

    it: Scene
    root: Path
    rehearsals: Rehearsals
    stage: Stage

    async def pull(self, reference: str | Digest = "latest", blobs: bool = True) -> bool:
        """A client pulls this of `a/b`, and of an index every platform. Whether all of it came."""
        pull, target = self.it.pull, self.it.pull.target()
        try:
            manifest = (await pull.manifests.find(Question(target, reference))).manifest
            pull.pulls.given(target, manifest)
            read = classify(manifest.body or b"", manifest.media_type)
            for one in read.blobs if blobs else ():
                if not one.foreign:
                    await body(await pull.blobs.find(target, one.digest))
            await until(lambda: len(pull.fetches) == 0)
            return all([await self.pull(one.digest, blobs) for one in read.manifests])
        except UpstreamError:
            return False

    def push(self, tag: str | None, *layers: bytes) -> Image:
        """An image in the registry."""
        return self.it.registry.push_image("a/b", tag, layers)

    async def lose(self, digest: Digest) -> None:
        """A file is gone from the disk, and the mirror has not yet met with that."""
        assert await self.it.pull.store.blobs.open(digest) is not None
        (self.root / "blobs" / digest.algorithm / digest.encoded).unlink()

    async def foretold(self, **terms: Any) -> dict[str, list[str]]:
        """What each image lacks, by its name."""
        documents = await self.told(**terms)
        return {one["image"]: [reason["lack"] for reason in one["reasons"]] for one in documents[:-1]}

    async def told(self, **terms: Any) -> list[dict[str, Any]]:
        return [document async for document in self.rehearsals.run(Terms(**terms))]


@asynccontextmanager
async def rehearsing(root: Path, policy: Policy = POLICY) -> AsyncIterator[Rehearsing]:
    async with scene(root, policy) as it:
        await until(lambda: is_gathered(root))
        premises = Premises(root, ENDLESS, Naming("one", {"one": "one"}))
        stage = Stage(it.pull.store, it.pull.pulls.upstreams, premises, 1024**2)
        # By the machine's clock, which pulls are noted by, as far ahead as the test has put that of the tags.
        began = it.clock()
        yield Rehearsing(it, root, Rehearsals(stage, lambda: time.time() + it.clock() - began), stage)
