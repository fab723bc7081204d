"""What lies at a path."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from contextlib import closing
from pathlib import Path

import pytest

from mirror.bundles.opening import opened
from mirror.errors import Refused
from tests.support.bundles import tar_of, written

FILES = {"a": b"first"}
ZSTD = bytes.fromhex("28b52ffd")


@pytest.mark.parametrize("data", [tar_of(FILES), gzip.compress(tar_of(FILES))], ids=["plain", "packed"])
def test_an_archive_is_opened_packed_or_not(tmp_path: Path, data: bytes) -> None:
    with closing(opened(written(tmp_path, {"x": data}) / "x")) as files:
        assert b"".join(files.pieces("a")) == b"first"


def test_a_directory_is_opened(tmp_path: Path) -> None:
    with closing(opened(written(tmp_path, FILES))) as files:
        assert b"".join(files.pieces("a")) == b"first"


@pytest.mark.parametrize(
    ("data", "command"),
    [(lzma.compress(b"x"), "unxz"), (bz2.compress(b"x"), "bunzip2"), (ZSTD + bytes(20), "zstd -d")],
    ids=["xz", "bzip2", "zstd"],
)
def test_what_is_packed_otherwise_is_refused_with_what_unpacks_it(tmp_path: Path, data: bytes, command: str) -> None:
    with pytest.raises(Refused, match=f"`{command}`"):
        opened(written(tmp_path, {"x": data}) / "x")


def test_a_packed_archive_of_more_than_may_come_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(tar_of({"a": bytes(1_000_000)}))
    with pytest.raises(Refused, match="larger than the cache"):
        opened(written(tmp_path, {"x": packed}) / "x", 900_000)


def test_a_pipe_is_refused_with_its_name_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match="called - then"):
        opened(tmp_path / "pipe")


def test_what_is_not_there_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "nothing")


def test_what_is_refused_is_closed(tmp_path: Path) -> None:
    path = written(tmp_path, {"x": b"x" * 5000}) / "x"
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Refused):
        opened(path)
    assert len(os.listdir("/proc/self/fd")) == before
