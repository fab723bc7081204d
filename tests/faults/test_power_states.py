"""The power fails at every call that changes the disk, and of what no sync has covered anything may be left (F2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import MirrorError
from tests.support.measured import Row, counting, note
from tests.support.recording_disk import NeverSyncing
from tests.support.registry import FakeRegistry
from tests.support.states import State, after_power_failure
from tests.support.stories import STORIES, Story, Telling
from tests.support.tiers import count

QUICK, LONG = 20, 100_000  # states of each story


def left(states: list[tuple[str, State]], most: int) -> list[tuple[str, State]]:
    """What may be left after a power failure at each call: at most so many of all these, evenly."""
    every = [
        (f"power failed at call {number} of {len(states)}, {call}: {what}", remains)
        for number, (call, state) in enumerate(states)
        for what, remains in after_power_failure(state)
    ]
    step = max(len(every) / most, 1.0)
    return [every[int(number * step)] for number in range(min(len(every), most))]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_after_a_power_failure_at_any_call_everything_is_pulled_right(tmp_path: Path, story: Story) -> None:
    async with FakeRegistry() as registry:
        telling = Telling(tmp_path, registry)
        states = left(await telling.record(story), count(QUICK, LONG))
        assert len(states) >= QUICK
        what = f"states that a power failure may leave, {story.name}: something corrupt, or lost though kept"
        with counting("F2", what) as tries:
            for name, state in states:
                tries.begin()
                try:
                    await telling.check(state, bytes_lost=True)
                except BaseException as error:
                    error.add_note(name)
                    raise


async def test_without_syncs_something_is_lost_that_was_said_to_be_kept(tmp_path: Path) -> None:
    """That the test above finds nothing is no accident: it does where the syncs do nothing."""
    async with FakeRegistry() as registry:
        telling = Telling(tmp_path, registry)
        states = await telling.record(STORIES[0], NeverSyncing)
        _, state = states[-1]
        failed = 0
        for number, (_, remains) in enumerate(after_power_failure(state)):
            try:
                await Telling(tmp_path / f"{number}", registry).check(remains, bytes_lost=True)
            except (AssertionError, OSError, MirrorError):
                failed += 1
        assert failed > 3
    note(Row("F2", "with the syncs taken out: states in which something is lost", "some", f"{failed}"))
