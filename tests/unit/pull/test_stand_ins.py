"""What is given in the place of what a tag points to, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.pull.stand_ins import StandIns
from mirror.store.catalog import Key, TagRecord
from mirror.store.tag_pins import TagPin
from tests.support.clock import Clock
from tests.support.pulling import POLICY, Setup, pulling

ONE, TWO = (str(Digest.of(bytes([number]))) for number in range(2))
TAG = Key("tag", "one", "a/b", "prod")
NOW = 1_800_000_000.0


async def test_a_pin_comes_before_what_is_held_back_and_says_what_it_is(tmp_path: Path) -> None:
    setup = Setup(policy=replace(POLICY, hold=3600.0))
    async with pulling(tmp_path, setup, one="http://127.0.0.1:1") as pull:
        facts, target, clock = pull.store.facts, pull.target(), Clock(NOW)
        stand_ins = StandIns(facts, clock)
        assert stand_ins.of(target, "prod") is None
        facts.put_tag(TAG, TagRecord(ONE, NOW), 3600)
        assert stand_ins.of(target, "prod") is None
        facts.put_tag(TAG, TagRecord(TWO, NOW, former=ONE, since=NOW), 3600)
        held = stand_ins.of(target, "prod")
        assert held is not None
        assert (held.digest, held.is_pin, held.until) == (ONE, False, NOW + 3600)
        assert held.words == "one has moved this tag; the new digest is held back until 2027-01-15T09:00:00Z"
        for is_former, words in ((False, "has pinned this tag"), (True, "has rolled this tag back")):
            facts.pins.put(TagPin("one", "a/b", "prod", TWO, 5.0, is_former))
            pinned = stand_ins.of(target, "prod")
            assert pinned is not None
            assert (pinned.digest, pinned.is_pin, pinned.since, pinned.until) == (TWO, True, 5.0, None)
            assert words in pinned.words
        clock.advance(3600)
        facts.pins.forget(TagPin("one", "a/b", "prod", TWO, 5.0))
        assert stand_ins.of(target, "prod") is None
