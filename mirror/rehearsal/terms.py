"""What is to be rehearsed, as a value: which images, and what is supposed to happen. Knows no clock and no cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mirror.errors import Code, Malformed, Refused
from mirror.oci.platform_choice import parse_platform
from mirror.pull.freshness import FOR_EVER

LATELY = 30 * 86400.0  # seconds
OUTAGE = 86400.0  # seconds
MOST = 1000  # patterns
_PLATFORMS = 64  # of one order
_MEMBERS = {"images", "within", "outage", "platforms", "deep"}


@dataclass(frozen=True, slots=True)
class Terms:
    """Images that were pulled `within` so many seconds, and are meant by one of the `patterns` (none: all of them).

    `outage`: seconds for which nobody can be asked, None for ever. `platforms` are brought where it is not known which
    of them clients pull; none: all. `deep`: every byte is read and hashed.
    """

    within: float = LATELY
    outage: float | None = OUTAGE
    patterns: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    deep: bool = False

    def __post_init__(self) -> None:
        """Raises Refused (BAD_REQUEST) for spans that cannot be, and for more patterns than anybody writes."""
        spans = [self.within] if self.outage is None else [self.within, self.outage]
        if not all(0 <= span <= FOR_EVER for span in spans):
            raise Refused("spans are seconds, from 0 to a hundred years", code=Code.BAD_REQUEST)
        if len(self.patterns) > MOST or len(self.platforms) > _PLATFORMS:
            raise Refused(f"at most {MOST} patterns and {_PLATFORMS} platforms can be given", code=Code.BAD_REQUEST)

    @property
    def lasting(self) -> float:
        """Seconds that the outage takes; what is for ever takes longer than anything else here."""
        return FOR_EVER if self.outage is None else self.outage


def terms_of(document: Mapping[str, object]) -> Terms:
    """What is to be rehearsed by the document that somebody has sent. Raises Refused (BAD_REQUEST)."""
    if document.keys() - _MEMBERS:
        raise _refusal()
    outage = document.get("outage", OUTAGE)
    deep = document.get("deep", False)
    if not isinstance(deep, bool):
        raise _refusal()
    try:
        platforms = tuple(parse_platform(one) for one in _words(document, "platforms"))
    except Malformed as error:
        raise Refused(str(error), code=Code.BAD_REQUEST) from None
    within, lasting = _span(document.get("within", LATELY)), None if outage is None else _span(outage)
    return Terms(within, lasting, _words(document, "images"), platforms, deep)


def _span(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal()
    return float(value)


def _words(document: Mapping[str, object], member: str) -> tuple[str, ...]:
    words = document.get(member, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise _refusal()
    return tuple(words)


def _refusal() -> Refused:
    words = "`images`, `platforms`, `within`, `outage` (seconds, or null for ever) and `deep` may be given: see"
    return Refused(f"{words} /openapi.json", code=Code.BAD_REQUEST)
