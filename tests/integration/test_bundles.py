"""Images carried from a site to one without a network, and to and from skopeo."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from mirror.oci.digest import Digest
from tests.support.bundles import Kept, docker_archive, named, packed, taken, tar_of
from tests.support.caches import store_at
from tests.support.commands import Commands
from tests.support.content import Image
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import program

IMAGES = 20
NOWHERE = "http://127.0.0.1:1"
SLACK = 1024 * 1024  # bytes


def skopeo(*arguments: str) -> bytes:
    """What it prints."""
    command = [program("skopeo"), "--insecure-policy", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def copied(source: str, target: Path) -> dict[str, bytes]:
    """The manifest and the blobs of an image, after skopeo has copied it."""
    skopeo("copy", "-q", source, f"dir:{target}")
    return {file.name: file.read_bytes() for file in target.iterdir() if file.name != "version"}


def layer(number: int, version: int = 1) -> bytes:
    return Random(f"{number} {version}").randbytes(200_000)


def pull(served: MirrorThread, number: int) -> None:
    """As a client does, by the image's own name."""
    answer = served.ask("GET", f"/v2/team/app{number}/manifests/1?ns=docker.io")
    assert answer.status == 200
    manifest = json.loads(answer.body)
    for entry in [manifest["config"], *manifest["layers"]]:
        blob = served.ask("GET", f"/v2/team/app{number}/blobs/{entry['digest']}?ns=docker.io")
        assert Digest.parse(entry["digest"]).verifies(blob.body)


def ran(commands: Commands, *arguments: str) -> None:
    result = commands.run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")


