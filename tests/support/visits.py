"""A client of the pull that pulls images, blob by blob, as the server has one do, and what that asks of an upstream."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

from mirror.oci.digest import Digest
from mirror.pull.fetches import Bounds
from mirror.pull.manifests import Question
from mirror.pull.turns import Wish
from tests.support.content import Image
from tests.support.pulling import BOUNDS, Pulling, Setup, body
from tests.support.registry import FakeRegistry

AHEAD = Setup(bounds=replace(BOUNDS, at_once=16, ahead=6))


def layers(number: int, seed: int = 0, size: int = 2000) -> list[bytes]:
    """Layers of which no two are the same."""
    random = Random(seed)
    return [random.randbytes(size) for _ in range(number)]


def bounds(at_once: int, ahead: int) -> Setup:
    return Setup(bounds=Bounds(at_once, wait=5, resumes=0, ahead=ahead))


class Client:
    """One that pulls from a repository."""

    def __init__(self, pull: Pulling, repository: str = "a/b", name: str = "10.0.0.1") -> None:
        self._pull = pull
        self._target = pull.target(repository)
        self._name = name

    async def manifest(self, reference: str | Digest = "latest") -> None:
        """Get a manifest."""
        found = await self._pull.manifests.find(Question(self._target, reference))
        self._pull.pulls.images.note(self._target, found.manifest)

    async def blob(self, digest: Digest) -> bytes:
        """Get a blob, all of it."""
        pulls = self._pull.pulls
        with pulls.prefetch.visit(self._target, digest):
            size = pulls.images.size(self._target, digest)
            return await body(await self._pull.blobs.find(self._target, digest, Wish(self._name, size)))


async def settled(pull: Pulling) -> None:
    """Wait until no fetch is under way, and none follows."""
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
        while len(pull.fetches):
            await pull.ended(len(pull.over) + 1)
            await asyncio.sleep(0)


def asked(registry: FakeRegistry, image: Image) -> list[str]:
    """The blobs of the image that the registry was asked for, in order: `config`, or the number of a layer."""
    names = {str(image.config_digest): "config"}
    names |= {str(digest): str(number) for number, digest in enumerate(image.layer_digests)}
    found = [seen.path.rpartition("/")[2] for seen in registry.seen("GET", "/blobs/")]
    return [names[name] for name in found if name in names]
