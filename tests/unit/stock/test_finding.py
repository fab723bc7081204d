"""The images that a name means: by tag, by digest, by the beginning of one, and in other repositories, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Code, Refused
from mirror.oci.media_types import OCI_MANIFEST
from mirror.stock.finding import found
from mirror.stock.naming import Named
from mirror.store.index import Member
from mirror.store.looking import Looking
from tests.support.content import Image
from tests.support.larder import BASE, HUB, OTHER, TOP, Larder, filled


async def shared(larder: Larder) -> Image:
    await larder.image("team/app", "v1", [BASE], upstream=OTHER)
    return await larder.image("team/app", "v1", [BASE])


def places(root: Path, named: Named) -> list[tuple[str, str]]:
    with Looking(root) as looking:
        there = found(looking, named)
        assert there.elsewhere_all == len(there.elsewhere)
        return [(there.image.upstream, there.image.repository), *there.elsewhere]


def test_an_image_is_found_by_its_tag_and_then_wherever_else_it_is(tmp_path: Path) -> None:
    image = filled(tmp_path, shared)
    ours, theirs = (HUB, "team/app"), (OTHER, "team/app")
    assert places(tmp_path, Named(*ours, tag="v1")) == [ours, theirs]
    assert places(tmp_path, Named(*theirs, digest=str(image.digest))) == [theirs, ours]
    assert places(tmp_path, Named(digest=str(image.digest))) == [ours, theirs]
    assert places(tmp_path, Named(digest=str(image.digest)[:19])) == [ours, theirs]


@pytest.mark.parametrize(
    "named",
    [
        Named(HUB, "team/app", tag="v2"),
        Named(HUB, "team/other", tag="v1"),
        Named(OTHER, "team/app", digest=f"sha256:{'0' * 64}"),
        Named(digest=f"sha256:{'0' * 64}"),
    ],
)
def test_what_is_not_here_is_refused_with_where_to_look(tmp_path: Path, named: Named) -> None:
    filled(tmp_path, shared)
    with pytest.raises(Refused, match="mirror ls") as refused:
        places(tmp_path, named)
    assert refused.value.code is Code.MANIFEST_UNKNOWN


def test_the_beginning_of_several_digests_means_none_of_them(tmp_path: Path) -> None:
    async def two(larder: Larder) -> None:
        await larder.image("team/app", "v1", [BASE])
        await larder.image("team/app", "v2", [TOP])

    filled(tmp_path, two)
    with pytest.raises(Refused, match="say more"):
        places(tmp_path, Named(digest="sha256:"))


def test_a_part_of_an_image_is_found_by_its_digest(tmp_path: Path) -> None:
    async def parted(larder: Larder) -> Image:
        await larder.index("team/app", "v1", [[BASE], [TOP]], held=1)
        return await larder.image("team/other", "v1", [BASE])

    part = filled(tmp_path, parted)
    with Looking(tmp_path) as looking:
        there = found(looking, Named(HUB, "team/app", digest=str(part.digest)))
        image = there.image
        assert (there.elsewhere, there.elsewhere_all) == ([(HUB, "team/other")], 1)
        assert (image.repository, image.last_pull, image.missing) == ("team/app", 0.0, 0)
        assert image.size == sum(size or 0 for _, size in looking.images.closure(str(part.digest)))


def test_what_is_found_is_what_the_list_of_images_says_of_it(tmp_path: Path) -> None:
    async def several(larder: Larder) -> None:
        await larder.index("team/app", "v1", [[BASE], [TOP]], held=1)
        await larder.image("team/app", "v2", [BASE, TOP], missing=[TOP])
        await larder.store.images.pin(f"{HUB}/team/*")

    filled(tmp_path, several)
    with Looking(tmp_path) as looking:
        for image in looking.images.list():
            assert found(looking, Named(HUB, "team/app", digest=image.digest)).image == image


def test_of_very_many_repositories_some_are_named(tmp_path: Path) -> None:
    async def everywhere(larder: Larder) -> str:
        digest = str((await larder.image("team/app", "v1", [BASE])).digest)
        for number in range(130):
            larder.store.facts.prove(Member(HUB, f"copies/{number:03}", digest, OCI_MANIFEST))
            larder.store.images.pulled((HUB, f"copies/{number:03}", digest), 1.0)
        await larder.store.flush()
        return digest

    digest = filled(tmp_path, everywhere)
    with Looking(tmp_path) as looking:
        for named in (Named(HUB, "team/app", digest=digest), Named(HUB, "copies/007", digest=digest)):
            there = found(looking, named)
            assert (len(there.elsewhere), there.elsewhere_all) == (100, 130)
            assert (there.image.upstream, there.image.repository) not in there.elsewhere
