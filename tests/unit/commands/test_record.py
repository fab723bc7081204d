"""`mirror record`: what was really pulled, as a list that another mirror can bring."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mirror.bundles.closure import read_document
from mirror.bundles.publishing import Publishing
from mirror.commands.record import recorded
from mirror.jobs.lists import parse_list
from mirror.store.looking import Looking
from tests.support.bundles import HUB, Kept, contents_of, named
from tests.support.caches import store_at
from tests.support.commands import Commands
from tests.support.content import Image
from tests.support.mirror_thread import MirrorThread

APP = "library/app"


def push(served: MirrorThread) -> tuple[list[Image], Image]:
    images = [served.registry.push_image(APP, None, [name]) for name in (b"for amd64", b"for arm64")]
    served.registry.push_index(APP, "v1", images)
    return images, served.registry.push_image("library/other", "v1", [b"other"])


def pulled(tmp_path: Path) -> Image:
    """A cache that clients have pulled app:v1 from, for arm64, and other by its digest, which is returned."""
    with MirrorThread(tmp_path) as served:
        (_, arm64), other = served.call(lambda: push(served))
        paths = [f"/v2/{APP}/manifests/v1", f"/v2/{APP}/manifests/{arm64.digest}"]
        paths += [f"/v2/{APP}/blobs/{digest}" for digest in (arm64.config_digest, *arm64.layer_digests)]
        paths += [f"/v2/library/other/manifests/{other.digest}"]
        for path in paths:
            assert served.ask("GET", path).status == 200
        served.settle()
    return other


def test_what_was_pulled_is_written_with_its_platforms_and_can_be_read_again(tmp_path: Path) -> None:
    other = pulled(tmp_path)
    result = Commands(tmp_path).run("record")
    assert result.exit_code == 0, result.output
    entries = parse_list(result.output)
    assert [(str(entry.image), entry.platforms) for entry in entries] == [
        ("docker.io/library/app:v1", ("linux/arm64/v8",)),
        (f"docker.io/library/other@{other.digest}", ()),
    ]
    file = tmp_path / "images.txt"
    result = Commands(tmp_path).run("record", "--output", str(file))
    assert (result.exit_code, result.output) == (0, f"2 images in {file}\n")
    assert parse_list(file.read_text()) == entries
    document = json.loads(Commands(tmp_path).run("record", "--json").output)
    assert [one["image"] for one in document["images"]] == [str(entry.image) for entry in entries]
    with Looking(tmp_path / "cache") as looking:
        (first, _) = recorded(looking, 0.0)
        assert list(recorded(looking, first.last_pull + 3600)) == []


def test_a_platform_of_which_something_has_gone_was_pulled_all_the_same(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        (_, arm64), _ = served.call(lambda: push(served))
        for reference in ("v1", arm64.digest):
            assert served.ask("GET", f"/v2/{APP}/manifests/{reference}").status == 200
        served.settle()
    (entry,) = parse_list(Commands(tmp_path).run("record").output)
    assert entry.platforms == ("linux/arm64/v8",)


async def test_what_was_only_imported_is_left_out_until_somebody_pulls_it(tmp_path: Path) -> None:
    kept = Kept()
    first, second = (kept.image(layer) for layer in (b"first", b"second"))
    contents = contents_of(kept, [named("a/first", first.digest), named("a/second", second.digest)])
    documents = [read_document(one.digest, kept.held[one.digest], first.media_type) for one in (first, second)]
    now = time.time()
    async with store_at(tmp_path / "cache") as store:
        for digest, data in kept.held.items():
            await store.put(digest, data)
        publishing = Publishing(store, contents, {one.digest: one for one in documents})
        await publishing.keep(now)
        await publishing.publish(now)
        store.images.pulled((HUB, "a/second", str(second.digest)), now + 1)
        assert len(await store.images.list()) == 2
    with Looking(tmp_path / "cache") as looking:
        (one,) = recorded(looking, 0.0)
    assert (one.digest, one.last_pull) == (str(second.digest), now + 1)


def test_where_nothing_was_pulled_the_list_is_empty_and_that_is_said(tmp_path: Path) -> None:
    pulled(tmp_path)
    result = Commands(tmp_path).run("record", "--since", "0s")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no image was pulled in the last 0 s\n")


def test_a_list_replays_at_another_mirror(tmp_path: Path) -> None:
    pulled(tmp_path)
    file = tmp_path / "images.txt"
    assert Commands(tmp_path).run("record", "-o", str(file)).exit_code == 0
    (tmp_path / "other").mkdir()
    with MirrorThread(tmp_path / "other") as served:
        (amd64, arm64), _ = served.call(lambda: push(served))
        commands = Commands(tmp_path / "other").reaching(served)
        assert commands.run("pull", "--no-login", "-f", str(file)).exit_code == 0
        knows = served.mirror.mirror.store.blobs.knows
        assert served.call(lambda: (knows(amd64.digest), knows(arm64.layer_digests[0]))) == (False, True)


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("record")
    assert (result.exit_code, "is it the storage.root that you mean" in result.output) == (1, True)
    assert Commands(tmp_path).run("record", "--since", "yesterday").exit_code == 2


def test_its_help_suffices(tmp_path: Path) -> None:
    assert "mirror pull -f images.txt" in Commands(tmp_path).run("record", "--help").output
