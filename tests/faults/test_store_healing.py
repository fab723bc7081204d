"""Whatever has become of a stored file, clients get the right bytes, and it is stored again (S7, F13)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.caches import false_blobs, flip, path_of, published
from tests.support.checker import until
from tests.support.figures import figure
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.surface import noise

ONE, TWO = noise("one", 200_000), noise("two", 200_000)  # of one size, so that only their bytes tell
MEMORY = {"memory_cache": 0}  # else small ones would be answered from there, whatever lies on the disk


def _become(make: Callable[[Path], object]) -> Callable[[Path, Path], object]:
    def spoil(path: Path, other: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def _swap(path: Path, other: Path) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)


SPOILS: dict[str, tuple[Callable[[Path, Path], object], int]] = {  # and how many files are wrong then
    "truncated": (lambda path, other: os.truncate(path, 100_000), 1),
    "emptied": (lambda path, other: os.truncate(path, 0), 1),
    "grown": (lambda path, other: os.truncate(path, 300_000), 1),
    "flipped": (lambda path, other: flip(path), 1),
    "exchanged with another": (_swap, 2),
    "vanished": (lambda path, other: path.unlink(), 1),
    "a link to another": (_become(lambda path: path.symlink_to("/etc/hostname")), 1),
    "a directory": (_become(Path.mkdir), 1),
    "a pipe": (_become(os.mkfifo), 1),
}


@pytest.mark.figure("F13", "ways for a file to be no more what it was: served wrong, or not healed")
@pytest.mark.parametrize("spoil", SPOILS)
async def test_a_file_that_is_not_what_it_was_is_fetched_again(
    tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, wrong = SPOILS[spoil]
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, {"limits": MEMORY}) as mirror:
        digests = [registry.push_blob("a/b", data) for data in (ONE, TWO)]
        root = mirror.settings.storage.root

        async def pull() -> None:
            for digest, data in zip(digests, (ONE, TWO), strict=True):
                response, body = await mirror.get(f"/v2/a/b/blobs/{digest}")
                assert (response.status, body) == (200, data)
            await until(lambda: not len(mirror.mirror.pulls.fetches))

        def counted() -> float | None:
            return figure(mirror.mirror.metrics.render(), "mirror_integrity_failures_total", where="store")

        await pull()
        change(*(path_of(root, digest) for digest in digests))
        registry.requests.clear()
        await pull()
        assert (counted(), registry.count("GET", "/blobs/")) == (wrong, wrong)
        assert (published(root), false_blobs(root)) == (sorted(map(str, digests)), [])
        assert "it will be fetched again" in caplog.text or "and will be fetched again" in caplog.text
        await pull()
        assert (counted(), registry.count("GET", "/blobs/")) == (wrong, wrong)  # healed, and not asked for again
