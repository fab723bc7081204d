"""Files by their paths, wherever they lie."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from mirror.bundles.files import Files, read
from mirror.bundles.opening import opened
from mirror.errors import Refused
from tests.support.bundles import tar_of, written

FILES = {"a": b"first", "b/c": b"x" * 3_000_000, "d": b""}


@pytest.fixture(params=["directory", "archive", "gzipped"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "directory":
        return opened(written(tmp_path / "d", FILES))
    archive = tar_of(FILES)
    written(tmp_path, {"a": gzip.compress(archive) if request.param == "gzipped" else archive})
    return opened(tmp_path / "a")


def test_they_are_read_by_their_paths_and_from_anywhere(files: Files) -> None:
    with closing(files):
        for path, data in reversed(FILES.items()):
            assert (files.size(path), b"".join(files.pieces(path))) == (len(data), data)
        assert b"".join(files.pieces("b/c", 2_999_990)) == b"x" * 10
        assert files.size("nothing") is None


def test_a_small_one_is_read_whole_and_a_larger_one_refused(files: Files) -> None:
    with closing(files):
        assert read(files, "a", 5) == b"first"
        assert read(files, "nothing", 5) is None
        with pytest.raises(Refused, match="larger than any"):
            read(files, "a", 4)
