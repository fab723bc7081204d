"""A pause lasts as long as it is to, but no longer than until the disk is full."""

from __future__ import annotations

import asyncio
import errno

import pytest

from mirror.errors import StoreFailed
from mirror.store.pause import Pause
from mirror.tasks import end, spawn


def _failed(number: int) -> asyncio.Future[None]:
    error = StoreFailed("a blob cannot be stored")
    error.__cause__ = OSError(number, "")
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_exception(error)
    return done


async def _rests(pause: Pause) -> bool:
    """Whether the next pause lasts; it is cut short here."""
    resting = spawn(pause.rest(600), "rest")
    for _ in range(3):
        await asyncio.sleep(0)
    lasts = not resting.done()
    await end(resting)
    return lasts


async def test_a_rest_ends_when_somebody_is_in_a_hurry_and_the_next_one_does_not() -> None:
    pause = Pause()
    await pause.rest(0.0)
    pause.hurry()  # in the middle of a round
    await asyncio.wait_for(pause.rest(600), 10)
    resting = spawn(pause.rest(600), "rest")
    await asyncio.sleep(0)
    assert not resting.done()
    pause.hurry()
    await asyncio.wait_for(resting, 10)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_a_reason_to_hurry(number: int) -> None:
    pause = Pause()
    pause.look_at(_failed(number))
    assert not await _rests(pause)


async def test_another_trouble_or_none_is_no_reason() -> None:
    pause = Pause()
    pause.look_at(_failed(errno.EIO))
    fine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fine.set_result(None)
    pause.look_at(fine)
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    gone.cancel()
    pause.look_at(gone)
    assert await _rests(pause)
