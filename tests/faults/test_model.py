"""Whatever happens in whatever order, no answer is one that a model of the mirror does not allow (I1 to I10)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mirror.errors import StoreFailed
from tests.support import model_events as events
from tests.support.checker import Got
from tests.support.faulty_disk import Fault as DiskFault
from tests.support.measured import counting
from tests.support.model import Asked
from tests.support.model_ends import Errors, killed, left_nothing, pull_everything
from tests.support.model_events import SPOILS, TROUBLES, repositories, requests, tags
from tests.support.model_scene import LAYERS, REPOSITORIES, Scene, Terms, said
from tests.support.tiers import LONG, count

T = TypeVar("T")

_MEMORY = Path("/dev/shm")  # where there is one: nothing here is about what syncs are worth
EXAMPLES, STEPS = count(200, 2000), count(30, 60)
WAITED_OUT = 4000.0  # seconds after which nobody is left alone any more, nor a login held back
then = st.lists(requests, max_size=1)  # what is asked as soon as something has happened


class Mirrored(RuleBasedStateMachine):
    """A mirror, and everything that may happen to it. Between two rules nothing is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="model-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
        self.runner = asyncio.Runner()
        self.errors = Errors()
        logging.getLogger().addHandler(self.errors)
        self.wrong = False  # something is, with the upstream or with a part that is to be gone on with
        self.upset = False  # something was, which the mirror may still take into account
        self.disk_fails = False
        self.scene: Scene

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        self.scene.wall.advance(0.01)
        return self.runner.run(work)

    @initialize(terms=events.terms, held=st.lists(st.tuples(repositories, tags, events.images), min_size=2, max_size=4))
    def begin(self, terms: Terms, held: Sequence[tuple[str, str, int]]) -> None:
        self.scene = Scene(self.home, terms)
        self.do(self.scene.open())
        for repository, tag, number in held:
            self.scene.registry.push_image(repository, tag, LAYERS[number])

    # what clients do

    @rule(asked=st.lists(requests, min_size=1, max_size=3))
    def pull(self, asked: list[Asked]) -> None:
        """What is there has to be given: from the cache in any case, and from the upstream while nothing is wrong."""
        scene = self.scene
        for one in asked:
            kept, frozen = scene.keeps(one.wanted), scene.mirror.freezing.current is not None
            (got,) = self._judged([one])
            if kept or not (self.upset or self.wrong or frozen):
                assert got.complete, f"{one} was answered with {said(got)}"
                given = (200, 206, 416) if kept else (200, 206, 404, 416)
                assert got.status in given, f"{one} was answered with {said(got)}"

    @rule(asked=st.lists(requests, min_size=2, max_size=4), same=st.booleans())
    def pull_together(self, asked: list[Asked], same: bool) -> None:
        self._judged(asked + asked[:1] * same)

    @rule(asked=events.blob_requests, after=st.sampled_from([1, 80_000]))
    def leave_in_the_middle(self, asked: Asked, after: int) -> None:
        self._judged([asked], after)

    # what happens upstream

    @rule(repository=repositories, tag=tags, number=events.images, then=then)
    def push(self, repository: str, tag: str, number: int, then: list[Asked]) -> None:
        self.scene.registry.push_image(repository, tag, LAYERS[number])
        self.pull(then)

    @rule(repository=repositories, tag=tags, then=then)
    def delete_tag(self, repository: str, tag: str, then: list[Asked]) -> None:
        if self.scene.registry.tag(repository, tag) is not None:
            self.scene.registry.delete_tag(repository, tag)
        self.pull(then)

    @rule(
        trouble=st.sampled_from(sorted(TROUBLES)),
        method=st.sampled_from(["", "GET", "HEAD"]),
        kind=st.sampled_from(["/manifests/", "/blobs/"]),
        times=st.sampled_from([1, 2, 20]),
        then=st.lists(requests, min_size=1, max_size=2),
    )
    def upstream_fails(self, trouble: str, method: str, kind: str, times: int, then: list[Asked]) -> None:
        *first, last = TROUBLES[trouble]
        for fault in first:
            self.scene.registry.fail(fault, method, kind)
        # Little by little is progress, and each little costs a pause that no clock of ours ends.
        self.scene.registry.fail(last, method, kind, 1 if trouble == "cutting early" else times)
        self.wrong = self.upset = True
        self.pull(then)

    @rule(repository=st.sampled_from(["", *REPOSITORIES]), then=then)
    def upstream_goes_or_refuses(self, repository: str, then: list[Asked]) -> None:
        if repository:
            self.scene.registry.refuse(repository)
        else:
            self.do(self.scene.registry.stop())
        self.wrong = self.upset = True
        self.pull(then)

    @rule(then=then)
    def rotate_the_password(self, then: list[Asked]) -> None:
        self.scene.rotate()
        self.pull(then)

    @rule(waited_out=st.booleans(), then=then)
    def heal(self, waited_out: bool, then: list[Asked]) -> None:
        self.do(self.scene.heal_upstream())
        self.wrong = False
        if waited_out:
            self.scene.monotonic.advance(WAITED_OUT)
            self.upset = False
        self.pull(then)

    # what operators and machines do

    @rule(seconds=events.jumps, then=then)
    def the_wall_clock_jumps(self, seconds: float, then: list[Asked]) -> None:
        self.scene.wall.advance(seconds)
        self.pull(then)

    @rule(seconds=events.passing, then=then)
    def time_passes(self, seconds: float, then: list[Asked]) -> None:
        self.scene.wall.advance(seconds)
        self.scene.monotonic.advance(seconds)
        self.pull(then)

    @rule(frozen=st.booleans(), then=then)
    def freeze_or_thaw(self, frozen: bool, then: list[Asked]) -> None:
        freezing = self.scene.mirror.freezing
        with contextlib.suppress(*((StoreFailed,) if self.disk_fails else ())):
            if frozen:
                self.do(freezing.freeze("a test"))
            else:
                self.do(freezing.thaw())
        self.pull(then)

    @rule(size=events.sizes, then=then)
    def shrink(self, size: int, then: list[Asked]) -> None:
        self.do(self.scene.shrink(size, self.disk_fails))
        self.pull(then)

    @rule(number=st.integers(0, 15), how=st.sampled_from(sorted(SPOILS)), then=then)
    def spoil(self, number: int, how: str, then: list[Asked]) -> None:
        files = self.scene.files()
        if files:
            self.wrong |= self.scene.spoil(files[number % len(files)], SPOILS[how])
        self.pull(then)

    @rule(fault=events.disk_faults, at=st.integers(0, 12), then=then)
    def disk_fails_soon(self, fault: DiskFault, at: int, then: list[Asked]) -> None:
        self.scene.disk.arm(at, fault)
        self.disk_fails = True
        self.pull(then)

    @rule()
    def disk_is_well(self) -> None:
        self.scene.disk.disarm()
        self.disk_fails = False

    @rule(lost=st.sampled_from(["", "index", "catalog"]))
    def restart(self, lost: str) -> None:
        self.disk_is_well()
        self.do(self.scene.mirror.end())
        self._starts(lost)

    @rule(at=st.integers(0, 15), asked=st.lists(requests, max_size=3), lost=st.sampled_from(["", "index"]))
    def kill(self, at: int, asked: list[Asked], lost: str) -> None:
        """At this call of the disk, or when all is answered."""
        self.do(killed(self.scene, asked, at))
        self.disk_fails = False
        self._starts(lost)

    @invariant()
    def is_well(self) -> None:
        if hasattr(self, "scene"):
            self.scene.check_files()
        assert self.errors.found == []  # I8

    def teardown(self) -> None:
        try:
            if hasattr(self, "scene"):
                self._come_to_rest()
        finally:
            if hasattr(self, "scene"):  # what has failed is not to fail the next one as well
                self.do(self.scene.mirror.end())
                self.do(self.scene.registry.stop())
            logging.getLogger().removeHandler(self.errors)
            self.runner.close()
            shutil.rmtree(self.home)

    def _judged(self, asked: Sequence[Asked], leave_after: int | None = None) -> list[Got]:
        answers = self.do(self.scene.judged(asked, leave_after))
        self.scene.check_upstream(len(asked), calm=not (self.wrong or self.disk_fails))
        if not self.disk_fails:
            self.scene.check_healed(asked, answers)
        return answers

    def _starts(self, lost: str) -> None:
        if lost:
            shutil.rmtree(self.scene.root / lost)
        self.do(self.scene.begin())
        self.upset = self.wrong

    def _come_to_rest(self) -> None:
        """I10 and I4: when all that was wrong is over everything can be pulled, and nothing is left of the rest."""
        self.disk_is_well()
        self.freeze_or_thaw(False, [])
        self.heal(True, [])
        self.scene.bound.size = 1 << 40
        # Beyond all that was noted before the clock was set back, however often it was.
        self.scene.wall.advance(10_000_000_000.0)
        self.do(pull_everything(self.scene))
        self.do(self.scene.mirror.end())
        self.do(self.scene.registry.stop())
        self.is_well()
        self.do(left_nothing(self.scene))


@pytest.mark.timeout(count(300, 7200))
def test_no_order_of_events_leads_to_an_answer_that_may_not_be() -> None:
    # Making a failure shorter takes minutes, after which nobody would be told what it was.
    phases = [phase for phase in Phase if LONG or phase is not Phase.shrink]
    quick = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, print_blob=True, phases=phases)
    with counting(
        "F26", f"examples of a stateful model of a whole mirror, of up to {STEPS} steps: a violation"
    ) as tries:

        class Counted(Mirrored):
            def __init__(self) -> None:
                super().__init__()
                tries.begin()

        run_state_machine_as_test(Counted, settings=settings(quick, suppress_health_check=[HealthCheck.too_slow]))
