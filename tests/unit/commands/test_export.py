"""`mirror export`: which images go into a bundle, and where it goes."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.bundles import Kept, files_of, named, packed, taken
from tests.support.caches import flip, path_of, store_at
from tests.support.commands import Commands


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def commands(tmp_path: Path, kept: Kept) -> Commands:
    """Two images in a cache that no mirror uses: library/app:1 and acme/other:2."""
    bundle = packed(
        kept, named("library/app", kept.image(b"app").digest), named("acme/other", kept.image(b"other").digest, "2")
    )

    async def fill() -> None:
        async with store_at(tmp_path / "cache", durable=False) as store:
            await taken(store, bundle)

    asyncio.run(fill())
    return Commands(tmp_path)


def exported(commands: Commands, target: Path, *arguments: str) -> list[str]:
    result = commands.run("export", "--to", str(target), "--json", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return [image["name"] for image in json.loads(result.stdout)["images"]]


def refused(commands: Commands, *arguments: str) -> str:
    result = commands.run("export", *arguments)
    assert result.exit_code == 1
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--all"], ["docker.io/acme/other:2", "docker.io/library/app:1"]),
        (["app:1"], ["docker.io/library/app:1"]),
        (["docker.io/*"], ["docker.io/acme/other:2", "docker.io/library/app:1"]),
        (["*:2"], ["docker.io/acme/other:2"]),
        (["--pulled-since", "1h"], ["docker.io/acme/other:2", "docker.io/library/app:1"]),
        (["--pulled-since", "0s"], []),
    ],
)
def test_images_are_chosen_by_name_pattern_and_time(
    commands: Commands, tmp_path: Path, arguments: list[str], names: list[str]
) -> None:
    assert exported(commands, tmp_path / "bundle", *arguments) == names


def test_an_archive_is_the_same_in_a_file_and_through_a_pipe(commands: Commands, tmp_path: Path) -> None:
    exported(commands, tmp_path / "bundle.tar", "--all")
    piped = commands.run("export", "--all", "--to", "-")
    assert (piped.exit_code, piped.stdout_bytes) == (0, (tmp_path / "bundle.tar").read_bytes())
    assert piped.stderr.startswith("2 images in 6 blobs")


def test_a_directory_has_hard_links(commands: Commands, tmp_path: Path, kept: Kept) -> None:
    exported(commands, tmp_path / "bundle", "--all")
    for digest, data in kept.held.items():
        file = tmp_path / "bundle" / "blobs" / digest.algorithm / digest.encoded
        assert (file.read_bytes(), os.path.samefile(file, path_of(tmp_path / "cache", digest))) == (data, True)


def test_only_what_the_other_side_lacks_is_in_a_delta(commands: Commands, tmp_path: Path, kept: Kept) -> None:
    result = commands.run("inventory", "--to", str(tmp_path / "inventory"))
    assert result.exit_code == 0
    lines = (tmp_path / "inventory").read_text().splitlines(keepends=True)
    lacking = str(Digest.of(b"app"))
    (tmp_path / "inventory").write_text("".join(line for line in lines if lacking not in line))
    exported(commands, tmp_path / "delta.tar", "--all", "--lacking", str(tmp_path / "inventory"))
    blobs = [path for path in files_of((tmp_path / "delta.tar").read_bytes()) if path.startswith("blobs/")]
    assert blobs == [f"blobs/sha256/{Digest.of(b'app').encoded}"]
    assert "is not an inventory" in refused(commands, "--all", "--to", "-", "--lacking", str(tmp_path / "empty.yml"))


def test_an_image_that_is_not_whole_is_refused_by_name_unless_it_is_asked_for(
    commands: Commands, tmp_path: Path
) -> None:
    path_of(tmp_path / "cache", Digest.of(b"app")).unlink()
    said = refused(commands, "--all", "--to", str(tmp_path / "bundle"))
    assert f"docker.io/library/app:1 is not whole: {Digest.of(b'app')} is not here" in said
    assert "`mirror pull docker.io/library/app:1` brings what is not here" in said
    assert "--partial" in said
    assert not (tmp_path / "bundle").exists()
    result = commands.run("export", "--all", "--partial", "--to", str(tmp_path / "bundle"), "--json")
    assert (result.exit_code, json.loads(result.stdout)["absent"]) == (0, 1)
    assert "taken as far as it is here: docker.io/library/app:1" in result.stderr


def test_what_lacks_a_platform_that_is_asked_for_is_told_with_what_brings_it(tmp_path: Path, kept: Kept) -> None:
    first, second = kept.image(b"amd64"), kept.image(b"arm64")
    index = kept.index(first, second)
    for digest in (second.digest, *second.layer_digests):
        del kept.held[digest]
    bundle = packed(kept, named("library/app", index))

    async def fill() -> None:
        async with store_at(tmp_path / "cache", durable=False) as store:
            await taken(store, bundle)

    asyncio.run(fill())
    commands = Commands(tmp_path)
    said = refused(commands, "--all", "--platform", "linux/arm64", "--to", str(tmp_path / "bundle"))
    assert "`mirror pull --platform linux/arm64 docker.io/library/app:1` brings what is not here" in said
    said = refused(commands, "--all", "--platform", "linux/s390x", "--to", str(tmp_path / "bundle"))
    assert "none of the platforms asked for is here; it lists linux/amd64, linux/arm64" in said
    assert "mirror pull" not in said  # it would bring nothing


def test_an_export_that_was_killed_is_gone_on_with(commands: Commands, tmp_path: Path) -> None:
    exported(commands, tmp_path / "bundle.tar", "--all")
    whole = (tmp_path / "bundle.tar").read_bytes()
    (tmp_path / "again.tar.part").write_bytes(whole[:5000])
    exported(commands, tmp_path / "again.tar", "--all")
    assert (tmp_path / "again.tar").read_bytes() == whole
    assert not (tmp_path / "again.tar.part").exists()


def test_a_broken_cache_makes_no_bundle(commands: Commands, tmp_path: Path) -> None:
    flip(path_of(tmp_path / "cache", Digest.of(b"app")))
    assert "mirror fsck" in refused(commands, "--all", "--to", str(tmp_path / "bundle.tar"))
    assert not (tmp_path / "bundle.tar").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing:1"], "no image in the cache is called nothing:1"),
        (["no name at all"], "repository name"),
        (["--all", "--pulled-since", "soon"], "not a duration"),
        (["--all", "--platform", "linux/s390x", "--sign-key", "empty"], "does not hold a key"),
    ],
)
def test_what_cannot_be_meant_is_said(commands: Commands, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty").touch()
    arguments = [str(tmp_path / "empty") if one == "empty" else one for one in arguments]
    assert words in refused(commands, "--to", str(tmp_path / "bundle"), *arguments)


def test_something_has_to_be_asked_for(commands: Commands) -> None:
    result = commands.run("export", "--to", "-")
    assert (result.exit_code, "name images" in result.stderr) == (2, True)
    result = commands.run("export", "--to", "-", "--all", "app")
    assert (result.exit_code, "name some, or say --all" in result.stderr) == (2, True)


def test_where_there_is_no_cache_that_is_said(tmp_path: Path) -> None:
    assert "cannot be looked into" in refused(Commands(tmp_path), "--all", "--to", "-")
