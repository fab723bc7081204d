"""The progress of a pull, in words and bars."""

from __future__ import annotations

from typing import Any

from mirror.commands.pull_words import Progress

MIB = 1024**2


def blob(letter: str, state: str, offset: int = 0, size: int = 10 * MIB) -> dict[str, Any]:
    return {"event": "blob", "digest": f"sha256:{letter * 64}", "state": state, "offset": offset, "size": size}


def heeded(progress: Progress, *events: dict[str, Any]) -> list[str]:
    return [line for event in events for line in progress.heed(event)]


def test_what_is_over_is_said_once() -> None:
    progress = Progress("a:b")
    events = [blob("a", "waiting"), blob("a", "fetching", 3), blob("a", "done", 10 * MIB), blob("a", "done", 10 * MIB)]
    assert heeded(progress, *events) == ["aaaaaaaaaaaa: pulled (10.0 MiB)"]
    assert heeded(progress, blob("b", "here", 5, 5)) == ["bbbbbbbbbbbb: already here (5 B)"]
    manifest = {"event": "manifest", "digest": "sha256:cccccccccccccccc", "platform": "linux/arm64", "size": 3}
    assert heeded(progress, manifest) == ["cccccccccccc: for linux/arm64"]
    assert heeded(progress, {**manifest, "platform": None}) == []
    assert heeded(progress, {"event": "note", "text": "mind\x1b[31m this"}) == ["a:b: mind[31m this"]
    heeded(progress, {"event": "end", "state": "done", "digest": "sha256:d"})
    assert progress.outcome() == "a:b: sha256:d, 1 of 2 blobs new (10.0 MiB)"


def test_why_it_failed_is_said() -> None:
    progress = Progress("a:b")
    assert progress.outcome() == "a:b: the mirror said no more"
    heeded(progress, {"event": "platforms", "platforms": ["linux/amd64", "linux/arm64"]})
    heeded(progress, {"event": "end", "state": "failed", "error": "not for that"})
    assert progress.outcome() == "a:b: not for that; it is for linux/amd64, linux/arm64"


def test_each_blob_has_a_bar() -> None:
    progress = Progress("a:b")
    heeded(progress, blob("a", "done", 10), blob("b", "fetching", 5 * MIB), blob("c", "waiting"))
    assert progress.bars(100, 10) == [
        "aaaaaaaaaaaa  pulled        10.0 MiB",
        f"bbbbbbbbbbbb  fetching      [{'=' * 15}>{' ' * 14}]  5.0 MiB of 10.0 MiB",
        "cccccccccccc  waiting       10.0 MiB",
    ]
    heeded(progress, blob("b", "fetching", 10 * MIB))
    assert f"[{'=' * 30}]" in progress.bars(100, 10)[1]


def test_where_there_is_little_room_what_is_under_way_is_shown() -> None:
    progress = Progress("a:b")
    heeded(
        progress, *(blob(letter, "done", 1, 1) for letter in "abcd"), blob("e", "fetching", 1, 2), blob("f", "waiting")
    )
    bars = progress.bars(20, 3)
    assert [bar[:12] for bar in bars] == ["eeeeeeeeeeee", "ffffffffffff", "and 4 more"]
    assert max(map(len, bars)) <= 20


def test_what_makes_no_sense_is_passed_over() -> None:
    progress = Progress("a:b")
    assert heeded(progress, {}, {"event": "new"}, {**blob("a", "done"), "size": None}, blob("a", "dancing")) == []
    assert progress.blobs == {}
