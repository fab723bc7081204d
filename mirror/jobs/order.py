"""What somebody wants to have pulled, as a value. Knows no upstream."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.oci.image_name import ImageName


@dataclass(frozen=True, slots=True)
class Order:
    """An image for these platforms (none named: for all that it is made for), with what refers to it if `referrers`.

    Equal orders are one job.
    """

    image: ImageName
    platforms: tuple[str, ...] = ()
    referrers: bool = False
