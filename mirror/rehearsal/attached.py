"""What clients have asked for that refers to an image (signatures, SBOMs, …), and could not be given any more.

What nobody has asked for is missed by nobody; nor is a list that had nothing on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mirror.amounts import duration
from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, parse_referrers
from mirror.pull.freshness import Known, Verdict, judge
from mirror.pull.upstreams import Target
from mirror.rehearsal.content import Content, Larder
from mirror.rehearsal.reasons import Lack, Reason
from mirror.store.catalog import Key
from mirror.store.facts import Facts
from mirror.store.listing import Listing
from mirror.tasks import worked

_MOST = 1000  # referrers of one image that are looked at


async def attached_lack(larder: Larder, target: Target, subjects: Sequence[Digest], until: float) -> list[Reason]:
    """A reason for each of these manifests whose referrers could not be given `until` then (wall clock, seconds)."""
    found = []
    for subject in subjects:
        facts = larder.store.facts
        listing = facts.listing(Key("referrers", target.name, target.repository, str(subject)))
        referrers = () if listing is None else await _read(listing)
        if listing is None or not referrers:
            continue
        words = _runs_out(target, listing, until) or await _missing(larder, target, referrers)
        if words:
            found.append(Reason(Lack.REFERRERS, words, str(subject)))
    return found


def _runs_out(target: Target, listing: Listing, until: float) -> str:
    policy = replace(target.upstream.policy, immutable_tags=())
    if judge(Known(listing.checked, listing.failed), policy, "", until) is not Verdict.OVERDUE:
        return ""
    return (
        f"the list of what refers to it is answered for {duration(policy.horizon)} after it was asked for, and no more"
    )


async def _missing(larder: Larder, target: Target, referrers: Sequence[Referrer]) -> str:
    count = 0
    for referrer in referrers[:_MOST]:
        try:
            digest = Digest.parse(referrer.digest)
        except Malformed:
            continue  # of an algorithm that is not served here
        if _was_pulled(larder.store.facts, target, digest):
            content = Content(larder, target)
            await content.look(digest)
            count += bool(content.reasons)
    return f"of what refers to it, {count} of {len(referrers)} were pulled and are not whole any more" if count else ""


async def _read(listing: Listing) -> tuple[Referrer, ...]:
    try:
        text = listing.text.encode()
        return await worked(len(text), parse_referrers, text, None)
    except (Malformed, UnicodeEncodeError):
        return ()


def _was_pulled(facts: Facts, target: Target, digest: Digest) -> bool:
    member = facts.member(target.name, target.repository, str(digest))
    return member is not None and member.media_type is not None
