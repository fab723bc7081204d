"""What has to be pulled for an image to survive: orders for the jobs that there are. Pure.

Where the tag has to be asked for anyway, one order by the name brings what is missing, too; else the manifests that
lack something are ordered by their digests, which asks for nothing that is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mirror.errors import Malformed
from mirror.jobs.order import Order
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform
from mirror.rehearsal.reasons import Lack, Reason

_PLATFORMS = 64  # of one order
_BY_NAME = {Lack.GONE, Lack.INDEX_ONLY, Lack.TAG_UNKNOWN, Lack.TAG_RUNS_OUT}


def orders(
    image: ImageName, digest: str, reasons: Sequence[Reason], pulled: Iterable[str], otherwise: Sequence[str]
) -> tuple[Order, ...]:
    """Those for an image of this digest that would not survive for these reasons, as far as a pull can mend them.

    Some may be about another digest, which the tag is going to have. `pulled`: the platforms that clients have pulled;
    `otherwise`: those that are wanted where none is known.
    """
    platforms = (tuple(dict.fromkeys(_usual(pulled))) or tuple(otherwise))[:_PLATFORMS]
    if any(reason.lack in _BY_NAME and reason.digest in ("", digest) for reason in reasons):
        return (Order(image, platforms),)
    found: dict[Order, None] = {}
    for reason in reasons:
        if reason.lack is not Lack.NOT_SERVED:
            # A part of an index is for one platform anyway; what nothing is known of may be for many.
            wanted = platforms if reason.digest == digest or reason.lack in _BY_NAME else ()
            found[Order(_at(image, reason.digest), wanted, referrers=reason.lack is Lack.REFERRERS)] = None
    return tuple(found)


def _at(image: ImageName, digest: str) -> ImageName:
    return ImageName(image.registry, image.repository, Digest.parse(digest))


def _usual(platforms: Iterable[str]) -> Iterator[str]:
    """Those that can be asked for: not attestations, nor what is for no platform."""
    for platform in platforms:
        if "/" in platform:
            try:
                yield parse_platform(platform)
            except Malformed:
                continue
