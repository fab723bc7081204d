"""The switch for all contact with upstreams, which outlives the process."""

from __future__ import annotations

import asyncio
import errno
import logging
from pathlib import Path

import pytest

from mirror.errors import Refused, StoreFailed
from mirror.pull.freezing import Freezing
from mirror.store.freeze import Freeze
from mirror.tasks import spawn
from mirror.upstream.contact import Contact
from tests.support.caches import store_at
from tests.support.clock import Clock
from tests.support.faulty_disk import Fault, FaultyDisk

NOW = 1_800_000_000.0
READ_ONLY = Fault(errno.EROFS, lasting=True)


async def test_freezing_shuts_the_gate_and_thawing_opens_it(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        contact, clock = Contact(), Clock(NOW)
        freezing = Freezing(contact, store, clock)
        await freezing.resume()
        assert (freezing.current, contact.frozen) == (None, False)
        assert await freezing.freeze("maintenance") == Freeze(NOW, "maintenance")
        assert (freezing.current, contact.frozen) == (Freeze(NOW, "maintenance"), True)
        clock.advance(10)
        await freezing.thaw()
        assert (freezing.current, contact.frozen) == (None, False)
        await freezing.thaw()  # once more is as good as once
        assert await freezing.freeze() == Freeze(NOW + 10)


async def test_a_restart_stays_as_it_was(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await Freezing(Contact(), store, Clock(NOW)).freeze("moving house")
    for _ in range(2):
        async with store_at(tmp_path) as store:
            contact = Contact()
            freezing = Freezing(contact, store, Clock(NOW + 100))
            await freezing.resume()
            assert (freezing.current, contact.frozen) == (Freeze(NOW, "moving house"), True)
    async with store_at(tmp_path) as store:
        await Freezing(Contact(), store).thaw()
    async with store_at(tmp_path) as store:
        freezing = Freezing(Contact(), store)
        await freezing.resume()
        assert freezing.current is None


async def test_freezing_again_tells_a_new_reason_and_the_old_time(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        clock = Clock(NOW)
        freezing = Freezing(Contact(), store, clock)
        await freezing.freeze("one")
        clock.advance(10)
        assert await freezing.freeze("two") == Freeze(NOW, "two")
        assert store.freeze_note.read() == Freeze(NOW, "two")


async def test_a_reason_that_is_none_freezes_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        contact = Contact()
        with pytest.raises(Refused):
            await Freezing(contact, store).freeze("a\nb")
        assert not contact.frozen


async def test_a_disk_that_fails_does_not_keep_the_gate_open(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        contact = Contact()
        freezing = Freezing(contact, store)
        disk.arm(0, READ_ONLY)
        with pytest.raises(StoreFailed, match="Read-only"):
            await freezing.freeze("now")
        assert disk.fired
        disk.disarm()
        assert contact.frozen
        assert freezing.current is not None
        assert store.freeze_note.read() is None


async def test_a_disk_that_fails_keeps_the_gate_shut(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        contact = Contact()
        freezing = Freezing(contact, store)
        await freezing.freeze()
        disk.arm(0, READ_ONLY)
        with pytest.raises(StoreFailed, match="cannot be removed"):
            await freezing.thaw()
        assert disk.fired
        disk.disarm()
        assert contact.frozen
        assert freezing.current is not None


async def test_calls_take_turns_and_the_last_one_stays(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        contact = Contact()
        freezing = Freezing(contact, store)
        calls = [spawn(freezing.freeze(str(number)), "freeze") for number in range(5)]
        last = spawn(freezing.thaw(), "thaw")
        await asyncio.gather(*calls, last)
        assert (freezing.current, contact.frozen, store.freeze_note.read()) == (None, False, None)


async def test_the_operator_can_read_of_it_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with store_at(tmp_path) as store:
        freezing = Freezing(Contact(), store)
        with caplog.at_level(logging.WARNING, "mirror"):
            await freezing.thaw()
            assert caplog.messages == []
            await freezing.freeze("maintenance")
            await freezing.thaw()
    assert caplog.messages == [
        "contact with upstreams is frozen by the operator: maintenance",
        "contact with upstreams is allowed again by the operator",
    ]
