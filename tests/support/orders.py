"""A mirror with an operator who orders pulls of it, in front of a registry that may want a login."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.jobs.job import Job
from mirror.jobs.jobs import Jobs
from mirror.jobs.order import Order
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.pull.upstreams import Asked, Target
from mirror.upstream.login import Login
from tests.fakes.registry import Registry
from tests.support import content
from tests.support.content import Image
from tests.support.mirror import MirrorUnderTest

APP = "library/app"
ALICE = Login("alice", "canary-of-alice")


@dataclass(frozen=True, slots=True)
class Ordered:
    """`registry` stands in for Docker Hub."""

    registry: Registry
    mirror: MirrorUnderTest

    @property
    def jobs(self) -> Jobs:
        return self.mirror.mirror.orders.jobs

    @property
    def target(self) -> Target:
        return self.mirror.mirror.pulls.upstreams.target(Asked(None, None, "docker.io", APP))

    async def pulled(self, order: Order, login: Login | None = None) -> Job:
        """The job, after its end."""
        job, _ = self.jobs.order(order, login)
        await self.jobs.wait(job)
        return job

    async def settled(self) -> None:
        """Wait until what has been fetched is stored."""
        fetches = self.mirror.mirror.pulls.fetches
        for fetch in list(fetches._fetches.values()):
            await fetch.ended.wait()

    def digests(self, job: Job) -> dict[str, str]:
        """What has become of each blob that the job told of."""
        lines = [change.line for change in job.board.since(0)]
        return {line["digest"]: line["state"] for line in lines if line["event"] == "blob"}


def order(name: str = "docker.io/app:v1", *platforms: str, referrers: bool = False) -> Order:
    return Order(ImageName.parse(name), platforms, referrers)


def end_of(job: Job) -> Mapping[str, Any]:
    """The last line that a job has written."""
    return job.board.since(0)[-1].line


def sign(registry: Registry, image: Image, signature: bytes = b"a signature") -> Digest:
    """Push something that refers to the image; its digest."""
    body = json.loads(content.manifest(b"{}", [signature])) | {
        "subject": {"mediaType": image.media_type, "digest": str(image.digest), "size": len(image.manifest_body)}
    }
    for blob in (b"{}", signature):
        registry.push_blob(APP, blob)
    document = json.dumps(body).encode()
    digest = registry.push_manifest(APP, None, document, content.OCI_MANIFEST)
    descriptor = {"mediaType": content.OCI_MANIFEST, "digest": str(digest), "size": len(document)}
    registry.attach(APP, image.digest, descriptor)
    return digest


@asynccontextmanager
async def ordered(root: Path, overrides: Mapping[str, Any] | None = None) -> AsyncIterator[Ordered]:
    """`overrides` are merged into the configuration."""
    async with Registry() as registry, MirrorUnderTest(root, registry.url, overrides) as mirror:
        yield Ordered(registry, mirror)
