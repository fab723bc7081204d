"""What skopeo alone can show: whole indexes, referrers, other names of the mirror, many at once, a killed mirror."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.cost import assert_each_byte_crossed_once, assert_nothing_was_asked, blob_path
from tests.clients.rig import Rig
from tests.clients.skopeo import Skopeo, files_in
from tests.support.caches import bytes_under_way
from tests.support.gallery import BIG_LAYER
from tests.support.mirror_process import OTHER
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def skopeo(skopeo_rig: Rig) -> Skopeo:
    assert isinstance(skopeo_rig.client, Skopeo)
    return skopeo_rig.client


@pytest.mark.parametrize("name", ["index", "list", "nested"])
def test_an_index_is_copied_with_all_its_images(skopeo_rig: Rig, skopeo: Skopeo, name: str) -> None:
    published = skopeo_rig.gallery[name]
    copy = skopeo.copy(f"all of {name}")
    skopeo.ask("copy", "-q", "--all", f"docker://{published.by_tag}", f"dir:{copy}")
    skopeo.check_whole_copy(published, copy)


def test_the_other_architecture_is_had_by_asking_for_it(skopeo_rig: Rig, skopeo: Skopeo) -> None:
    published = skopeo_rig.gallery["pinned-list"]
    _, arm64 = published.images
    asked_for = ["--override-arch", "arm64", "--override-variant", "v8"]
    raw = skopeo.ask(*asked_for, "inspect", "--config", "--raw", f"docker://{published.by_tag}")
    assert raw == arm64.config.data


def test_a_referrer_is_found_by_the_tag_that_stands_for_its_subject(skopeo_rig: Rig, skopeo: Skopeo) -> None:
    published = skopeo_rig.gallery["nested"]
    ((tag, index, (signature,)),) = published.attached
    repository = f"docker://docker.io/{published.repository}"
    assert skopeo.ask("inspect", "--raw", f"{repository}:{tag}") == index.data
    copy = skopeo.copy("signature")
    skopeo.ask("copy", "-q", f"{repository}@{signature.manifest.digest}", f"dir:{copy}")
    expected = {content.data for content in (signature.manifest, *signature.blobs)}
    assert set(files_in(copy).values()) == expected


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("oci", "library/oci"),
        ("oci", "oci"),
        ("oci", "docker.io/library/oci"),
        ("oci", "docker.io/oci"),
        ("oci", f"{OTHER}/library/oci"),
        ("top", f"{OTHER}/top"),
    ],
)
def test_the_first_component_of_a_direct_name_says_which_registry(
    skopeo_rig: Rig, skopeo: Skopeo, name: str, path: str
) -> None:
    published = skopeo_rig.gallery[name]
    reference = f"docker://{skopeo_rig.mirror.host}/{path}:{published.tag}"
    assert skopeo.ask("inspect", "--tls-verify=false", "--raw", reference) == published.root.data


def test_the_tags_are_listed(skopeo_rig: Rig, skopeo: Skopeo) -> None:
    listed = skopeo.ask("list-tags", "--tls-verify=false", f"docker://{skopeo_rig.mirror.host}/library/index")
    assert json.loads(listed)["Tags"] == ["latest"]


def test_a_registry_that_is_not_configured_is_never_asked(skopeo_rig: Rig) -> None:
    skopeo_rig.tap.take()
    command = ["skopeo", "inspect", "--tls-verify=false", f"docker://{skopeo_rig.mirror.host}/elsewhere.test/a/b:1"]
    done = skopeo_rig.sealed.run(*command)
    assert done.returncode != 0
    assert b"name unknown" in done.stderr
    assert_nothing_was_asked(skopeo_rig.tap.take())


def test_clients_at_once_share_one_fetch_and_all_stream_from_its_first_half(skopeo_rig: Rig, skopeo: Skopeo) -> None:
    published = skopeo_rig.gallery["big-shared"]
    gate = skopeo_rig.tap.hold(published.chosen.layers[-1].packed.digest, BIG_LAYER // 2)
    skopeo_rig.tap.take()
    copies = [skopeo.copy(f"shared {number}") for number in range(6)]
    commands = [skopeo.copy_command(published.by_tag, copy) for copy in copies]
    pulling = [skopeo_rig.sealed.start(f"pull-{number}", command) for number, command in enumerate(commands)]
    gate.wait()
    wait_until(lambda: all(largest(copy) >= BIG_LAYER // 4 for copy in copies), "all clients have got a quarter")
    gate.open()
    assert [one.process.wait(60) for one in pulling] == [0] * len(pulling)
    for copy in copies:
        skopeo.check_copy(published, copy)
    assert_each_byte_crossed_once(skopeo_rig.tap.take(), published)


def largest(directory: Path) -> int:
    """The size of the largest file that a running copy has begun."""
    return max((file.stat().st_size for file in directory.glob("*")), default=0)


def test_a_killed_mirror_resumes_the_layer_where_it_was(skopeo_rig: Rig) -> None:
    published = skopeo_rig.gallery["big-killed"]
    layer = published.chosen.layers[-1].packed
    gate = skopeo_rig.tap.hold(layer.digest, BIG_LAYER // 2)
    pulling = skopeo_rig.pulling(published.by_tag)
    gate.wait()
    # What the registry has sent may still be on its way: only what is on disk outlives the mirror.
    wait_until(lambda: bytes_under_way(skopeo_rig.mirror.root) >= BIG_LAYER // 4, "the mirror has stored a quarter")
    skopeo_rig.mirror.kill()
    gate.cut()
    assert pulling.process.wait(60) != 0
    skopeo_rig.mirror.start()
    skopeo_rig.tap.take()
    skopeo_rig.pull(published.by_tag)
    skopeo_rig.client.check(published, published.by_tag)
    (resumed,) = [one for one in skopeo_rig.tap.take() if one.path == blob_path(published, layer)]
    assert resumed.status == 206, resumed
    assert resumed.sent < len(layer.data), resumed
