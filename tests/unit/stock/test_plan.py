"""What goes when something is removed: images, tags, what then nobody needs, and nothing that is pinned."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.stock.plan import Plan, planned, told_of
from mirror.store.index import TOLD, Index
from mirror.store.looking import Looking
from tests.support import content
from tests.support.content import Image
from tests.support.larder import BASE, HUB, NAMING, OTHER, OWN, TOP, Larder, filled

APP = (HUB, "team/app")


async def several(larder: Larder) -> Image:
    await larder.image("team/app", "v1", [BASE, TOP])
    image = await larder.image("team/app", "v2", [BASE, OWN])
    larder.tag("team/app", "latest", image.digest)
    await larder.image("owner/app", "v1", [TOP], upstream=OTHER)
    return image


def of(root: Path, text: str) -> Plan:
    with Looking(root) as looking:
        return planned(looking, NAMING, text)[1]


def weight(*layers: bytes, shared: int = 0) -> int:
    """Bytes of an image of these layers, without its first ones that others need."""
    own = (content.manifest(content.config(layers), layers), content.config(layers), *layers[shared:])
    return sum(map(len, own))


def test_an_image_goes_with_what_nobody_else_needs(tmp_path: Path) -> None:
    filled(tmp_path, several)
    plan = of(tmp_path, "team/app:v1")
    (going,) = plan.images
    assert (going.name, going.tags) == ("docker.io/team/app:v1", ("v1",))
    assert (going.parts, going.size) == (2, weight(BASE, TOP) - len(BASE) - len(TOP))
    assert (plan.whole, plan.tags, plan.kept) == ((), (), ())


def test_of_an_image_with_another_tag_only_the_tag_goes(tmp_path: Path) -> None:
    image = filled(tmp_path, several)
    assert of(tmp_path, "team/app:latest") == Plan(tags=((APP, "latest"),))
    (going,) = of(tmp_path, f"team/app@{image.digest}").images
    assert going.tags == ("latest", "v2")


def test_a_repository_goes_with_what_its_images_share(tmp_path: Path) -> None:
    filled(tmp_path, several)
    plan = of(tmp_path, "team/app")
    assert plan.whole == (APP,)
    with Looking(tmp_path) as looking:
        assert sum(going.size for going in plan.images) == looking.index.size() - weight(TOP)


def test_a_registry_goes_with_all_its_repositories(tmp_path: Path) -> None:
    filled(tmp_path, several)
    plan = of(tmp_path, "index.docker.io")
    assert plan.whole == (APP,)
    assert len(plan.images) == 2


def test_a_digest_goes_wherever_it_is(tmp_path: Path) -> None:
    async def twice(larder: Larder) -> Image:
        await larder.image("owner/app", "v1", [BASE], upstream=OTHER)
        return await larder.image("team/app", "v1", [BASE])

    image = filled(tmp_path, twice)
    for text in (str(image.digest), str(image.digest)[:20]):
        plan = of(tmp_path, text)
        assert [going.place for going in plan.images] == [APP, (OTHER, "owner/app")]
        assert [going.size for going in plan.images] == [0, weight(BASE)]  # with the last of them


@pytest.mark.parametrize(
    "text", ["team/other", "team/app:v3", "quay.io/a/b", f"team/app@sha256:{'0' * 64}", f"sha256:{'0' * 64}"]
)
def test_where_there_is_nothing_nothing_is_removed(tmp_path: Path, text: str) -> None:
    filled(tmp_path, several)
    with pytest.raises(Refused) as refused:
        of(tmp_path, text)
    assert refused.value.code is Code.MANIFEST_UNKNOWN


def test_a_layer_that_images_need_is_not_removed_by_itself(tmp_path: Path) -> None:
    filled(tmp_path, several)
    with pytest.raises(Refused, match="images need that"):
        of(tmp_path, str(Digest.of(BASE)))


def test_what_is_pinned_stays(tmp_path: Path) -> None:
    async def pinned(larder: Larder) -> None:
        await several(larder)
        await larder.store.images.pin("docker.io/team/app:v1")

    filled(tmp_path, pinned)
    with pytest.raises(Refused, match="mirror unpin"):
        of(tmp_path, "team/app:v1")
    plan = of(tmp_path, "team/app")
    assert [going.name for going in plan.kept] == ["docker.io/team/app:v1"]
    assert [going.name for going in plan.images] == ["docker.io/team/app:latest"]
    assert plan.whole == ()


def test_nothing_is_removed_before_it_is_known_what_images_need(tmp_path: Path) -> None:
    filled(tmp_path, several)
    index = Index(tmp_path / "index")
    index.set_stage(TOLD)
    index.close()
    with pytest.raises(Refused, match="try again") as refused:
        of(tmp_path, "team/app")
    assert refused.value.code is Code.BUSY


def test_where_all_is_pinned_nothing_is_removed(tmp_path: Path) -> None:
    async def pinned(larder: Larder) -> None:
        image = await several(larder)
        await larder.store.images.pin(str(image.digest))
        await larder.store.images.pin("docker.io/team/app:v1")

    filled(tmp_path, pinned)
    with pytest.raises(Refused, match="mirror unpin"):
        of(tmp_path, "team/app")


def test_a_plan_is_told_with_what_it_comes_to(tmp_path: Path) -> None:
    image = filled(tmp_path, several)
    with Looking(tmp_path) as looking:
        told = told_of(*planned(looking, NAMING, "team/app:latest"))
        assert (told["named"], told["untagged"], told["images"]) == (
            "docker.io/team/app:latest",
            ["docker.io/team/app:latest"],
            [],
        )
        told = told_of(*planned(looking, NAMING, f"team/app@{image.digest}"))
    (entry,) = told["images"]
    assert (entry["image"], entry["tags"]) == ("docker.io/team/app:latest", ["latest", "v2"])
    assert (told["blobs"], told["size"]) == (entry["blobs"], entry["size"]) == (3, weight(BASE, OWN, shared=1))
