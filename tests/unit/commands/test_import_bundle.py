"""`mirror import`: with a mirror that runs, and into the cache of one that does not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import Result

from mirror.bundles.contents import Image
from mirror.bundles.gathering import Terms
from mirror.bundles.names import Name
from mirror.oci.digest import Digest
from tests.support import content
from tests.support.bundles import Kept, docker_archive, named, packed, tar_of, written
from tests.support.caches import layout_at, published
from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread

KEY = b"0123456789abcdef"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def bundle(tmp_path: Path, kept: Kept) -> Path:
    path = tmp_path / "bundle.tar"
    path.write_bytes(packed(kept, named("library/app", kept.image(b"layer").digest)))
    return path


def told(result: Result) -> tuple[int, int, int]:
    """How many images, new blobs and skipped ones."""
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    return len(document["images"]), document["blobs"], document["skipped"]


def test_a_cache_that_no_mirror_uses_is_filled_and_served_by_the_next_one(tmp_path: Path, bundle: Path) -> None:
    commands = Commands(tmp_path)
    assert told(commands.run("import", str(bundle), "--json")) == (1, 3, 0)
    assert told(commands.run("import", str(bundle), "--json")) == (1, 0, 3)
    with MirrorThread(tmp_path) as served:
        assert served.ask("GET", "/v2/library/app/manifests/1").status == 200
        assert served.registry.requests == []


def test_a_mirror_that_runs_is_sent_what_it_lacks(tmp_path: Path, bundle: Path) -> None:
    with MirrorThread(tmp_path) as served:
        commands = Commands(tmp_path).reaching(served)
        result = commands.run("import", str(bundle))
        assert (result.exit_code, result.stderr) == (0, "")
        assert "1 image imported: 3 blobs" in result.stdout
        host, port = served.admin_address
        again = commands.run("import", str(bundle), "--url", f"http://{host}:{port}", "--json")
        assert told(again) == (1, 0, 3)
        assert served.ask("GET", "/v2/library/app/manifests/1").status == 200


def test_a_dry_run_verifies_everything_and_does_nothing(tmp_path: Path, bundle: Path) -> None:
    commands = Commands(tmp_path)
    assert told(commands.run("import", str(bundle), "--dry-run", "--json")) == (1, 3, 0)
    assert not (tmp_path / "cache").exists()
    data = bytearray(bundle.read_bytes())
    data[data.index(b"layer" + bytes(20))] ^= 1
    bundle.write_bytes(data)
    result = commands.run("import", str(bundle), "--dry-run")
    assert (result.exit_code, str(Digest.of(b"layer")) in result.stderr) == (1, True)


def test_a_dry_run_tells_what_a_delta_needs(tmp_path: Path, kept: Kept) -> None:
    image = kept.image(b"layer")
    terms = Terms(has=frozenset({Digest.of(b"layer")}))
    (tmp_path / "delta.tar").write_bytes(packed(kept, named("library/app", image.digest), terms=terms))
    result = Commands(tmp_path).run("import", str(tmp_path / "delta.tar"), "--dry-run")
    assert (result.exit_code, str(Digest.of(b"layer")) in result.stderr) == (1, True)


@pytest.mark.parametrize("broken", ["changed", "cut"])
def test_a_broken_bundle_is_refused_and_nothing_of_it_is_served(tmp_path: Path, bundle: Path, broken: str) -> None:
    data = bytearray(bundle.read_bytes())
    data[data.index(b"layer" + bytes(20))] ^= 1
    bundle.write_bytes(data if broken == "changed" else data[:-3000])
    with MirrorThread(tmp_path) as served:
        result = Commands(tmp_path).reaching(served).run("import", str(bundle))
        assert result.exit_code == 1
        assert served.ask("GET", "/v2/library/app/manifests/1").status == 404


def test_nothing_is_taken_but_what_is_signed_with_the_key(tmp_path: Path, kept: Kept, bundle: Path) -> None:
    bundle.write_bytes(packed(kept, named("library/app", kept.image(b"layer").digest), key=KEY))
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "other").write_bytes(KEY[::-1])
    commands = Commands(tmp_path)
    result = commands.run("import", str(bundle), "--verify-key", str(tmp_path / "other"))
    assert (result.exit_code, "the bundle is not signed with this key" in result.stderr) == (1, True)
    assert not (tmp_path / "cache").exists()
    assert told(commands.run("import", str(bundle), "--verify-key", str(tmp_path / "key"), "--json")) == (1, 3, 0)
    result = commands.run("import", str(bundle), "--json")  # which is allowed, and told
    assert (result.exit_code, "nobody has verified by whom: --verify-key does" in result.stderr) == (0, True)


def test_an_image_may_be_given_another_name(tmp_path: Path) -> None:
    (tmp_path / "app.tar").write_bytes(tar_of(docker_archive({"layer.tar": b"layer"})))
    commands = Commands(tmp_path)
    result = commands.run("import", str(tmp_path / "app.tar"))
    assert (result.exit_code, "--name" in result.stderr) == (1, True)
    result = commands.run("import", str(tmp_path / "app.tar"), "--name", "registry.example/app:1", "--json")
    assert json.loads(result.stdout)["images"] == ["registry.example/app:1"]
    assert "registry.example is no upstream of this mirror" in result.stderr
    assert "add it to `upstreams`" in result.stderr


def test_a_mirror_that_runs_tells_which_images_it_refuses_to_clients(tmp_path: Path, kept: Kept) -> None:
    elsewhere = Image(Name("registry.example", "app", "1"), kept.image(b"layer").digest)
    (tmp_path / "bundle.tar").write_bytes(packed(kept, elsewhere))
    with MirrorThread(tmp_path) as served:
        host, port = served.admin_address
        result = Commands(tmp_path).run("import", str(tmp_path / "bundle.tar"), "--url", f"http://{host}:{port}")
    assert (result.exit_code, "registry.example is no upstream of this mirror" in result.stderr) == (0, True)


def test_a_dry_run_tells_that_it_is_larger_than_the_cache_may_be(tmp_path: Path, kept: Kept) -> None:
    (tmp_path / "bundle.tar").write_bytes(packed(kept, named("library/app", kept.image(b"x" * 5_000_000).digest)))
    small = {"MIRROR_STORAGE__MAX_SIZE": "4MiB"}
    result = Commands(tmp_path).run("import", str(tmp_path / "bundle.tar"), "--dry-run", environment=small)
    assert (result.exit_code, "raise storage.max_size" in result.stderr) == (1, True)


def test_a_dry_run_tells_whether_there_is_room(tmp_path: Path, kept: Kept, bundle: Path) -> None:
    commands = Commands(tmp_path)
    assert commands.run("import", str(bundle)).exit_code == 0
    (tmp_path / "more.tar").write_bytes(packed(kept, named("library/more", kept.image(b"x" * 5_000_000).digest)))
    roomy = commands.run(
        "import", str(tmp_path / "more.tar"), "--dry-run", environment={"MIRROR_STORAGE__MIN_FREE": "0"}
    )
    assert (roomy.exit_code, "; there is room for " in roomy.stdout) == (0, True)
    tight = {"MIRROR_STORAGE__MAX_SIZE": "5001KB", "MIRROR_STORAGE__MIN_FREE": "0"}
    told = commands.run("import", str(tmp_path / "more.tar"), "--dry-run", environment=tight)
    assert (told.exit_code, "of what is here would go for it" in told.stdout) == (0, True)
    document = json.loads(
        commands.run("import", str(tmp_path / "more.tar"), "--dry-run", "--json", environment=tight).stdout
    )
    assert document["bytes"] == document["room"] + document["evicted"]
    assert f"--target {document['target']}`" in told.stdout


def test_what_docker_saved_is_taken_packed_or_not(tmp_path: Path) -> None:
    layers = {"a.tar": b"first", "b.tar": b"second"}
    plain = docker_archive(layers, "app:1")
    commands = Commands(tmp_path)
    (tmp_path / "app.tar.gz").write_bytes(gzip.compress(tar_of(plain)))
    assert told(commands.run("import", str(tmp_path / "app.tar.gz"), "--json")) == (1, 4, 0)
    packed_layers = {path: gzip.compress(data) for path, data in layers.items()}
    (tmp_path / "again.tar").write_bytes(tar_of(plain | packed_layers))
    assert told(commands.run("import", str(tmp_path / "again.tar"), "--json")) == (1, 0, 4)


def test_what_unpacks_to_more_than_the_cache_may_hold_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(tar_of(docker_archive({"a.tar": bytes(5_000_000)}, "app:1")))
    (tmp_path / "bomb.tar.gz").write_bytes(bomb)
    small = {"MIRROR_STORAGE__MAX_SIZE": "4MiB"}
    result = Commands(tmp_path).run("import", str(tmp_path / "bomb.tar.gz"), environment=small)
    assert (result.exit_code, "larger than the cache may be" in result.stderr) == (1, True)
    assert not (tmp_path / "cache").exists()


def test_an_image_layout_in_a_directory_is_taken(tmp_path: Path, kept: Kept) -> None:
    image = kept.image(b"layer")
    entry = content.descriptor(image.media_type, image.manifest_body)
    annotations = {"org.opencontainers.image.ref.name": "docker.io/library/app:1"}
    index = json.dumps({"schemaVersion": 2, "manifests": [{**entry, "annotations": annotations}]}).encode()
    blobs = {f"blobs/{digest.algorithm}/{digest.encoded}": data for digest, data in kept.held.items()}
    source = written(tmp_path / "layout", {"index.json": index, "oci-layout": b"{}", **blobs})
    assert told(Commands(tmp_path).run("import", str(source), "--json")) == (1, 3, 0)


def test_a_bundle_comes_through_a_pipe(tmp_path: Path, bundle: Path) -> None:
    commands = Commands(tmp_path)
    assert told(commands.run("import", "-", "--json", standard_input=bundle.read_bytes())) == (1, 3, 0)
    result = commands.run("import", "-", standard_input=tar_of(docker_archive({"layer.tar": b"layer"}, "app:1")))
    assert (result.exit_code, "save it to a file" in result.stderr) == (1, True)
    assert commands.run("import", "-", "--dry-run").exit_code == 2


def test_a_directory_that_is_in_use_by_a_mirror_that_does_not_answer_is_left_alone(
    tmp_path: Path, bundle: Path
) -> None:
    with layout_at(tmp_path / "cache"):
        result = Commands(tmp_path).run("import", str(bundle))
    assert (result.exit_code, "its admin listener cannot be reached" in result.stderr) == (1, True)
    assert published(tmp_path / "cache") == []


@pytest.mark.parametrize("source", ["nothing", "empty.yml", "."])
def test_what_is_no_bundle_is_said(tmp_path: Path, source: str) -> None:
    result = Commands(tmp_path).run("import", str(tmp_path / source))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
