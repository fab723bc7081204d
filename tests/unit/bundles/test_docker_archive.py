"""What `docker save` wrote before it wrote image layouts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mirror.bundles.directory import Directory
from mirror.bundles.docker_archive import DockerArchive
from mirror.bundles.names import Name
from mirror.errors import MirrorError, Refused
from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_MANIFEST
from tests.support import content
from tests.support.bundles import docker_archive, written

DEEP = b"[" * 1000 + b"]" * 1000
LAYERS = {"a/layer.tar": b"first", "b/layer.tar": b"second"}


def opened(root: Path, files: dict[str, bytes]) -> DockerArchive:
    return DockerArchive(Directory(written(root, files)))


def test_an_image_is_made_of_its_configuration_and_its_unpacked_layers(tmp_path: Path) -> None:
    archive = opened(tmp_path, docker_archive(LAYERS, "app:1"))
    ((name, digest),) = archive.images
    assert name == Name("docker.io", "library/app", "1")
    manifest = json.loads(b"".join(archive.read(digest)))
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, DOCKER_MANIFEST)
    assert [layer["digest"] for layer in manifest["layers"]] == [str(Digest.of(data)) for data in LAYERS.values()]
    for data in LAYERS.values():
        assert b"".join(archive.read(Digest.of(data))) == data
        assert archive.size(Digest.of(data)) == len(data)
    config = content.config([*LAYERS.values()])
    assert manifest["config"]["digest"] == str(Digest.of(config))
    assert b"".join(archive.read(Digest.of(config))) == config


@pytest.mark.parametrize("members", [1, 3])
def test_layers_that_somebody_has_packed_are_unpacked_as_they_are_read(tmp_path: Path, members: int) -> None:
    plain = opened(tmp_path / "plain", docker_archive(LAYERS, "app:1"))
    packed = {path: b"".join(map(gzip.compress, split(data, members))) for path, data in LAYERS.items()}
    archive = opened(tmp_path / "packed", docker_archive(LAYERS, "app:1") | packed)
    assert archive.images == plain.images  # with the digests that skopeo gives them, too
    for data in LAYERS.values():
        assert archive.size(Digest.of(data)) == len(data)
        for _ in range(2):
            assert b"".join(archive.read(Digest.of(data))) == data


def split(data: bytes, parts: int) -> list[bytes]:
    size = len(data) // parts + 1
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_packed_layers_come_to_no_more_than_may_come_of_them(tmp_path: Path) -> None:
    layers = {f"{name}.tar": name.encode() + bytes(100_000) for name in "abc"}
    files = docker_archive(layers, "app:1") | {path: gzip.compress(data) for path, data in layers.items()}
    root = written(tmp_path, files)
    assert DockerArchive(Directory(root), 3 * 100_001).images
    with pytest.raises(Refused, match="larger than the cache"):
        DockerArchive(Directory(root), 3 * 100_000)


def test_a_layer_that_is_packed_otherwise_is_refused_with_what_unpacks_it(tmp_path: Path) -> None:
    zstd = {"a/layer.tar": bytes.fromhex("28b52ffd") + bytes(20)}
    with pytest.raises(Refused, match="skopeo copy docker-archive:FILE oci-archive:NEW"):
        opened(tmp_path, docker_archive(LAYERS, "app:1") | zstd)


def test_an_image_has_each_of_its_names_or_none(tmp_path: Path) -> None:
    named = opened(tmp_path / "a", docker_archive(LAYERS, "app:1", "quay.example/b:2")).images
    assert [str(name) for name, _ in named] == ["docker.io/library/app:1", "quay.example/b:2"]
    assert [name for name, _ in opened(tmp_path / "b", docker_archive(LAYERS)).images] == [None]


def test_what_is_not_in_it_is_not_there(tmp_path: Path) -> None:
    archive = opened(tmp_path, docker_archive(LAYERS, "app:1"))
    assert archive.size(Digest.of(b"other")) is None
    with pytest.raises(MirrorError):
        archive.read(Digest.of(b"other"))


def listing(**changes: object) -> bytes:
    entry: dict[str, object] = {"Config": "config.json", "RepoTags": ["app:1"], "Layers": [*LAYERS]}
    return json.dumps([entry | changes]).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest.json": b"{}"},
        {"manifest.json": b"[]"},
        {"manifest.json": b"["},
        {"manifest.json": b"[1]"},
        {"manifest.json": listing(Config="../../etc/passwd")},
        {"manifest.json": listing(Config=3)},
        {"manifest.json": listing(Layers=["a/layer.tar", "/etc/passwd"])},
        {"manifest.json": listing(Layers=["a/layer.tar", 3])},
        {"manifest.json": listing(Layers=["a/layer.tar"])},
        {"manifest.json": listing(RepoTags=["no name at all"])},
        {"manifest.json": b'[{"Config":"config.json","Layers":["a/layer.tar"],"RepoTags":[' + DEEP + b"]}]"},
        {"config.json": b'{"rootfs":{"diff_ids":[' + DEEP + b',"y"]}}'},
        {"config.json": b"{}"},
        {"config.json": b"{"},
        {"config.json": b'{"rootfs":{"diff_ids":["../x","y"]}}'},
    ],
)
def test_what_does_not_fit_together_is_refused_and_not_repeated(tmp_path: Path, changes: dict[str, bytes]) -> None:
    with pytest.raises(Refused, match="docker save") as refusal:
        opened(tmp_path, docker_archive(LAYERS, "app:1") | changes)
    assert "passwd" not in str(refusal.value)


def test_configurations_that_are_larger_than_any_in_all_are_not_read(tmp_path: Path) -> None:
    files = docker_archive(LAYERS, "app:1")
    entries = json.loads(files["manifest.json"]) * 10_000
    large = {"manifest.json": json.dumps(entries).encode(), "config.json": files["config.json"].ljust(12 * 1024**2)}
    with pytest.raises(Refused, match="configurations"):
        opened(tmp_path, files | large)
