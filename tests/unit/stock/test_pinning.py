"""Pins: what somebody means by a name, and what that keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Code, Malformed, Refused
from mirror.oci.digest import Digest
from mirror.stock.pinning import known_pin, pin_of, pinned
from mirror.store.index import Index
from mirror.store.looking import Looking
from tests.support.larder import BASE, NAMING, TOP, Larder, filled
from tests.support.stocked import UPSTREAM, Stocked

NOWHERE = f"sha256:{'0' * 64}"


async def one(larder: Larder) -> str:
    image = await larder.image("team/app", "v1", [BASE, TOP])
    return str(image.digest)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
        (f"ubuntu@{NOWHERE}", f"docker.io/library/ubuntu@{NOWHERE}"),
        ("ghcr.io", "ghcr.io/*"),
        ("ghcr.io/owner/*:v1*", "ghcr.io/owner/*:v1*"),
        (NOWHERE, NOWHERE),
    ],
)
def test_a_name_becomes_a_pin(tmp_path: Path, text: str, pin: str) -> None:
    filled(tmp_path, one)
    with Looking(tmp_path) as looking:
        assert pin_of(looking, NAMING, text) == pin


def test_the_beginning_of_a_digest_is_that_of_an_image_that_is_here(tmp_path: Path) -> None:
    digest = filled(tmp_path, one)
    with Looking(tmp_path) as looking:
        assert pin_of(looking, NAMING, digest[:20]) == digest
        with pytest.raises(Refused):
            pin_of(looking, NAMING, NOWHERE[:20])
        with pytest.raises(Malformed):
            pin_of(looking, NAMING, "UPPER")


def test_a_pin_is_let_go_of_as_it_is_listed_or_as_it_was_given(tmp_path: Path) -> None:
    async def kept(larder: Larder) -> None:
        await larder.store.images.pin("docker.io/library/ubuntu")

    filled(tmp_path, kept)
    with Looking(tmp_path) as looking:
        for text in ("ubuntu", "docker.io/library/ubuntu", "library/ubuntu"):
            assert known_pin(looking, NAMING, text) == "docker.io/library/ubuntu"
        with pytest.raises(Refused) as refused:
            known_pin(looking, NAMING, "debian")
        assert refused.value.code is Code.NOT_FOUND


def test_a_pin_tells_what_it_keeps(tmp_path: Path) -> None:
    async def kept(larder: Larder) -> int:
        await one(larder)
        for pin in ("docker.io/team/*", "quay.io/*", str(Digest.of(BASE))):
            await larder.store.images.pin(pin)
        return larder.store.size

    size = filled(tmp_path, kept)
    with Looking(tmp_path) as looking:
        assert pinned(looking) == {
            "pins": [
                {"pin": "docker.io/team/*", "images": 1, "size": size, "uncounted": False},
                {"pin": "quay.io/*", "images": 0, "size": 0, "uncounted": False},
                {"pin": str(Digest.of(BASE)), "images": 0, "size": len(BASE), "uncounted": False},
            ]
        }


def test_an_image_that_was_made_to_take_long_is_looked_through_in_part(tmp_path: Path) -> None:
    filled(tmp_path, one)
    index = Index(tmp_path / "index")
    stocked, parts = Stocked(index), [f"part{number}" for number in range(30)]
    with index:
        for part in parts:
            stocked.document(part, *(f"{part}-{number}" for number in range(700)))
        stocked.image("made/large", *parts)
        stocked.images.pin(f"{UPSTREAM}/made/*")
    index.close()
    with Looking(tmp_path) as looking:
        (told,) = pinned(looking)["pins"]
    assert (told["uncounted"], told["size"]) == (True, 10 + 30 * 10)
