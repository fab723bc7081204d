"""`mirror gc`: what goes and why, in words and as JSON, of a mirror that runs and of a directory."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from mirror.commands.gc import lines_of
from tests.support.caches import published
from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread


def pull(served: MirrorThread, *names: str) -> None:
    """A client pulls these, one after the other."""
    for name in names:
        content = [name.encode() * 2000]
        image = served.call(partial(served.registry.push_image, f"team/{name}", "v1", content))
        with served.client() as client:
            assert client.ask("GET", f"/v2/team/{name}/manifests/v1").status == 200
            for one in (image.config_digest, *image.layer_digests):
                assert client.ask("GET", f"/v2/team/{name}/blobs/{one}").status == 200
        served.settle()


def test_what_would_go_is_told_line_by_line_and_then_goes(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        pull(served, "old", "new")
        commands = Commands(tmp_path).reaching(served)
        result = commands.run("gc", "--dry-run", "--target", "8000B")
        assert result.exit_code == 0
        first, last = result.output.splitlines()
        assert first.startswith("   1  would go")
        assert "docker.io/team/old:v1: pulled least lately and least often for its size, last on " in first
        assert "would go of" in last
        assert last.endswith("1 of 2 images stays")
        before = published(tmp_path / "cache")
        result = commands.run("gc", "--target", "8000B", "--json")
        assert json.loads(result.output)["images_going"] == 1
        assert len(before) - len(published(tmp_path / "cache")) == 3
        assert "0 B went of" in commands.run("gc").output


def test_where_no_mirror_runs_the_directory_is_looked_into(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        pull(served, "old", "new")
    commands = Commands(tmp_path)
    before = published(tmp_path / "cache")
    result = commands.run("gc", "--dry-run", "--target", "0B")
    assert result.exit_code == 0
    assert "no mirror answers" in result.output
    assert "docker.io/team/old:v1" in result.output
    assert published(tmp_path / "cache") == before
    assert commands.run("gc").exit_code == 0
    assert published(tmp_path / "cache") == before
    assert commands.run("gc", "--target", "0B").exit_code == 0
    assert published(tmp_path / "cache") == []


def test_what_is_no_cache_is_told(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("gc")
    assert result.exit_code == 1
    assert "there is no cache in" in result.output
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("size", ["much", "-1", "10%"])
def test_a_size_that_is_none_is_refused(tmp_path: Path, size: str) -> None:
    result = Commands(tmp_path).run("gc", "--target", size)
    assert result.exit_code == 2
    assert "target" in result.output


def test_what_stays_and_what_is_lacking_is_told() -> None:
    document = {
        "dry_run": False,
        "size": 2048,
        "limit": 4096,
        "bytes": 1024,
        "lacking": 100,
        "images": 3,
        "images_going": 0,
        "going": [
            {
                "why": "no image needs it",
                "image": None,
                "tags": [],
                "others": [],
                "others_untold": 0,
                "digest": "sha256:" + "a" * 64,
                "blobs": 1,
                "bytes": 1024,
                "last_pull": None,
            },
            {
                "why": "pulled least lately",
                "image": "docker.io/library/alpine",
                "tags": ["3.20"],
                "others": [
                    {"image": "ghcr.io/team/app", "digest": "sha256:" + "d" * 64},
                    {"image": "docker.io/library/alpine", "digest": "sha256:" + "e" * 64},
                ],
                "others_untold": 3,
                "digest": "sha256:" + "d" * 64,
                "blobs": 2,
                "bytes": 2048,
                "last_pull": "2026-11-02T08:15:00+00:00",
            },
        ],
        "going_untold": 7,
        "staying": [
            {"why": "pinned", "image": "ghcr.io/o/n", "digest": "sha256:" + "b" * 64, "pin": "ghcr.io/*"},
            {"why": "being pulled or read", "image": None, "digest": "sha256:" + "c" * 64, "pin": None},
        ],
    }
    assert list(lines_of(document)) == [
        "   1  went     1.0 KiB  sha256:aaaaaaaaaaaa: no image needs it (1 blob)",
        "   2  went     2.0 KiB  docker.io/library/alpine:3.20: pulled least lately, last on 2026-11-02 (2 blobs), "
        "and with it ghcr.io/team/app, docker.io/library/alpine@sha256:eeeeeeeeeeee and 3 more",
        "      and 7 more",
        "      stays               ghcr.io/o/n@sha256:bbbbbbbbbbbb: pinned by ghcr.io/*",
        "      stays               sha256:cccccccccccc: being pulled or read",
        "1.0 KiB went of 2.0 KiB (at most 4.0 KiB); 3 of 3 images stay",
        "100 B more should go, and cannot: unpin something, or give the cache more room",
    ]
