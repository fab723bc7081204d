"""One image tried: by each tag that clients are given it for, else by its digest.

Nobody wants an image again that came by a tag, and was not pulled since that tag moved on: it is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from mirror.errors import Refused
from mirror.jobs.order import Order
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.pull.upstreams import Asked, Target, Upstreams
from mirror.rehearsal.attached import attached_lack
from mirror.rehearsal.content import Content, Larder
from mirror.rehearsal.mending import orders
from mirror.rehearsal.reasons import Lack, Reason
from mirror.rehearsal.tags import Answered, Tags
from mirror.rehearsal.terms import Terms
from mirror.store.pulled import Pulled

_TURN = 100  # tags of one image that are looked at before others have their turn on the loop

Tag = TypeVar("Tag")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of an image by one of its names. `whole`: whether its content is here, whatever its name does.

    `orders` are the pulls that would mend what a pull can mend.
    """

    name: ImageName
    image: Pulled
    reasons: tuple[Reason, ...]
    whole: bool
    orders: tuple[Order, ...] = ()

    @property
    def survives(self) -> bool:
        return not self.reasons


class Trial:
    """Of the images of one rehearsal. `now` is the wall clock, in seconds."""

    def __init__(self, larder: Larder, upstreams: Upstreams, terms: Terms, now: Callable[[], float]) -> None:
        self._larder = larder
        self._upstreams = upstreams
        self._terms = terms
        self._now = now
        self._tags = Tags(larder.store.facts, larder.shelf, now, terms.lasting)

    async def outcomes(self, image: Pulled) -> AsyncIterator[Outcome]:
        """One for each name that the image is given by; none where it is passed over.

        Raises Malformed, maybe after some, for what no mirror of this version can have noted. May be cancelled.
        """
        digest = Digest.parse(image.digest)
        try:
            target = self._upstreams.target(Asked(None, None, image.upstream, image.repository))
        except Refused as error:
            reason = Reason(Lack.NOT_SERVED, f"{error}: see `upstreams` in mirror.yml", image.digest)
            references: tuple[str | Digest, ...] = image.tags or (digest,)
            async for reference in _in_turns(references):
                yield Outcome(ImageName(image.upstream, image.repository, reference), image, (reason,), False)
            return
        given, moved = await self._given(target, image)
        if not given and moved is not None and image.last_pull <= moved:
            return
        content = Content(self._larder, target)
        await content.look(digest)
        until = self._now() + self._terms.lasting
        attached = [] if content.reasons else await attached_lack(self._larder, target, content.documents, until)
        if not given:
            yield self._outcome(ImageName(image.upstream, image.repository, digest), image, content, attached)
        async for tag, answered in _in_turns(given.items()):
            name = ImageName(image.upstream, image.repository, tag)
            more = attached + await self._later(target, answered)
            yield self._outcome(name, image, content, more, answered)

    def _outcome(
        self,
        name: ImageName,
        image: Pulled,
        content: Content,
        more: list[Reason],
        answered: Answered | None = None,
    ) -> Outcome:
        reasons, mendable = [*content.reasons, *more], [*content.reasons, *more]
        if answered is not None and answered.reason is not None:
            reasons.append(answered.reason)
            mendable += [answered.reason] if answered.is_mendable else []
        found = orders(name, image.digest, mendable, content.platforms, self._terms.platforms)
        return Outcome(name, image, tuple(reasons), not content.reasons, found)

    async def _given(self, target: Target, image: Pulled) -> tuple[dict[str, Answered], float | None]:
        """The tags that clients are given the image for; and when the last one moved on that it was given for."""
        given, moved, tags = {}, None, frozenset(image.tags)
        async for tag in _in_turns(dict.fromkeys((*image.tags, *image.pins, *image.left))):
            answered = await self._tags.answered(target, tag, image.digest if tag in tags else None)
            if answered.digest == image.digest:
                given[tag] = answered
            else:
                moved = max(moved or 0.0, image.left.get(tag, answered.since or 0.0))
        return given, moved

    async def _later(self, target: Target, answered: Answered) -> list[Reason]:
        """What is lacking of the digest that clients are given later on."""
        if answered.then is None:
            return []
        content = Content(self._larder, target)
        await content.look(Digest.parse(answered.then))
        return content.reasons


async def _in_turns(tags: Iterable[Tag]) -> AsyncIterator[Tag]:
    """These, one by one; other tasks have their turn after each hundred of them."""
    for number, tag in enumerate(tags, 1):
        yield tag
        if number % _TURN == 0:
            await asyncio.sleep(0)
