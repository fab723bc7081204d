"""What the operator does to tags: only to what can be had, and said so when it cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mirror.config.settings import Settings
from mirror.errors import Code, Malformed, Refused
from mirror.pull import former
from mirror.pull.explaining import keeping
from mirror.pull.tag_keeping import KnownTag, TagKeeping
from mirror.store.journal import Sighting
from tests.support.checker import until
from tests.support.pulling import body
from tests.support.scenes import HOUR, MINUTE, POLICY, Scene, scene

NAME = "a/b:latest"
NOBODY = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Keeping:
    it: Scene
    tags: TagKeeping
    offline: TagKeeping  # who can ask nobody

    async def pulled(self, layer: bytes) -> str:
        """The tag moves, and is pulled with all that it needs."""
        self.it.clock.advance(6 * MINUTE)
        image = self.it.move(layer)
        await self.it.get()
        for digest in (image.config_digest, *image.layer_digests):
            await body(await self.it.pull.blobs.find(self.it.pull.target(), digest))
        await until(lambda: len(self.it.pull.fetches) == 0)
        return str(image.digest)

    async def given(self) -> str:
        return str((await self.it.get()).manifest.digest)


@asynccontextmanager
async def kept(root: Path, hold: float = 0.0) -> AsyncIterator[Keeping]:
    async with scene(root, replace(POLICY, hold=hold)) as it:
        pulls, store, settings = it.pull.pulls, it.pull.store, Settings()
        yield Keeping(
            it,
            keeping(settings, pulls.upstreams, store, pulls.manifests, it.clock),
            keeping(settings, pulls.upstreams, store, None, it.clock),
        )


async def test_where_tags_point_is_told_of_a_repository_and_of_one_tag(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        it = kept_.it
        image = it.registry.push_image("a/b", "v1", [b"release"])
        await it.get()
        await it.get("v1")
        await it.pull.store.flush()
        latest = KnownTag("one", "a/b", "latest", str(it.image.digest), it.clock(), str(it.image.digest))
        release = KnownTag("one", "a/b", "v1", str(image.digest), it.clock(), str(image.digest))
        assert await kept_.tags.tags("a/b") == (latest, release)
        assert await kept_.tags.tags("a/b:v1") == (release,)
        assert await kept_.tags.tags("a/b:none") == (KnownTag("one", "a/b", "none", None, None, None),)
        assert await kept_.tags.tags("a/other") == ()
        assert [move.tag for move in (await kept_.tags.history("a/b")).moves] == ["v1", "latest"]
        assert [move.tag for move in (await kept_.tags.history("a/b:v1")).moves] == ["v1"]


async def test_a_rollback_goes_back_step_by_step_and_is_taken_back(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        one, two, three = [await kept_.pulled(layer) for layer in (b"1", b"2", b"3")]
        assert await kept_.given() == three
        for digest in (two, one):
            stands = await kept_.tags.roll_back(NAME, former.before)
            assert (stands.given, stands.digest, stands.pinned, stands.since) == (digest, three, True, kept_.it.clock())
            assert await kept_.given() == digest
        with pytest.raises(Refused, match="no digest is known"):
            await kept_.tags.roll_back(NAME, former.before)
        stands = await kept_.tags.unpin(NAME)
        assert (stands.given, stands.pinned, stands.why) == (three, False, "")
        with pytest.raises(Refused, match="not pinned"):
            await kept_.tags.unpin(NAME)
        assert await kept_.given() == three


async def test_what_is_cached_whole_is_pinned_without_asking(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        one, _ = [await kept_.pulled(layer) for layer in (b"1", b"2")]
        kept_.it.asked()
        assert (await kept_.offline.roll_back(NAME, former.before)).given == one
        assert kept_.it.asked() == []


async def test_a_tag_is_pinned_to_what_clients_are_given_now(tmp_path: Path) -> None:
    async with kept(tmp_path, hold=24 * HOUR) as kept_:
        one = await kept_.pulled(b"1")
        two = await kept_.pulled(b"2")
        (held,) = await kept_.tags.tags(NAME)
        assert (held.given, held.digest, held.pinned) == (one, two, False)
        assert held.until is not None
        assert "held back" in held.why
        assert (await kept_.tags.pin(NAME)).given == one
        assert (await kept_.tags.pin(NAME, two)).given == two


async def test_what_is_not_cached_whole_is_asked_for(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        it = kept_.it
        other = it.registry.push_image("a/b", None, [b"other"])
        with pytest.raises(Refused) as refusal:
            await kept_.offline.pin(NAME, str(other.digest))
        assert refusal.value.code is Code.UNAVAILABLE
        assert (await kept_.tags.pin(NAME, str(other.digest))).given == str(other.digest)
        it.asked()
        with pytest.raises(Refused) as refusal:  # its manifest is held now, its blobs are not
            await kept_.offline.pin("a/b:other", str(other.digest))
        assert refusal.value.code is Code.UNAVAILABLE
        await kept_.tags.pin("a/b:other", str(other.digest))
        assert it.asked() == ["HEAD"]


async def test_the_whole_history_is_looked_through_however_long_it_is(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        first = await kept_.pulled(b"1")
        journal = kept_.it.pull.store.facts.journal
        journal.kept = 10_000
        for number in range(2100):
            digest = f"sha256:{number:064x}"
            journal.note(Sighting("one", "a/b", "latest", digest, None, kept_.it.clock() + number))
        page = await kept_.tags.history(NAME)
        assert (len(page.moves), page.more) == (1000, True)
        assert (await kept_.tags.roll_back(NAME, lambda history, _: former.named(history, first))).given == first


async def test_what_nobody_has_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        await kept_.it.get()
        with pytest.raises(Refused, match="nothing was changed") as refusal:
            await kept_.tags.pin(NAME, NOBODY)
        assert refusal.value.code is Code.MANIFEST_UNKNOWN
        await kept_.it.registry.stop()
        with pytest.raises(Refused, match="cannot be asked"):
            await kept_.tags.pin(NAME, "sha256:" + "1" * 64)
        with pytest.raises(Refused, match="not known to have had"):
            await kept_.tags.roll_back(NAME, lambda history, _: former.named(history, NOBODY))
        assert [*kept_.it.pull.store.facts.pins] == []


@pytest.mark.parametrize(
    ("image", "kind"),
    [("a/b", Refused), (f"a/b@{NOBODY}", Refused), ("A/b:x", Malformed), ("nowhere.test/a/b:x", Refused)],
)
async def test_a_name_that_means_no_tag_is_refused(tmp_path: Path, image: str, kind: type[Exception]) -> None:
    async with kept(tmp_path) as kept_:
        with pytest.raises(kind):
            await kept_.tags.pin(image)


async def test_a_tag_that_is_not_known_needs_a_digest(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        with pytest.raises(Refused, match="nothing is known"):
            await kept_.tags.pin(NAME)
        with pytest.raises(Malformed):
            await kept_.tags.pin(NAME, "latest")


async def test_what_a_tag_is_pinned_to_is_an_image_that_is_never_evicted(tmp_path: Path) -> None:
    async with kept(tmp_path) as kept_:
        other = kept_.it.registry.push_image("a/b", None, [b"other"])
        await kept_.tags.pin(NAME, str(other.digest))
        (image,) = await kept_.it.pull.store.images.list()
        assert (image.digest, image.pinned) == (str(other.digest), True)
        await kept_.tags.unpin(NAME)
        (image,) = await kept_.it.pull.store.images.list()
        assert not image.pinned
