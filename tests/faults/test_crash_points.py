"""The process dies at every call that changes the disk, while clients pull: the next one has everything right (F1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.measured import counting
from tests.support.registry import FakeRegistry
from tests.support.stories import STORIES, Story, Telling, crashed
from tests.support.tiers import count

QUICK, LONG = 25, 100_000  # points of each story


def spread(number: int, most: int) -> list[int]:
    """At most so many of the first `number` numbers, the last one among them."""
    step = max(number / most, 1.0)
    return sorted({number - 1 - int(step * one) for one in range(min(number, most))})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_after_death_at_any_call_everything_is_pulled_right(tmp_path: Path, story: Story) -> None:
    async with FakeRegistry() as registry:
        telling = Telling(tmp_path, registry)
        states = await telling.record(story)
        assert len(states) > 10
        points = spread(len(states), count(QUICK, LONG))
        what = f"death at one of {len(states)} calls that change the disk, {story.name}: something corrupt or stuck"
        with counting("F1", what) as tries:
            for number in points:
                name, state = states[number]
                tries.begin()
                try:
                    await telling.check(crashed(state), bytes_lost=False)
                except BaseException as error:
                    error.add_note(f"killed at call {number} of {len(states)}: {name}")
                    raise
