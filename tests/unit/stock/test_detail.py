"""One image in detail: platforms, blobs, what is shared, and what lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirror.oci.digest import Digest
from mirror.stock.detail import detailed
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
