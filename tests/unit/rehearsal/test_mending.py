"""What is ordered so that an image survives: as little as will do."""

from __future__ import annotations

import pytest

from mirror.jobs.order import Order
from mirror.oci.image_name import ImageName
from mirror.rehearsal.mending import orders
from mirror.rehearsal.reasons import Lack, Reason
from tests.support.stocked import named

TAGGED = ImageName.parse("ghcr.io/owner/app:prod")
ARM, AMD = "linux/arm64/v8", "linux/amd64/v1"


def lacking(lack: Lack, name: str = "app", platform: str = "") -> Reason:
    return Reason(lack, "", named(name), platform)


def at(name: str) -> ImageName:
    return ImageName.parse(f"ghcr.io/owner/app@{named(name)}")


@pytest.mark.parametrize("lack", [Lack.GONE, Lack.INDEX_ONLY, Lack.TAG_UNKNOWN, Lack.TAG_RUNS_OUT])
def test_where_the_tag_is_asked_for_anyway_one_order_by_the_name_brings_the_rest(lack: Lack) -> None:
    reasons = [lacking(Lack.BLOBS, "arm", "linux/arm64"), lacking(lack), lacking(Lack.REFERRERS)]
    assert orders(TAGGED, named("app"), reasons, ["linux/arm64", "attestation", "linux/arm64/v8"], [AMD]) == (
        Order(TAGGED, (ARM,)),
    )


def test_where_no_platform_is_known_that_clients_pulled_it_is_the_one_asked_for() -> None:
    assert orders(TAGGED, named("app"), [lacking(Lack.INDEX_ONLY)], ["unknown", "not / a platform"], [AMD]) == (
        Order(TAGGED, (AMD,)),
    )
    assert orders(TAGGED, named("app"), [lacking(Lack.GONE)], [], []) == (Order(TAGGED),)


def test_else_the_manifests_that_lack_something_are_ordered_each_once() -> None:
    reasons = [
        lacking(Lack.BLOBS, "arm", "linux/arm64"),
        lacking(Lack.DAMAGED, "arm", "linux/arm64"),
        lacking(Lack.PLATFORM, "amd", "linux/amd64"),
        lacking(Lack.UNPROVEN, "app"),
    ]
    assert orders(TAGGED, named("app"), reasons, ["linux/arm64", "linux/amd64"], []) == (
        Order(at("arm")),
        Order(at("amd")),
        Order(at("app"), (ARM, AMD)),
    )


def test_referrers_are_brought_with_the_manifest_that_they_refer_to() -> None:
    found = orders(TAGGED, named("app"), [lacking(Lack.REFERRERS)], ["linux/arm64"], [])
    assert found == (Order(at("app"), (ARM,), referrers=True),)


def test_a_digest_that_the_tag_is_yet_to_have_is_ordered_by_itself() -> None:
    reasons = [lacking(Lack.INDEX_ONLY, "next"), lacking(Lack.BLOBS, "next-but-one")]
    assert orders(TAGGED, named("app"), reasons, [], [AMD]) == (Order(at("next"), (AMD,)), Order(at("next-but-one")))


def test_what_no_pull_can_mend_orders_none() -> None:
    assert orders(TAGGED, named("app"), [lacking(Lack.NOT_SERVED)], [], [AMD]) == ()
    assert orders(TAGGED, named("app"), [], [], [AMD]) == ()


def test_no_order_names_more_platforms_than_one_may() -> None:
    (order,) = orders(
        TAGGED, named("app"), [lacking(Lack.TAG_RUNS_OUT)], [f"linux/a{number}" for number in range(100)], []
    )
    assert len(order.platforms) == 64