class TwoSites:
    """Site A with a registry behind it, and site B with none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.homes = [root / "a", root / "b"]
        for home in self.homes:
            home.mkdir()

    def with_registry(self) -> MirrorThread:
        return MirrorThread(self.homes[0], lambda url: {"upstreams": {"docker.io": {"endpoints": url, "tag_ttl": 0}}})

    def without_registry(self) -> MirrorThread:
        return MirrorThread(self.homes[1], lambda _: {"upstreams": {"docker.io": {"endpoints": NOWHERE, "tag_ttl": 0}}})

    def push(self, served: MirrorThread, numbers: Sequence[int], version: int = 1) -> None:
        for number in numbers:
            name, layers = f"team/app{number}", [layer(-1), layer(number, version)]
            served.call(partial(served.registry.push_image, name, "1", layers))
            pull(served, number)
        served.settle()
        served.do(served.mirror.mirror.store.flush)


def test_what_one_site_has_pulled_another_one_serves_and_a_delta_brings_what_has_changed(tmp_path: Path) -> None:
    sites = TwoSites(tmp_path)
    bundle, inventory, delta = (str(tmp_path / name) for name in ("bundle.tar", "b.inventory", "delta.tar"))
    with sites.with_registry() as a, sites.without_registry() as b:
        at_a, at_b = Commands(sites.homes[0]).reaching(a), Commands(sites.homes[1]).reaching(b)
        sites.push(a, range(IMAGES))
        ran(at_a, "export", "--all", "--to", bundle)
        ran(at_b, "import", bundle)
        for number in range(IMAGES):
            pull(b, number)
        sites.push(a, range(3), version=2)
        ran(at_b, "inventory", "--to", inventory)
        ran(at_a, "export", "docker.io/team/*", "--lacking", inventory, "--to", delta)
        fresh = 3 * len(layer(0))
        assert fresh < Path(delta).stat().st_size < fresh + SLACK < Path(bundle).stat().st_size
        ran(at_b, "import", delta)
        for number in range(IMAGES):
            pull(b, number)
            same = [served.ask("HEAD", f"/v2/team/app{number}/manifests/1?ns=docker.io") for served in (a, b)]
            digests = [dict(answer.headers)["Docker-Content-Digest"] for answer in same]
            assert digests[0] == digests[1]
        assert b.registry.requests == []


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def index(kept: Kept) -> tuple[Digest, Image, Image]:
    """An index of two platforms, and its images."""
    layers = [gzip.compress(tar_of({"file": name})) for name in (b"amd64", b"arm64")]
    first, second = kept.image(layers[0]), kept.image(layers[1])
    return kept.index(first, second), first, second


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_skopeo_reads_what_is_exported(
    tmp_path: Path, kept: Kept, index: tuple[Digest, Image, Image], commands: Commands, kind: str
) -> None:
    root, first, _ = index
    (tmp_path / "in.tar").write_bytes(packed(kept, named("library/app", root), named("a/b", first.digest, "2")))
    ran(commands, "import", str(tmp_path / "in.tar"), "--json")
    target = tmp_path / ("out" if kind == "oci" else "out.tar")
    ran(commands, "export", "--all", "--to", str(target), "--json")
    whole = copied(f"{kind}:{target}:docker.io/library/app:1", tmp_path / "whole")
    assert whole["manifest.json"] == first.manifest_body  # the platform that it runs on
    assert skopeo("inspect", "--raw", f"{kind}:{target}:docker.io/library/app:1") == kept.held[root]
    alone = copied(f"{kind}:{target}:docker.io/a/b:2", tmp_path / "alone")
    assert {Digest("sha256", name) for name in alone if name != "manifest.json"} == {
        first.config_digest,
        *first.layer_digests,
    }


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_what_skopeo_writes_is_imported_with_all_its_platforms(
    tmp_path: Path, kept: Kept, index: tuple[Digest, Image, Image], commands: Commands, kind: str
) -> None:
    root, first, second = index
    (tmp_path / "in.tar").write_bytes(packed(kept, named("library/app", root)))
    source, target = f"oci-archive:{tmp_path / 'in.tar'}:docker.io/library/app:1", tmp_path / "theirs"
    skopeo("copy", "-q", "--all", source, f"{kind}:{target}:docker.io/library/app:1")
    ran(commands, "import", str(target), "--json")
    with MirrorThread(tmp_path, lambda _: {"upstreams": {"docker.io": {"endpoints": NOWHERE}}}) as served:
        assert served.ask("GET", "/v2/library/app/manifests/1").body == kept.held[root]
        for image in (first, second):
            assert served.ask("GET", f"/v2/library/app/manifests/{image.digest}").body == image.manifest_body
            for digest in (image.config_digest, *image.layer_digests):
                assert served.ask("GET", f"/v2/library/app/blobs/{digest}").body == kept.held[digest]


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("has_packed_layers", [False, True])
def test_an_archive_of_docker_has_the_digest_that_skopeo_gives_it(
    tmp_path: Path, commands: Commands, is_packed: bool, has_packed_layers: bool
) -> None:
    layers = {f"{name}.tar": tar_of({"file": name.encode()}) for name in ("first", "second")}
    files = docker_archive(layers, "docker.io/library/app:1")
    if has_packed_layers:
        files |= {path: gzip.compress(data) for path, data in layers.items()}
    archive = tar_of(files)
    (tmp_path / "plain.tar").write_bytes(archive)  # skopeo 1.9 does not read others
    (tmp_path / "app.tar").write_bytes(gzip.compress(archive) if is_packed else archive)
    theirs = skopeo("inspect", "--raw", f"docker-archive:{tmp_path / 'plain.tar'}")
    ran(commands, "import", str(tmp_path / "app.tar"), "--json")
    with MirrorThread(tmp_path, lambda _: {"upstreams": {"docker.io": {"endpoints": NOWHERE}}}) as served:
        assert served.ask("GET", "/v2/library/app/manifests/1").body == theirs
        for data in layers.values():
            assert served.ask("GET", f"/v2/library/app/blobs/{Digest.of(data)}").body == data


def test_an_archive_that_skopeo_writes_for_docker_is_imported(tmp_path: Path, commands: Commands) -> None:
    layers = {f"{name}.tar": tar_of({"file": name.encode()}) for name in ("first", "second")}
    (tmp_path / "app.tar").write_bytes(tar_of(docker_archive(layers, "docker.io/library/app:1")))
    theirs = tmp_path / "theirs.tar"
    name = "docker.io/library/app:1"
    skopeo("copy", "-q", f"docker-archive:{tmp_path / 'app.tar'}:{name}", f"docker-archive:{theirs}:{name}")
    ran(commands, "import", str(theirs), "--json")
    with MirrorThread(tmp_path, lambda _: {"upstreams": {"docker.io": {"endpoints": NOWHERE}}}) as served:
        assert served.ask("GET", "/v2/library/app/manifests/1").status == 200
        for data in layers.values():
            assert served.ask("GET", f"/v2/library/app/blobs/{Digest.of(data)}").body == data


def test_an_export_becomes_an_archive_for_docker_by_skopeo(tmp_path: Path, commands: Commands) -> None:
    layers = {f"{name}.tar": tar_of({"file": name.encode()}) for name in ("first", "second")}
    name, other = "docker.io/library/app:1", tmp_path / "other"
    (tmp_path / "app.tar").write_bytes(tar_of(docker_archive(layers, name)))
    came, ours, theirs = (tmp_path / f"{number}.tar" for number in range(3))
    skopeo("copy", "-q", f"docker-archive:{tmp_path / 'app.tar'}:{name}", f"oci-archive:{came}:{name}")
    ran(commands, "import", str(came), "--json")
    ran(commands, "export", "--all", "--to", str(ours), "--json")
    skopeo("copy", "-q", f"oci-archive:{ours}:{name}", f"docker-archive:{theirs}:{name}")
    other.mkdir()
    ran(Commands(other), "import", str(theirs), "--json")
    with MirrorThread(other, lambda _: {"upstreams": {"docker.io": {"endpoints": NOWHERE}}}) as served:
        for data in layers.values():
            assert served.ask("GET", f"/v2/library/app/blobs/{Digest.of(data)}").body == data


async def test_an_export_runs_beside_imports_and_evictions(tmp_path: Path, kept: Kept) -> None:
    """What is read while it changes is whole, or is not written."""
    first, second = (packed(kept, named(f"a/{name}", kept.image(name.encode() * 1000).digest)) for name in ("b", "c"))
    async with store_at(tmp_path / "cache", durable=False) as store:
        await taken(store, first)
        await store.flush()
        before = Commands(tmp_path).run("export", "--all", "--to", str(tmp_path / "before.tar"), "--json")
        await taken(store, second)
        await store.flush()
        after = Commands(tmp_path).run("export", "--all", "--to", str(tmp_path / "after.tar"), "--json")
    assert [len(json.loads(result.stdout)["images"]) for result in (before, after)] == [1, 2]
