"""Signatures that clients have asked for are missed when they cannot be given; what nobody asked for is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mirror.errors import UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, written
from mirror.pull.memory import Memory
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.pull.shelf import Shelf
from mirror.rehearsal.attached import attached_lack
from mirror.rehearsal.content import Larder
from mirror.rehearsal.reasons import Lack
from mirror.store.catalog import Key
from mirror.store.listing import Listing
from tests.support.content import OCI_MANIFEST, Image
from tests.support.rehearsing import Rehearsing, rehearsing
from tests.support.scenes import HOUR, MINUTE

SIGNATURE = b"signature" * 20_000


async def lacks(it: Rehearsing, subject: Digest, lasting: float = MINUTE) -> list[tuple[Lack, str]]:
    store = it.it.pull.store
    larder = Larder(store, Shelf(store, Memory(1024), 1024**2))
    found = await attached_lack(larder, it.it.pull.target(), [subject], it.it.clock() + lasting)
    assert all(reason.digest == str(subject) for reason in found)
    return [(reason.lack, reason.words) for reason in found]


async def asked_for(it: Rehearsing, *signatures: Image) -> Digest:
    """An image that was pulled, for which somebody was given the list of these."""
    image = it.push("v1", b"layer")
    assert await it.pull("v1")
    referrers = [Referrer(OCI_MANIFEST, str(one.digest), len(one.manifest_body)) for one in signatures]
    listing = Listing(written(referrers).decode(), it.it.clock())
    it.it.pull.store.facts.put_listing(Key("referrers", "one", "a/b", str(image.digest)), listing, 2 * HOUR)
    return image.digest


async def is_given(it: Rehearsing, subject: Digest) -> bool:
    try:
        await it.it.pull.pulls.referrers.find(ReferrersQuestion(it.it.pull.target(), subject))
    except UpstreamError:
        return False
    return True


@pytest.mark.parametrize(("age", "lasting"), [(0, 2 * HOUR), (HOUR, MINUTE), (HOUR, 10 * MINUTE)])
async def test_a_list_is_given_at_the_end_if_that_was_foretold(tmp_path: Path, age: float, lasting: float) -> None:
    async with rehearsing(tmp_path) as it:
        subject = await asked_for(it, it.push(None, SIGNATURE))
        it.it.clock.advance(age)
        found = await lacks(it, subject, lasting)
        it.it.pull.contact.freeze()
        it.it.clock.advance(lasting)
        assert await is_given(it, subject) == (not found)
        assert [lack for lack, _ in found] == ([Lack.REFERRERS] if age + lasting > HOUR + 5 * MINUTE else [])


async def test_a_signature_that_was_pulled_has_to_be_whole(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        pulled, other = it.push(None, SIGNATURE), it.push(None, b"nobody wanted this")
        subject = await asked_for(it, pulled, other)
        assert await lacks(it, subject) == []
        assert await it.pull(pulled.digest)
        assert await lacks(it, subject) == []
        await it.lose(pulled.layer_digests[0])
        words = "of what refers to it, 1 of 2 were pulled and are not whole any more"
        assert await lacks(it, subject) == [(Lack.REFERRERS, words)]


async def test_nobody_misses_a_list_with_nothing_on_it_or_one_that_was_never_asked_for(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        assert await lacks(it, await asked_for(it), 10 * HOUR) == []
        assert await lacks(it, it.push("v2", b"other").digest, 10 * HOUR) == []


async def test_what_cannot_be_read_as_a_list_is_none(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        subject = Digest.of(b"subject")
        key = Key("referrers", "one", "a/b", str(subject))
        for text in ("no list", '{"schemaVersion": 2}', "\ud800"):
            it.it.pull.store.facts.put_listing(key, Listing(text, time.time()), HOUR)
            assert await lacks(it, subject, 10 * HOUR) == []
