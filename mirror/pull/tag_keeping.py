"""What the operator does to tags: looks where they point and have pointed, pins them to a digest, rolls them back.

A tag is only pinned to what can be had: what is cached whole, or what the upstream still has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mirror.errors import Absent, Code, Refused, UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.pull.holdings import Held, Holdings
from mirror.pull.manifests import Manifests, Question
from mirror.pull.routes import Routes
from mirror.pull.stand_ins import StandIns
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key
from mirror.store.journal import Move, Page
from mirror.store.store import Store
from mirror.store.tag_pins import TagPin

PAGE = 1000  # moves that are told at once
_TURN = 100  # tags that are looked at before others have their turn on the loop

Choice = Callable[[Sequence[Move], str | None], str]  # of the moves, and what clients are given now


@dataclass(frozen=True, slots=True)
class KnownTag:
    """`digest`: where the upstream had it when it was `checked`; None where that is not known any more.

    `given`: what clients are given; `why` that is another (empty: it is not), `since` when and `until` when. All times
    are of the wall clock, in seconds, and None where there is none. `pinned`: the operator has said so.
    """

    upstream: str
    repository: str
    tag: str
    digest: str | None
    checked: float | None
    given: str | None
    pinned: bool = False
    why: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """Some of them, the newest first, and whether there are older ones."""

    moves: list[Move]
    more: bool


class TagKeeping:
    """`manifests` asks upstreams; None: nobody can be asked. `now` is the wall clock."""

    def __init__(
        self,
        routes: Routes,
        holdings: Holdings,
        store: Store,
        manifests: Manifests | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._routes = routes
        self._holdings = holdings
        self._store = store
        self._facts = store.facts
        self._manifests = manifests
        self._now = now
        self._stand_ins = StandIns(store.facts, now)

    async def tags(self, image: str) -> tuple[KnownTag, ...]:
        """The tags that are known of the repository, or the one that `image` names, in lexical order.

        Raises Malformed for what is no image's name, Refused for one that leads nowhere, or names a digest.
        """
        target, tag = self._find(image)
        await self._store.flush()  # who has just pulled a tag wants to see it
        found: list[KnownTag] = []
        for name in self._names(target) if tag is None else [tag]:
            found.append(self._known(target, name))
            if len(found) % _TURN == 0:
                await asyncio.sleep(0)  # a repository may have a hundred thousand
        return tuple(found)

    async def history(self, image: str, limit: int = PAGE, before: int | None = None) -> Moves:
        """The newest moves of these tags, or the newest before the one with that number. Raises as `tags` does."""
        target, tag = self._find(image)
        await self._store.flush()
        moves = await self._facts.journal.history(target.name, target.repository, tag, Page(limit + 1, before))
        return Moves(moves[:limit], len(moves) > limit)

    async def pin(self, image: str, to: str | None = None) -> KnownTag:
        """Pin a tag to this digest, or to what clients are given for it now; how it stands then.

        Raises Malformed; Refused for a tag or a digest that cannot be had, or is not known; StoreFailed for what was
        done and could not be written down.
        """
        target, tag = self._tag(image)
        digest = self._known(target, tag).given if to is None else str(Digest.parse(to))
        if digest is None:
            raise Refused(
                "nothing is known of this tag: pull it once, or name a digest with `--to`", code=Code.MANIFEST_UNKNOWN
            )
        return await self._pinned(target, tag, digest, is_former=False)

    async def roll_back(self, image: str, choice: Choice) -> KnownTag:
        """Pin a tag to the one of its former digests that is chosen; how it stands then. Raises as `pin` does."""
        target, tag = self._tag(image)
        digest = choice(await self._whole_history(target, tag), self._known(target, tag).given)
        return await self._pinned(target, tag, digest, is_former=True)

    async def unpin(self, image: str) -> KnownTag:
        """Take a pin or a rollback back; how the tag stands then. Raises as `pin` does, Refused where there is none."""
        target, tag = self._tag(image)
        pin = self._facts.pins.get(target.name, target.repository, tag)
        if pin is None:
            raise Refused("this tag is not pinned: see `mirror tags`", code=Code.MANIFEST_UNKNOWN)
        self._facts.pins.forget(pin)
        await self._facts.kept()
        return self._known(target, tag)

    async def _whole_history(self, target: Target, tag: str) -> list[Move]:
        await self._store.flush()  # the former digest depends on the last move, and that may have been seen just now
        found: list[Move] = []
        while page := await self._facts.journal.history(
            target.name, target.repository, tag, Page(before=found[-1].number if found else None)
        ):
            found += page
        return found

    async def _pinned(self, target: Target, tag: str, digest: str, is_former: bool) -> KnownTag:
        await self._see_that_it_can_be_had(target, Digest.parse(digest))
        # It is an image from now on, also if no client was given it yet: what belongs to none is evicted first.
        self._store.images.pulled((target.name, target.repository, digest), self._now())
        self._facts.pins.put(TagPin(target.name, target.repository, tag, digest, self._now(), is_former))
        await self._facts.kept()
        return self._known(target, tag)

    async def _see_that_it_can_be_had(self, target: Target, digest: Digest) -> None:
        manifest = await self._holdings.manifest(target, digest)
        if manifest is not None and _is_whole(await self._holdings.images(target, manifest)):
            return
        try:
            if self._manifests is None:
                raise UpstreamError
            if manifest is None:
                await self._manifests.find(Question(target, digest))
            else:
                await target.upstream.registry.head_manifest(target.repository, str(digest))
        except Absent:
            words = "the digest is not cached whole, and the upstream no longer has it: nothing was changed"
            raise Refused(words, code=Code.MANIFEST_UNKNOWN) from None
        except UpstreamError:
            words = "the digest is not cached whole, and the upstream cannot be asked for it now: nothing was changed"
            raise Refused(words, code=Code.UNAVAILABLE) from None

    def _known(self, target: Target, tag: str) -> KnownTag:
        record = self._facts.tag(Key("tag", target.name, target.repository, tag))
        digest, checked = (None, None) if record is None else (record.digest, record.checked)
        place = (target.name, target.repository, tag)
        stand_in = self._stand_ins.of(target, tag)
        if stand_in is None:
            return KnownTag(*place, digest, checked, digest)
        why, since, until = stand_in.words, stand_in.since, stand_in.until
        return KnownTag(*place, digest, checked, stand_in.digest, stand_in.is_pin, why, since, until)

    def _names(self, target: Target) -> list[str]:
        pinned = (
            pin.tag for pin in self._facts.pins if (pin.upstream, pin.repository) == (target.name, target.repository)
        )
        return sorted({*self._facts.tag_names(target.name, target.repository), *pinned})

    def _find(self, image: str) -> tuple[Target, str | None]:
        """The repository, and the tag if one is named."""
        name = ImageName.parse(image)
        if isinstance(name.reference, Digest):
            raise Refused("name a tag, not a digest, which never moves", code=Code.BAD_REQUEST)
        target, _ = self._routes.find(name)
        return target, name.reference if ":" in image.rpartition("/")[2] else None

    def _tag(self, image: str) -> tuple[Target, str]:
        target, tag = self._find(image)
        if tag is None:
            raise Refused("name the tag too: IMAGE:TAG", code=Code.BAD_REQUEST)
        return target, tag


def _is_whole(images: Sequence[Held]) -> bool:
    """Whether all can be pulled that has ever been: of the platforms of an index, those whose manifest is held."""
    held = [one for one in images if one.manifest]
    return bool(held) and all(one.blobs_held == one.blobs and not one.unproven for one in held)
