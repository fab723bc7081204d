"""One image in detail: platforms, blobs, what is shared, and what lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mirror.oci.digest import Digest
from mirror.stock.detail import Most, detailed
from mirror.stock.naming import Named
from mirror.store.looking import Looking
from tests.support import content
from tests.support.caches import path_of
from tests.support.larder import BASE, HUB, OTHER, OWN, TOP, Larder, filled

APP = Named(HUB, "team/app", tag="v1")


def shown(root: Path, named: Named = APP) -> dict[str, Any]:
    with Looking(root) as looking:
        return detailed(looking, named)


def test_an_image_of_one_platform_says_itself_what_it_is_for(tmp_path: Path) -> None:
    image = filled(tmp_path, lambda larder: larder.image("team/app", "v1", [BASE, TOP], missing=[TOP]))
    document = shown(tmp_path)
    assert (document["kind"], document["completeness"], document["shared"]) == ("image", "partial", 0)
    assert (document["digest"], document["tags"], document["also_in"]) == (str(image.digest), ["v1"], [])
    (platform,) = document["platforms"]
    assert (platform["platform"], platform["completeness"]) == ("linux/amd64", "partial")
    config = len(content.config([BASE, TOP]))
    assert (platform["size"], platform["held"]) == (config + len(BASE) + len(TOP), config + len(BASE))
    assert [(blob["role"], blob["digest"], blob["held"]) for blob in platform["blobs"]] == [
        ("config", str(image.config_digest), True),
        ("layer", str(Digest.of(BASE)), True),
        ("layer", str(Digest.of(TOP)), False),
    ]


def test_a_layer_that_another_image_needs_is_shared(tmp_path: Path) -> None:
    async def two(larder: Larder) -> None:
        await larder.image("team/app", "v1", [BASE, TOP])
        await larder.image("team/other", "v1", [BASE])

    filled(tmp_path, two)
    document = shown(tmp_path)
    assert document["shared"] == len(BASE)
    assert [blob["shared"] for blob in document["platforms"][0]["blobs"]] == [False, True, False]


def test_an_index_shows_each_of_its_platforms(tmp_path: Path) -> None:
    async def several(larder: Larder) -> None:
        await larder.index("team/app", "v1", [[BASE, TOP], [BASE, OWN], [OWN]], held=2)

    filled(tmp_path, several)
    document = shown(tmp_path)
    assert (document["kind"], document["completeness"]) == ("index", "full")
    assert [(one["platform"], one["completeness"], one["size"] is None) for one in document["platforms"]] == [
        ("linux/amd64", "full", False),
        ("linux/arm64", "full", False),
        ("linux/riscv64", "absent", True),
    ]
    assert document["shared"] == 0  # its own platforms are no others


def test_the_same_image_elsewhere_and_its_pin_are_told(tmp_path: Path) -> None:
    async def pinned(larder: Larder) -> None:
        await larder.image("team/app", "v1", [BASE])
        await larder.image("owner/copy", None, [BASE], upstream=OTHER)
        await larder.store.images.pin(f"{HUB}/team/*")

    filled(tmp_path, pinned)
    document = shown(tmp_path)
    assert (document["pinned"], document["pinned_by"]) == (True, f"{HUB}/team/*")
    assert document["also_in"] == [f"{OTHER}/owner/copy"]
    copy = shown(tmp_path, Named(OTHER, "owner/copy", digest=document["digest"]))
    assert (copy["pinned"], copy["pinned_by"], copy["tags"]) == (False, None, [])


def test_of_a_manifest_that_cannot_be_read_there_are_no_platforms(tmp_path: Path) -> None:
    image = filled(tmp_path, lambda larder: larder.image("team/app", "v1", [BASE]))
    path = path_of(tmp_path, image.digest)
    path.write_bytes(b"{" + image.manifest_body[1:-1] + b" ")
    document = shown(tmp_path)
    assert (document["kind"], document["platforms"]) == ("other", [])


def entry(body: bytes, number: int = 0) -> dict[str, object]:
    return {**content.descriptor(content.OCI_MANIFEST, body), "platform": {"os": "linux", "architecture": f"a{number}"}}


def listing(*entries: dict[str, object]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": entries}).encode()


def needing(*layers: bytes) -> bytes:
    return content.manifest(b"{}", layers)


def put(root: Path, most: Most, index: bytes, *manifests: bytes) -> dict[str, Any]:
    async def fill(larder: Larder) -> None:
        await larder.listing("team/app", "v1", index, manifests)

    filled(root, fill)
    with Looking(root) as looking:
        return detailed(looking, APP, most)


def test_of_an_index_that_lists_very_many_some_are_told_and_the_others_counted(tmp_path: Path) -> None:
    listed = [entry(str(number).encode(), number) for number in range(90)]
    document = put(tmp_path, Most(platforms=20), listing(*listed))
    assert (len(document["platforms"]), document["platforms_untold"]) == (20, 70)
    assert (document["uncounted"], document["completeness"]) == (False, "index only")


def test_one_that_lists_the_same_again_and_again_tells_of_it_within_the_same_bounds(tmp_path: Path) -> None:
    large = needing(*(str(number).encode() for number in range(29)))
    most = Most(blobs=50, read=4 * len(large))
    document = put(tmp_path, most, listing(*[entry(large)] * 90), large)
    told = [(len(one["blobs"]), one["blobs_untold"]) for one in document["platforms"]]
    assert told == [(30, 0), (20, 10), (0, 30), (0, 30)]
    assert document["platforms_untold"] == 86


def test_one_that_needs_more_than_any_image_does_is_not_looked_through_to_its_end(tmp_path: Path) -> None:
    large = [needing(*(f"{one}-{number}".encode() for number in range(30))) for one in range(8)]
    document = put(tmp_path, Most(parts=100), listing(*map(entry, large)), *large)
    assert (document["uncounted"], document["completeness"]) == (True, "partial")


def test_of_very_many_tags_some_are_told(tmp_path: Path) -> None:
    async def tagged(larder: Larder) -> None:
        image = await larder.image("team/app", "v1", [BASE])
        for number in range(9):
            larder.tag("team/app", f"v1.{number}", image.digest)
        await larder.store.flush()

    filled(tmp_path, tagged)
    with Looking(tmp_path) as looking:
        document = detailed(looking, APP, Most(tags=4))
    assert (document["tags"], document["tags_untold"]) == (["v1", "v1.0", "v1.1", "v1.2"], 6)


def test_an_index_within_an_index_tells_what_is_here_of_it(tmp_path: Path) -> None:
    inner = listing(entry(needing(b"a")), entry(b"not here"))
    outer = listing({**entry(inner), "mediaType": content.OCI_INDEX})
    (platform,) = put(tmp_path, Most(), outer, needing(b"a"), inner)["platforms"]
    assert (platform["completeness"], [blob["role"] for blob in platform["blobs"]]) == ("partial", ["manifest"] * 2)
    assert [blob["held"] for blob in platform["blobs"]] == [True, False]
