"""Whatever happens in whatever order, no answer is one that a model of the mirror does not allow (I1 to I10)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mirror.pull.freshness import Policy
from mirror.store.leftovers import clear_ingests
from tests.fakes.answers import throttled
from tests.support.caches import descriptors, false_blobs, flip, layout_at, under_way
from tests.support.checker import Got
from tests.support.faults import Fault
from tests.support.faulty_disk import DEATH
from tests.support.faulty_disk import Fault as DiskFault
from tests.support.measured import Row, note
from tests.support.model import Asked, Wanted
from tests.support.model_scene import LARGE, LAYERS, REPOSITORIES, TAGS, Errors, Scene, Terms
from tests.support.tiers import count

T = TypeVar("T")

EXAMPLES, STEPS = count(200, 2000), count(30, 60)
WAITED_OUT = 4000.0  # seconds after which nobody is left alone any more, nor a login held back
CUT = 70_000  # into a body: so much gained is worth going on with at once
TROUBLES = {
    "ill": Fault(status=503),
    "broken": Fault(status=500),
    "throttling": throttled(60),
    "silent": Fault(drop=True),
    "cutting": Fault(cut_at=CUT),
    "resetting": Fault(reset_at=CUT),
    "cutting early": Fault(cut_at=100),
    "lying": Fault(flip_at=CUT),
    "lying early": Fault(flip_at=100),
    "whole in place of ranges": Fault(whole=True),
    "without a length": Fault(chunked=True),
    "of another type": Fault(headers={"Content-Type": "text/html"}),
    "without a digest": Fault(headers={"Docker-Content-Digest": None}),
}
SPOILS: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "grown": lambda path: os.truncate(path, path.stat().st_size + 100),
    "gone": Path.unlink,
}
ERRNOS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
SIZES = (150_000, 420_000, 1 << 40)
TERMS = st.builds(
    Terms,
    policy=st.builds(
        Policy,
        tag_ttl=st.sampled_from([0.0, 60.0]),
        stale_for=st.sampled_from([0.0, 600.0]),
        not_found_ttl=st.sampled_from([0.0, 30.0]),
        serves_deleted=st.booleans(),
    ),
    memory=st.sampled_from([0, 1024**2]),
)
JUMPS = st.sampled_from([-100_000.0, -700.0, -50.0, -5.0, 5.0, 50.0, 100.0, 700.0, 100_000.0])
repositories = st.sampled_from(REPOSITORIES)
tags = st.sampled_from(TAGS)
images = st.integers(0, len(LAYERS) - 1)
spans = st.tuples(st.sampled_from([0, 1, 70_000, 299_999]), st.sampled_from([0, 70_000, 400_000])).filter(
    lambda span: span[0] <= span[1]
)


class Mirrored(RuleBasedStateMachine):
    """A mirror, and everything that may happen to it. Between two rules nothing is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="model-"))
        self.runner = asyncio.Runner()
        self.errors = Errors()
        logging.getLogger().addHandler(self.errors)
        self.scene: Scene | None = None
        self.passwords = 1
        self.upset = False  # something was wrong with the upstream, which the mirror may still take into account
        self.wrong_now = False  # something is, or may be before it is asked again
        self.disk_fails = False

    @property
    def there(self) -> Scene:
        if self.scene is None:
            raise RuntimeError("nothing has begun")
        return self.scene

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        self.there.wall.advance(0.01)
        return self.runner.run(work)

    @initialize(terms=TERMS, held=st.lists(st.tuples(repositories, tags, images), min_size=1, max_size=3))
    def begin(self, terms: Terms, held: list[tuple[str, str, int]]) -> None:
        self.scene = Scene(self.home, terms)
        self.do(self.scene.open())
        for repository, tag, number in held:
            self.push(repository, tag, number)

    # what clients do

    @rule(repository=repositories, tag=tags, method=st.sampled_from(["GET", "GET", "HEAD"]))
    def pull_tag(self, repository: str, tag: str, method: str) -> None:
        self._ask(Asked(Wanted(repository, "manifests", tag), method))

    @rule(repository=repositories, number=images, method=st.sampled_from(["GET", "GET", "HEAD"]))
    def pull_manifest(self, repository: str, number: int, method: str) -> None:
        self._ask(Asked(Wanted(repository, "manifests", str(self.there.images[number].digest)), method))

    @rule(repository=repositories, number=images, which=st.integers(-1, 1), method=st.sampled_from(["GET", "HEAD"]))
    def pull_blob(self, repository: str, number: int, which: int, method: str) -> None:
        self._ask(Asked(Wanted(repository, "blobs", self._blob(number, which)), method))

    @rule(repository=repositories, number=images, which=st.integers(0, 1), span=spans)
    def pull_part(self, repository: str, number: int, which: int, span: tuple[int, int]) -> None:
        self._ask(Asked(Wanted(repository, "blobs", self._blob(number, which)), "GET", span))

    @rule(repository=repositories, number=images, which=st.integers(0, 1), after=st.sampled_from([1, 80_000]))
    def leave_in_the_middle(self, repository: str, number: int, which: int, after: int) -> None:
        self._judged([Asked(Wanted(repository, "blobs", self._blob(number, which)))], after)

    @rule(first=repositories, second=repositories, tag=tags, number=images)
    def pull_together(self, first: str, second: str, tag: str, number: int) -> None:
        blobs = [Wanted(repository, "blobs", self._blob(number, 0)) for repository in (first, second, first)]
        manifests = [Wanted(repository, "manifests", tag) for repository in (first, second)]
        self._judged([Asked(wanted) for wanted in (*blobs, *manifests)])

    # what happens upstream

    @rule(repository=repositories, tag=tags, number=images)
    def push(self, repository: str, tag: str, number: int) -> None:
        self.there.registry.push_image(repository, tag, LAYERS[number])

    @rule(repository=repositories, tag=tags)
    def delete_tag(self, repository: str, tag: str) -> None:
        if self.there.registry.tag(repository, tag) is not None:
            self.there.registry.delete_tag(repository, tag)

    @rule(
        trouble=st.sampled_from(sorted(TROUBLES)),
        method=st.sampled_from(["", "GET", "HEAD"]),
        kind=st.sampled_from(["/manifests/", "/blobs/"]),
        times=st.sampled_from([1, 2, None]),
    )
    def upstream_fails(self, trouble: str, method: str, kind: str, times: int | None) -> None:
        self.there.registry.fail(TROUBLES[trouble], method, kind, times)
        self.wrong_now = self.upset = True

    @rule(repository=repositories)
    def revoke(self, repository: str) -> None:
        self.there.registry.refuse(repository)
        self.wrong_now = self.upset = True

    @rule()
    def rotate_the_password(self) -> None:
        self.passwords += 1
        self.there.rotate(self.passwords)

    @rule()
    def go_away(self) -> None:
        self.do(self.there.registry.stop())
        self.wrong_now = self.upset = True

    @rule(waited_out=st.booleans())
    def heal(self, waited_out: bool) -> None:
        registry = self.there.registry
        registry.heal()
        for repository in REPOSITORIES:
            registry.admit(repository)
        self.do(self._back(registry.port))
        self.wrong_now = False
        if waited_out:
            self.there.monotonic.advance(WAITED_OUT)
            self.upset = False

    # what operators and machines do

    @rule(seconds=JUMPS)
    def the_wall_clock_jumps(self, seconds: float) -> None:
        self.there.wall.advance(seconds)

    @rule(seconds=st.sampled_from([1.0, 15.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.there.wall.advance(seconds)
        self.there.monotonic.advance(seconds)

    @rule()
    def freeze(self) -> None:
        with contextlib.suppress(*self._disk_errors):
            self.do(self.there.mirror.freezing.freeze("a test"))

    @rule()
    def thaw(self) -> None:
        with contextlib.suppress(*self._disk_errors):
            self.do(self.there.mirror.freezing.thaw())

    @rule(size=st.sampled_from(SIZES))
    def shrink(self, size: int) -> None:
        scene = self.there
        scene.bound.size = size
        self.do(scene.mirror.store.evict())
        if not self.disk_fails:
            assert scene.usage() <= size  # I9

    @rule(number=st.integers(0, 20), how=st.sampled_from(sorted(SPOILS)))
    def spoil(self, number: int, how: str) -> None:
        files = self.there.files()
        if files:
            path = files[number % len(files)]
            SPOILS[how](path)
            self.there.spoilt(path)
            self.wrong_now = self.wrong_now or path.name == "data"

    @rule(code=st.sampled_from(ERRNOS), at=st.integers(0, 12), lasting=st.booleans())
    def disk_fails_soon(self, code: int, at: int, lasting: bool) -> None:
        self.there.disk.arm(at, DiskFault(code, lasting))
        self.disk_fails = True

    @rule()
    def disk_is_well(self) -> None:
        self.there.disk.disarm()
        self.disk_fails = False

    @rule(lost=st.sampled_from(["", "", "index", "catalog"]))
    def restart(self, lost: str) -> None:
        self.disk_is_well()
        self.do(self._stopped())
        self._lose(lost)
        self._starts()

    @rule(at=st.integers(0, 15), repository=repositories, tag=tags, number=images, lost=st.sampled_from(["", "index"]))
    def kill(self, at: int, repository: str, tag: str, number: int, lost: str) -> None:
        """At this call of the disk, or when all is answered."""
        asked = [Asked(Wanted(repository, "manifests", tag)), Asked(Wanted(repository, "blobs", self._blob(number, 0)))]
        self.do(self._killed(asked, at))
        self._lose(lost)
        self._starts()

    @invariant()
    def all_is_well(self) -> None:
        if self.scene is not None:
            self.scene.check_files()
            assert self.errors.found == []  # I8

    def teardown(self) -> None:
        try:
            if self.scene is not None:
                self._come_to_rest(self.scene)
        finally:
            logging.getLogger().removeHandler(self.errors)
            self.runner.close()
            shutil.rmtree(self.home)

    # how

    @property
    def _disk_errors(self) -> tuple[type[Exception], ...]:
        from mirror.errors import StoreFailed

        return (StoreFailed,) if self.disk_fails else ()

    def _blob(self, number: int, which: int) -> str:
        """One of an image's layers, or with -1 its configuration."""
        image = self.there.images[number]
        return str(image.config_digest if which < 0 else image.layer_digests[which % len(image.layer_digests)])

    def _judged(self, asked: list[Asked], leave_after: int | None = None) -> list[Got]:
        scene = self.there
        answers = self.do(scene.judged(asked, leave_after))
        scene.check_upstream(len(asked), not self.wrong_now and not self.disk_fails)
        return answers

    def _ask(self, asked: Asked) -> None:
        """What is there has to be given: from the cache in any case, and from the upstream while nothing is wrong."""
        scene, wanted = self.there, asked.wanted
        kept = (wanted.repository, wanted.reference) in scene.delivered and scene.holds(wanted.reference)
        (got,) = self._judged([asked])
        if kept:
            assert got.complete and got.status in (200, 206, 416), f"{asked} is held, but was answered with {got.status}"
        frozen = scene.mirror.freezing.current is not None
        if not self.upset and not self.wrong_now and not frozen:
            assert got.complete and got.status in (200, 206, 404, 416), f"{asked} was answered with {got.status}"

    async def _back(self, port: int) -> None:
        registry = self.there.registry
        await registry.stop()
        await registry.start()
        assert registry.port == port

    async def _stopped(self) -> None:
        await self.there.mirror.end()

    async def _killed(self, asked: list[Asked], at: int) -> None:
        scene = self.there
        scene.forget_requests()
        scene.disk.arm(at, DEATH)
        asking = [asyncio.ensure_future(scene.ask(one)) for one in asked]
        while not scene.disk.fired and not all(one.done() for one in asking):
            await asyncio.sleep(0)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await scene.mirror.die()
        scene.disk.disarm()
        scene.learn(heard=False)

    def _lose(self, database: str) -> None:
        if database:
            shutil.rmtree(self.there.root / database)

    def _starts(self) -> None:
        self.disk_fails = False
        self.do(self.there.begin())
        if not self.wrong_now:
            self.upset = False

    def _come_to_rest(self, scene: Scene) -> None:
        """I10 and I4: when all that was wrong is over everything can be pulled, and nothing is left of the rest."""
        self.disk_is_well()
        self.thaw()
        self.heal(True)
        scene.bound.size = 1 << 40
        scene.wall.advance(100_000.0)
        self.do(self._everything(scene))
        self.restart("")
        self.do(self._everything(scene))
        self.do(self._stopped())
        self.do(scene.registry.stop())
        assert self.errors.found == []
        assert false_blobs(scene.root) == []
        with layout_at(scene.root) as layout:
            clear_ingests(layout, time.time() + 8 * 86400)
        assert under_way(scene.root) == []
        assert descriptors(self.home) == []
        assert self.do(_other_tasks()) == []
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("store")] == []

    async def _everything(self, scene: Scene) -> None:
        for repository in REPOSITORIES:
            for tag in TAGS:
                digest = scene.registry.tag(repository, tag)
                if digest is not None:
                    (got,) = await scene.judged([Asked(Wanted(repository, "manifests", tag))])
                    assert (got.status, got.headers.get("docker-content-digest")) == (200, digest)
            for digest in scene.model.contents:
                kind = "manifests" if digest in [str(image.digest) for image in scene.images] else "blobs"
                if scene.registry.has(repository, digest):
                    (got,) = await scene.judged([Asked(Wanted(repository, kind, digest))])
                    assert got.whole, f"{kind} {digest} of {repository} cannot be had: {got.status}"


async def _other_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.mark.timeout(count(300, 7200))
def test_no_order_of_events_leads_to_an_answer_that_may_not_be() -> None:
    run_state_machine_as_test(
        Mirrored,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    note(Row("F28", "a stateful model of the mirror", "0 violations", f"0 in {EXAMPLES} × {STEPS} steps"))
    assert LARGE
