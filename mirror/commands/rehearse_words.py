"""A rehearsal, as the API tells of it, in lines for people. Knows nothing but its documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mirror.amounts import duration

_DIGEST = len("sha256:") + 12  # characters that tell images apart
_CODE = len("referrers-missing") + 2  # columns for the longest code

Document = Mapping[str, Any]


def lines_of(image: Document) -> Iterator[str]:
    """What would become of an image: a line, and one for each reason why it would not survive."""
    name, digest = image["image"], image["digest"][:_DIGEST]
    named = name if "@" in name else f"{name} ({digest})"
    if image["survives"]:
        yield f"{named} survives"
        return
    by_digest = "; by its digest it would" if image["whole"] and "@" not in name else ""
    yield f"{named} would not survive{by_digest}"
    for reason in image["reasons"]:
        platform = f"{reason['platform']}: " if reason["platform"] else ""
        yield f"  {reason['lack']:<{_CODE}}{platform}{reason['words']}"
    if image["reasons_untold"]:
        yield f"  and {image['reasons_untold']} reasons more"


def outcome_of(end: Document, mendable: int) -> Iterator[str]:
    """What it comes to. `mendable`: images that lack something which can be fetched now."""
    images, lost = end["images"], end["images"] - end["survive"]
    what = "for ever" if end["outage"] is None else f"of {duration(end['outage'])}"
    yield f"{end['survive']} of {images} images pulled in the last {duration(end['within'])} survive an outage {what}"
    if end["passed_over"]:
        looked = "was not looked at: nobody has pulled it since its tag moved on"
        if end["passed_over"] > 1:
            looked = "were not looked at: nobody has pulled them since their tags moved on"
        yield f"{end['passed_over']} more {looked}"
    if lost and mendable:
        which = f"{mendable} of the other {lost}" if mendable < lost else "the other one" if lost == 1 else "the others"
        yield f"`mirror rehearse --fetch` brings what {which} {'lacks' if mendable == 1 else 'lack'}"
    if end["tight"]:
        yield "the cache is nearly full: what is not pinned may be evicted meanwhile (see `mirror df`, `mirror pin`)"
