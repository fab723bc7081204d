"""Pinned tags: known at once, in every process, after a restart, and after the loss of either database."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.catalog import Key, Note
from mirror.store.tag_pins import TagPin, pin_key
from tests.support.caches import store_at
from tests.support.checker import until
from tests.support.siblings import stores

ONE, TWO = (str(Digest.of(bytes([number]))) for number in range(2))
PIN = TagPin("docker.io", "team/app", "prod", ONE, 5.0, is_former=True)
TAG = ("docker.io", "team/app", "prod")


async def test_a_pin_holds_until_it_is_taken_back(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        assert store.facts.pins.get(*TAG) is None
        store.facts.pins.put(PIN)
        assert store.facts.pins.get(*TAG) == PIN
        assert store.facts.pins.get("docker.io", "team/app", "other") is None
    async with store_at(tmp_path) as store:
        assert [*store.facts.pins] == [PIN]
        store.facts.pins.forget(PIN)
        assert store.facts.pins.get(*TAG) is None
    async with store_at(tmp_path) as store:
        assert [*store.facts.pins] == []


@pytest.mark.parametrize("lost", ["index", "catalog"])
async def test_either_database_is_enough(tmp_path: Path, lost: str) -> None:
    async with store_at(tmp_path) as store:
        store.facts.pins.put(PIN)
    for kept in (lost, "index" if lost == "catalog" else "catalog"):
        shutil.rmtree(tmp_path / kept)
        async with store_at(tmp_path) as store:
            assert store.facts.pins.get(*TAG) == PIN


async def test_a_pin_holds_in_every_process_and_whoever_remembers_answers_hears_of_it(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        heard: list[tuple[int, Key | None]] = []
        one.facts.watch(lambda key: heard.append((1, key)))
        two.facts.watch(lambda key: heard.append((2, key)))
        one.facts.pins.put(PIN)
        assert heard == [(1, PIN.key)]
        await until(lambda: heard[-1] == (2, PIN.key))
        assert two.facts.pins.get(*TAG) == PIN
        two.facts.pins.forget(PIN)
        await until(lambda: one.facts.pins.get(*TAG) is None)


async def test_what_was_lost_on_the_way_is_looked_for(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (family, (one, two)):
        assert two.facts.pins.get(*TAG) is None
        family.deaf = {"fact"}
        one.facts.pins.put(PIN)
        await one.flush()
        assert two.facts.pins.get(*TAG) is None
        family.lose()
        assert two.facts.pins.get(*TAG) == PIN


async def test_what_is_not_written_down_yet_is_not_lost_when_pins_are_read_again(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        store.facts.pins.put(PIN)
        store.facts.pins.read_again()
        assert store.facts.pins.get(*TAG) == PIN
        await store.flush()
        store.facts.pins.forget(PIN)
        store.facts.pins.read_again()
        assert store.facts.pins.get(*TAG) is None
        await store.flush()
        store.facts.pins.read_again()
        assert store.facts.pins.get(*TAG) is None


async def test_what_cannot_be_a_pin_is_none(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        store.facts.pins.put(PIN)
        await store.flush()
        await store._databases.on_thread(lambda index, _: index.write("UPDATE tag_pins SET digest = ?", ("../x",)))
        store.facts.pins.read_again()
        assert [*store.facts.pins] == []
    for fact in ({}, {"digest": "x", "since": 1.0, "is_former": True}, {"digest": ONE, "since": 1.0, "is_former": 1}):
        assert TagPin.of(PIN.key, fact) is None


async def test_a_database_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        store.facts.pins.put(PIN)
        await store._databases.on_thread(lambda index, _: index.write("DROP TABLE tag_pins", ()))
        store.facts.pins.read_again()
        assert store.facts.pins.get(*TAG) == PIN


def test_a_pin_is_a_fact_and_back() -> None:
    note = PIN.note
    assert isinstance(note, Note)
    assert note.lifetime is None
    assert note.key == pin_key(*TAG)
    assert note.fact is not None
    assert TagPin.of(note.key, note.fact) == PIN
