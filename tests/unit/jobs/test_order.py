"""Orders are values."""

from __future__ import annotations

from mirror.jobs.order import Order
from mirror.oci.image_name import ImageName


def test_equal_orders_are_one() -> None:
    image = ImageName("docker.io", "library/app", "v1")
    assert len({Order(image), Order(image, ()), Order(image, (), False)}) == 1
    assert len({Order(image), Order(image, ("linux/amd64/v1",)), Order(image, (), True)}) == 3
