"""The images over the operator's API; what they are is told in the tests of the stock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.admin.images import DETAIL, IMAGES, USAGE, image_routes
from tests.support.larder import BASE, OTHER, TOP, Larder, larder
from tests.support.operator import Operator, operating


@asynccontextmanager
async def asked(root: Path) -> AsyncIterator[tuple[Larder, Operator]]:
    async with larder(root) as made, operating(image_routes(made.stock)) as operator:
        await made.image("library/ubuntu", "22.04", [BASE, TOP])
        await made.image("owner/app", "v1", [BASE], upstream=OTHER)
        yield made, operator


async def test_images_are_listed_as_they_are_wanted(tmp_path: Path) -> None:
    async with asked(tmp_path) as (_, operator):
        said = await operator.get(f"{IMAGES}?sort=name")
        assert (said.status, said.headers["Cache-Control"]) == (200, "no-store")
        assert [image["image"] for image in said.document["images"]] == [
            "docker.io/library/ubuntu:22.04",
            "ghcr.io/owner/app:v1",
        ]
        assert (await operator.get(f"{IMAGES}?pattern=ubuntu&pinned=false")).document["total"] == 1
        assert (await operator.get(f"{IMAGES}?upstream=ghcr.io")).document["total"] == 1


async def test_one_image_and_the_room_that_all_take_are_told(tmp_path: Path) -> None:
    async with asked(tmp_path) as (_, operator):
        image = (await operator.get(f"{DETAIL}?image=ubuntu:22.04")).document
        assert (image["repository"], image["platforms"][0]["platform"]) == ("library/ubuntu", "linux/amd64")
        usage = (await operator.get(USAGE)).document
        assert (usage["images"], len(usage["upstreams"])) == (2, 2)


async def test_nothing_is_removed_by_a_dry_run(tmp_path: Path) -> None:
    async with asked(tmp_path) as (_, operator):
        would = (await operator.ask("DELETE", f"{IMAGES}?name=ubuntu&dry_run=true", None, {})).document
        assert (await operator.get(IMAGES)).document["total"] == 2
        did = (await operator.ask("DELETE", f"{IMAGES}?name=ubuntu", None, {})).document
        assert did == {**would, "dry_run": False}
        assert (await operator.get(IMAGES)).document["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{IMAGES}?sort=age", 400),
        ("GET", f"{IMAGES}?page=2", 400),
        ("GET", DETAIL, 400),
        ("GET", f"{DETAIL}?image=UPPER", 400),
        ("GET", f"{DETAIL}?image=debian", 404),
        ("GET", f"{USAGE}?x=1", 400),
        ("DELETE", IMAGES, 400),
        ("DELETE", f"{IMAGES}?name=debian", 404),
        ("DELETE", f"{IMAGES}?name=ubuntu&dry_run=1", 400),
    ],
)
async def test_what_cannot_be_answered_is_refused_and_removes_nothing(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    async with asked(tmp_path) as (_, operator):
        said = await operator.ask(method, path, None, {})
        assert (said.status, said.document.keys()) == (status, {"error"})
        assert "UPPER" not in said.document["error"]
        assert (await operator.get(IMAGES)).document["total"] == 2


async def test_no_page_of_a_browser_removes_anything(tmp_path: Path) -> None:
    async with asked(tmp_path) as (_, operator):
        said = await operator.ask("DELETE", f"{IMAGES}?name=ubuntu", None, {"Origin": "https://evil.test"})
        assert said.status == 403
        assert (await operator.get(IMAGES)).document["total"] == 2
