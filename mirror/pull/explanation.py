"""What a pull of an image would do now, and why: the route, what is known of the tag, what is held, what is asked.

Asks nobody: it says what would be asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.pull.content import Manifest
from mirror.pull.freshness import Known, Policy, Verdict, fresh_until, silence
from mirror.pull.holdings import Held, Holdings
from mirror.pull.routes import Route, Routes
from mirror.pull.staleness import Trouble
from mirror.pull.tag_notes import Place, TagNotes
from mirror.pull.upstreams import Target
from mirror.pull.variants import MAIN
from mirror.store.catalog import Key, TagRecord

PATIENCE = 5.0  # seconds for all that has to be looked at: less than who asks will wait


@dataclass(frozen=True, slots=True)
class TagState:
    """What is known of a tag. `age` since it was checked; `next_check_in` 0 when it is due, None for never.

    `answerable_for`: how long it is answered while the upstream cannot be asked, None for ever. All in seconds.
    """

    digest: str
    age: float
    verdict: str
    meaning: str
    next_check_in: float | None
    answerable_for: float | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What clients are given in the place of what the tag points to, and why. `until`: the seconds that are left of it.

    None: for as long as the operator wants it, who has pinned the tag.
    """

    digest: str
    why: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`frozen`: by the operator's word nobody is asked. `tag` is None for a digest, and where nothing is known.

    `absent`: the upstream has just said that there is no such thing. `images` are what is held of each platform, None
    when that was not looked at, or could not be in time. `asks` is what the upstream would be asked before a platform
    is chosen; None where no store was looked at.
    """

    image: str
    route: Route
    frozen: bool
    tag: TagState | None = None
    absent: bool = False
    manifest: str | None = None  # the digest of the one that is held
    images: tuple[Held, ...] | None = None
    asks: tuple[str, ...] | None = None
    given: Standing | None = None  # None where it is what the reference means


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a reference, and the digest that it means, if that is known."""

    digest: Digest | None
    verdict: Verdict
    absent: bool
    tag: TagState | None = None
    given: Standing | None = None


class Explanations:
    """`holdings` and `notes` are None where no store can be looked at. `now` is the wall clock."""

    def __init__(
        self,
        routes: Routes,
        frozen: Callable[[], bool],
        holdings: Holdings | None = None,
        notes: TagNotes | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._routes = routes
        self._frozen = frozen
        self._holdings = holdings
        self._notes = notes
        self._now = now

    async def explain(self, text: str) -> Explanation:
        """Raises Malformed for what is no image's name, Refused (NAME_UNKNOWN) for a registry that is not served.

        Takes `PATIENCE` at the most. May be cancelled.
        """
        image = ImageName.parse(text)
        target, route = self._routes.find(image)
        name = str(ImageName(route.upstream, route.repository, image.reference))
        if self._holdings is None or self._notes is None:
            return Explanation(name, route, self._frozen())
        known = self._known(self._notes, target, image.reference)
        manifest, images = await self._look(self._holdings, target, known.digest)
        return Explanation(
            name,
            route,
            self._frozen(),
            known.tag,
            known.absent,
            None if manifest is None else str(manifest.digest),
            images,
            _asks(image, known, manifest) if route.admitted else (),
            known.given,
        )

    def _known(self, notes: TagNotes, target: Target, reference: str | Digest) -> _Known:
        place = Place(target, Key("tag", target.name, target.repository, str(reference), MAIN.name))
        absent = notes.absent(place)
        if isinstance(reference, Digest):
            return _Known(reference, Verdict.FRESH, absent)
        record = notes.record(place)
        verdict = notes.judge(place, record, no_cache=False)
        state = None if record is None else self._state(place, record, verdict)
        stand_in = notes.stand_ins.of(target, reference)
        if stand_in is None:
            return _Known(None if record is None else Digest.parse(record.digest), verdict, absent, state)
        until = None if stand_in.until is None else stand_in.until - self._now()
        given = Standing(stand_in.digest, stand_in.words, until)
        meant = Verdict.FRESH if stand_in.is_pin else verdict
        return _Known(Digest.parse(stand_in.digest), meant, absent and not stand_in.is_pin, state, given)

    def _state(self, place: Place, record: TagRecord, verdict: Verdict) -> TagState:
        now, policy = self._now(), place.target.upstream.policy
        return TagState(
            record.digest,
            max(now - record.checked, 0.0),
            verdict.name.lower(),
            verdict.value,
            _next_check(record, policy, place.tag, verdict, now),
            None if policy.immutable(place.tag) or record.lasting else max(record.checked + policy.horizon - now, 0.0),
            record.trouble,
        )

    async def _look(
        self, holdings: Holdings, target: Target, digest: Digest | None
    ) -> tuple[Manifest | None, tuple[Held, ...] | None]:
        if digest is None:
            return None, ()
        manifest = None
        try:
            async with asyncio.timeout(PATIENCE):
                manifest = await holdings.manifest(target, digest)
                return manifest, () if manifest is None else await holdings.images(target, manifest)
        except TimeoutError:
            return manifest, None


def _next_check(record: TagRecord, policy: Policy, tag: str, verdict: Verdict, now: float) -> float | None:
    if verdict is Verdict.FRESH:
        until = fresh_until(Known(record.checked, record.failed), policy, tag)
        return None if until is None else max(until - now, 0.0)
    if verdict is Verdict.WAIT:
        known = Known(record.checked, record.failed, record.trouble == Trouble.DELETED)
        return max(record.failed + silence(known, policy) - now, 0.0)
    return 0.0


def _asks(image: ImageName, known: _Known, held: Manifest | None) -> tuple[str, ...]:
    """What the upstream would be asked for the manifest that the name means."""
    path = f"manifests/{image.reference}"
    if held is None:
        named = path if known.given is None else f"manifests/{known.given.digest}"
        return () if known.absent else (f"GET {named}",)
    if known.verdict in (Verdict.FRESH, Verdict.WAIT):
        return ()
    if known.verdict is Verdict.SPARE:
        return (f"HEAD {path}",)
    return (f"HEAD {path}, and GET if it has moved",)
