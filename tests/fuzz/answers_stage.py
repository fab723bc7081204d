"""A mirror and a registry that alters its answers, on one loop; and the kinds of request whose answers are altered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from mirror.upstream.surroundings import Surroundings
from tests.fakes.addresses import Lenient
from tests.fakes.registry import Registry
from tests.fuzz.answers_heard import Heard
from tests.support.checker import Cache, until
from tests.support.clock import Ahead
from tests.support.content import Image
from tests.support.faults import Fault
from tests.support.hostile_answers import Mutation
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import play
from tests.support.wire import Reply, Seen, send

DEADLINE = 25.0  # seconds for any answer: more than the limits below, and two pauses of a download, come to
LEFT_ALONE = 3601.0  # seconds for which nothing is asked of a registry that is down, at the very most
LARGEST = 64 * 1024
MOST = (
    6  # answers to one pull that are altered: whoever sends a byte at each try is tried for as long as there are more
)
PART = 100  # bytes of a layer, which is larger


class Hostile(Registry):
    """As it should be, but for the requests that `met` takes: their answers are altered."""

    def __init__(self) -> None:
        super().__init__()
        self.met: Callable[[Seen], bool] = lambda _: False
        self.mutation = Mutation()
        self.altered = 0

    def turn(self, mutation: Mutation, kind: Kind) -> None:
        """From now on this becomes of the answers to what `kind` names, and of no others."""
        self.heal()
        self.login, self.redirects, self.altered, self.mutation = None, False, 0, mutation
        kind.set_up(self)
        self.met = lambda seen: kind.met in seen.path

    def relent(self) -> None:
        self.met = lambda _: False

    async def _answered(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        fault = self._fault_for(seen)
        if fault != Fault() or not self.met(seen) or self.altered == MOST:
            return await send(writer, seen, self._reply(seen, fault), fault)
        self.altered += 1
        for step in self.mutation.script(self._reply(seen, Fault()), seen.method == "HEAD"):
            if not await play(step, writer):
                return False
        return True

    def _worded(self, seen: Seen, fault: Fault) -> Reply:
        if seen.path == "/v1/search":
            found = {"name": "team/app", "description": "an app", "star_count": 1, "is_official": False}
            body = {"num_results": 1, "query": "app", "results": [found]}
            return Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        if "/referrers/" in seen.path:
            return self._referrers(seen)  # whoever asks
        return super()._worded(seen, fault)


@dataclass(frozen=True, slots=True)
class Kind:
    """A client asks for `path`; of what the mirror asks for that, everything with `met` in its path is altered."""

    path: str
    met: str
    method: str = "GET"
    set_up: Callable[[Hostile], None] = lambda _: None
    share: int = 1  # of so many examples one is tried: where what is wrong is waited out, they take their time

    def path_of(self, repository: str, image: Image, number: int) -> str:
        """What a client asks the mirror for."""
        path = self.path.format(digest=image.digest, layer=image.layer_digests[0], number=number)
        return path if path.startswith("/") else f"/v2/{repository}/{path}"


def with_tokens(registry: Hostile) -> None:
    registry.require_bearer()


def with_a_storage(registry: Hostile) -> None:
    registry.redirects = True


def broken_once(registry: Hostile) -> None:
    """The first part of the blob is sound, and the rest is altered."""
    registry.fail(Fault(cut_at=PART), "GET", "/blobs/")


KINDS = {
    "tag": Kind("manifests/v1", "/manifests/"),
    "digest": Kind("manifests/{digest}", "/manifests/"),
    "head": Kind("manifests/v1", "/manifests/", "HEAD"),
    "blob": Kind("blobs/{layer}", "/blobs/"),
    "head of a blob": Kind("blobs/{layer}", "/blobs/", "HEAD"),
    "rest of a blob": Kind("blobs/{layer}", "/blobs/", set_up=broken_once, share=4),
    "redirect": Kind("blobs/{layer}", "/blobs/", set_up=with_a_storage),
    "storage": Kind("blobs/{layer}", "/objects/", set_up=with_a_storage),
    "tags": Kind("tags/list", "/tags/"),
    "referrers": Kind("referrers/{digest}", "/referrers/"),
    "challenge": Kind("manifests/v1", "/manifests/", set_up=with_tokens),
    "token": Kind("manifests/{digest}", "/token", set_up=with_tokens),
    "search": Kind("/v1/search?q=app{number}", "/v1/search"),
}


@dataclass(slots=True)
class Stage:
    """The mirror, and the registry behind it, on one loop for all examples."""

    runner: asyncio.Runner
    registry: Hostile
    mirror: MirrorUnderTest
    clock: Ahead
    complaints: list[dict[str, Any]]
    number: int = 0

    @property
    def cache(self) -> Cache:
        return Cache.of(self.mirror)

    async def ask(self, method: str, path: str) -> Heard:
        """Raises TimeoutError when it takes longer than the deadline."""
        body = bytearray()
        async with (
            asyncio.timeout(DEADLINE),
            self.mirror.session.request(method, self.mirror.url + path, allow_redirects=False) as response,
        ):
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except aiohttp.ClientError:
                return Heard(response.status, headers, bytes(body), False)
            return Heard(response.status, headers, bytes(body), True)

    async def settle(self) -> None:
        """Until nothing is fetched any more; by then nobody leaves the registry alone either."""
        await until(lambda: len(self.mirror.mirror.pulls.fetches) == 0)
        self.clock.advance(LEFT_ALONE)
        self.mirror.mirror.pulls.searches._failed.clear()  # which has a clock of its own


def mirror_of(root: Path, registry: Hostile, clock: Ahead) -> MirrorUnderTest:
    """One that waits for nobody, and remembers no absence and no tag."""
    times = {"connect_timeout": "1s", "first_byte_timeout": "1s", "read_timeout": "1s", "answer_timeout": "3s"}
    overrides = {
        "prefetch": "off",  # what one request leads to is what is looked at
        "limits": {**times, "resumes": 1, "manifest_size": LARGEST, "token_size": LARGEST},
        "upstreams": {
            "docker.io": {
                "not_found_ttl": "0s",
                "tag_ttl": "0s",
                "search": registry.url,
                "insecure": True,
            }
        },
    }

    async def asleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    # Names that answers make up lead nowhere, and nobody is asked for them.
    around = Surroundings(Lenient(), environment={}, clock=clock, sleep=asleep)
    return MirrorUnderTest(root, registry.url, overrides, around)
