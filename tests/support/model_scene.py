"""A mirror, the registry behind it, and a client of it, each of whose answers is held against a model."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from mirror.oci.digest import Digest
from mirror.pull.freshness import Policy
from mirror.pull.memory import SMALL as SMALL_SIZE
from mirror.store.ingest import Stamp
from tests.support import content
from tests.support.checker import Got
from tests.support.clock import Ahead, Clock
from tests.support.faulty_disk import FaultyDisk
from tests.support.model import Asked, Model, Wanted
from tests.support.model_mirror import USER, Making, ModelMirror, write_password
from tests.support.model_registry import Account, TellingRegistry, Told
from tests.support.surface import noise
from tests.support.sweeps import Bound

SMALL, MIDDLE, LARGE = noise("small", 1500), noise("middle", 100_000), noise("large", 300_000)
LAYERS = ([SMALL, MIDDLE], [MIDDLE, LARGE], [SMALL], [LARGE])
CONFIGS = [content.config(layers) for layers in LAYERS]
MANIFESTS = [content.manifest(config, layers) for config, layers in zip(CONFIGS, LAYERS, strict=True)]
CONTENTS = {str(Digest.of(data)): data for data in (*MANIFESTS, *CONFIGS, SMALL, MIDDLE, LARGE)}
REPOSITORIES = ("team/app", "team/other")
TAGS = ("latest", "v1")
TRIES = 8  # GETs for one blob that a client's one request may lead to while something is wrong
_BEGINNING = 1_700_000_000.0  # of the wall clock
_SOON, _LOOK = 10.0, 0.002  # seconds


@dataclass(frozen=True, slots=True)
class Terms:
    """What is different from one mirror to the next. `memory`: bytes of small content that are kept there."""

    policy: Policy
    memory: int


class Scene:
    """`await open()`; then whatever a rule does, within `step`s; at last `close()`."""

    def __init__(self, home: Path, terms: Terms) -> None:
        self.root = home / "cache"
        self.wall, self.monotonic = Clock(_BEGINNING), Ahead()
        self.model = Model(terms.policy, self.wall, CONTENTS)
        self.disk, self.bound = FaultyDisk(), Bound()
        self.account = Account(USER, "password-1")
        self.registry = TellingRegistry(self.wall, self.account)
        self.mirror: ModelMirror
        self.delivered: set[tuple[str, str]] = set()  # what a client was given, by repository and digest
        self.parts_are_spoilt = False  # which costs whoever goes on with them one try
        self._terms = terms
        self._password_file = home / "password"
        self._sound: dict[Path, Stamp] = {}
        self._spoilt: dict[Path, Stamp] = {}

    async def open(self) -> None:
        write_password(self._password_file, self.account.password)
        await self.registry.start()
        await self.begin()

    async def begin(self) -> None:
        """Start a mirror over what the last one has left."""
        making = Making(
            self.root,
            self.registry.url,
            self._password_file,
            self._terms.policy,
            self._terms.memory,
            self.wall,
            self.monotonic,
            self.disk,
            self.bound,
        )
        self.mirror = ModelMirror(making)
        await self.mirror.begin()

    def rotate(self) -> None:
        """The account has another password, and the mirror is told."""
        self.account.password += "1"
        write_password(self._password_file, self.account.password)

    async def ask(self, asked: Asked, leave_after: int | None = None) -> Got:
        """What a client gets that reads to the end, or leaves after so many bytes."""
        body = bytearray()
        session, url = self.mirror.session, self.mirror.url + asked.wanted.path
        try:
            async with session.request(asked.method, url, headers=asked.headers, allow_redirects=False) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                try:
                    async for piece in response.content.iter_any():
                        body += piece
                        if leave_after is not None and len(body) >= leave_after:
                            response.close()
                            return Got(response.status, headers, bytes(body), False)
                except aiohttp.ClientError:
                    return Got(response.status, headers, bytes(body), False)
                return Got(response.status, headers, bytes(body), True)
        except aiohttp.ClientError:
            return Got(0, {}, b"", False)

    async def judged(self, asked: Sequence[Asked], leave_after: int | None = None) -> list[Got]:
        """Answers to requests that are made at the same time, each of which may be as far as the model goes."""
        self.forget_requests()
        answers = await asyncio.gather(*(self.ask(one, leave_after) for one in asked))
        await self.mirror.settled()
        told = self.registry.told
        for one, got in zip(asked, answers, strict=True):
            assert (why := self.model.wrong(one, got, told)) is None, f"{one} was answered with {why}"
            digest = got.headers.get("docker-content-digest", "")
            if got.status in (200, 206):
                assert (one.wanted.repository, digest) in self.registry.proven, f"{one} was never affirmed"
                assert not self._is_refused(one.wanted, told), f"{one} was answered though it was refused"
            if got.whole and one.method == "GET" and got.status == 200:
                self.delivered.add((one.wanted.repository, digest))
        self.learn(heard=True)
        verified = (got for got in answers if got.whole and got.status == 200 and got.body)
        self.model.doubtful -= {got.headers["docker-content-digest"] for got in verified}
        return answers

    def learn(self, *, heard: bool) -> None:
        self.model.learn(self.registry.told, heard)

    def forget_requests(self) -> None:
        self.registry.told.clear()
        self.registry.requests.clear()

    async def heal_upstream(self) -> None:
        """Nothing is wrong with it any more; its connections are new ones."""
        self.registry.heal()
        for repository in REPOSITORIES:
            self.registry.admit(repository)
        await self.registry.stop()
        await self.registry.start()

    def keeps(self, wanted: Wanted) -> bool:
        """Whether the cache holds this digest, as it should be, and somebody was given it for this repository."""
        if (wanted.repository, wanted.reference) not in self.delivered or wanted.is_tag:
            return False
        path = self._path(wanted.reference)
        return path.exists() and Stamp.of(path.stat()) != self._spoilt.get(path)

    def spoil(self, path: Path, change: Callable[[Path], object]) -> bool:
        """Change a file, which a sudden death or a full disk may have left with two names; whether one is a part's."""
        inode = path.stat().st_ino
        names = [name for name in self.files() if name.stat().st_ino == inode]
        change(path)
        wrong = [name for name in names if name.exists() and not _is_sound(name)]
        self._spoilt |= {name: Stamp.of(name.stat()) for name in wrong}
        of_a_part = any(name.name == "data" for name in names)
        self.parts_are_spoilt |= of_a_part
        return of_a_part

    async def shrink(self, size: int, disk_fails: bool) -> None:
        """I9: the cache is to be no larger, and soon is not: one that has just begun may not know yet all it has."""
        self.bound.size = size
        await self.mirror.store.evict()
        if not disk_fails:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SOON):
                    while self._usage() > size:
                        await asyncio.sleep(_LOOK)
                        await self.mirror.store.evict()
            assert self._usage() <= size, f"{self._usage()} bytes: {self.files()}, spoilt: {list(self._spoilt)}"

    def _usage(self) -> int:
        """Bytes of blobs that we have not spoilt, and of parts: what a death has left under two names counts once."""
        sizes = {}
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):  # the mirror clears away as it likes
                status = path.stat()
                sizes[status.st_ino] = 0 if path in self._spoilt else status.st_size
        return sum(sizes.values())

    def files(self) -> list[Path]:
        """Everything stored, whole or in part."""
        return sorted([*self.root.glob("blobs/*/*"), *self.root.glob("ingest/*/data")])

    def check_files(self) -> None:
        """I3: what is published is what its name says, unless it was spoilt and nobody has asked for it since."""
        for path in self.root.glob("blobs/*/*"):
            stamp = Stamp.of(os.stat(path))
            if stamp in (self._sound.get(path), self._spoilt.get(path)):
                continue
            assert Digest(path.parent.name, path.name).verifies(path.read_bytes()), f"{path.name} is false"
            self._sound[path] = stamp

    def check_healed(self, asked: Sequence[Asked], answers: Sequence[Got]) -> None:
        """I10: what was given from the disk, or had to be fetched, has no wrong file in its place any more."""
        for one, got in zip(asked, answers, strict=True):
            size = len(self.model.contents.get(one.wanted.reference, b""))
            if one.method == "GET" and got.whole and size > SMALL_SIZE:
                path = self._path(one.wanted.reference)
                stamp = Stamp.of(path.stat()) if path.exists() else None
                assert stamp is None or stamp != self._spoilt.get(path), f"{one} was answered, but not healed"

    def check_upstream(self, requests: int, calm: bool) -> None:
        """I6: what is fetched is fetched once, or while something is wrong as often as somebody may try."""
        blobs = [seen.path for seen in self.registry.seen("GET", "/blobs/")]
        most = max(map(blobs.count, blobs), default=0)
        if calm:  # one that is shown without a login is refused, and does not count
            got = [told.reference for told in self.registry.told if told.kind == "blobs" and told.method == "GET"]
            words = [told.reference for told in self.registry.told if told.digest and told.method == "GET"]
            assert max(map(words.count, got), default=0) <= 1, f"fetched again: {words}"
        assert most <= TRIES * requests, f"asked {most} times"

    def _path(self, digest: str) -> Path:
        return self.root / "blobs" / Path(*digest.split(":"))

    def _is_refused(self, wanted: Wanted, told: Sequence[Told]) -> bool:
        """Whether the last word on it is a refusal to whoever has shown a login."""
        words = [word.status for word in told if wanted.answered_by(word)]
        return wanted.is_tag and bool(words) and set(words) == {401} and self.registry.refuses(wanted.repository)


def _is_sound(path: Path) -> bool:
    """Whether a published blob is what its name says: who spoils one twice may have mended it."""
    return path.parent.parent.name == "blobs" and Digest(path.parent.name, path.name).verifies(path.read_bytes())


def said(got: Got) -> str:
    """An answer, for people."""
    return f"{got.status}, {len(got.body)} bytes, {'complete' if got.complete else 'cut short'}: {got.body[:300]!r}"
