"""A registry with one image under `latest`, and before it a pull whose clock the test moves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror.pull.content import FoundManifest
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from tests.support.clock import Clock
from tests.support.content import Image
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.registry import FakeRegistry

POLICY = Policy(tag_ttl=300, stale_for=3600, not_found_ttl=3600, immutable_tags=("v*",))
MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Requests are made for the repository `a/b`."""

    registry: FakeRegistry
    pull: Pulling
    clock: Clock
    image: Image

    async def get(self, tag: str = "latest", accept: Sequence[str] = ()) -> FoundManifest:
        return await self.pull.manifests.find(Question(self.pull.target(), tag, accept))

    async def head(self, tag: str = "latest") -> FoundManifest:
        return await self.pull.manifests.find(Question(self.pull.target(), tag, body=False))

    def asked(self) -> list[str]:
        """The methods of the requests since the last time."""
        methods = [seen.method for seen in self.registry.requests]
        self.registry.requests.clear()
        return methods

    def move(self, layer: bytes = b"new") -> Image:
        """Let `latest` point to another image."""
        return self.registry.push_image("a/b", "latest", [layer])


@asynccontextmanager
async def scene(root: Path, policy: Policy = POLICY) -> AsyncIterator[Scene]:
    clock = Clock(time.time())
    async with FakeRegistry() as registry, pulling(root, Setup(policy, now=clock), one=registry.url) as pull:
        yield Scene(registry, pull, clock, registry.push_image("a/b", "latest", [b"old"]))
