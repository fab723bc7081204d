"""What refers to a manifest, as the owner of a lent login is told it. Remembered nowhere: others may not see it."""

from __future__ import annotations

from mirror.errors import Absent, Malformed, Nonsense
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, parse_referrers, referrers_tag
from mirror.pull.upstreams import Target
from mirror.tasks import worked


async def lent_referrers(lent: Target, digest: Digest) -> tuple[Referrer, ...]:
    """All of them, of a manifest that the repository has; `lent` is that as the login's owner sees it.

    Raises UpstreamError. That there are none is only said when the registry has said so to both questions that there
    are: see `ReferrerSources`.
    """
    registry = lent.upstream.registry
    has_api = True
    try:
        listed = await registry.referrers(lent.repository, digest)
        has_api = listed is not None
    except Absent:
        listed = None
    if listed is not None:
        return listed
    try:
        got = await registry.manifest(lent.repository, referrers_tag(digest))
    except Absent:
        if not has_api:
            raise
        return ()
    try:
        return await worked(len(got.body), parse_referrers, got.body, got.content_type)
    except Malformed as error:
        raise Nonsense(f"{lent.name} has, under the tag that stands for referrers, {error}") from error
