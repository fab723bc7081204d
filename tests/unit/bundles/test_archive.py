"""Files in directories and archives, none of which leads anywhere else."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from mirror.bundles.archive import Archive, Directory, opened, read
from mirror.errors import Refused
from tests.support.bundles import tar_of, written

FILES = {"a": b"first", "b/c": b"x" * 3_000_000, "d": b""}


def linked(*links: tuple[str, str, bytes]) -> bytes:
    """An archive with a file and links: their paths, where they lead, and of which kind they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        file = tarfile.TarInfo("x/layer.tar")
        file.size = 5
        archive.addfile(file, io.BytesIO(b"layer"))
        for path, target, kind in links:
            link = tarfile.TarInfo(path)
            link.type, link.linkname = kind, target
            archive.addfile(link)
    return buffer.getvalue()


def archive_at(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_files_are_read_by_their_paths(tmp_path: Path, kind: str) -> None:
    source = written(tmp_path / "d", FILES) if kind == "directory" else archive_at(tmp_path / "a", tar_of(FILES))
    files = opened(source)
    for path, data in FILES.items():
        assert (files.size(path), b"".join(files.pieces(path))) == (len(data), data)
    assert b"".join(files.pieces("b/c", 2_999_990)) == b"x" * 10
    assert files.size("nothing") is None
    assert read(files, "a", 5) == b"first"
    assert read(files, "nothing", 5) is None
    with pytest.raises(Refused, match="larger than any"):
        read(files, "a", 4)
    files.close()


def test_in_a_directory_only_regular_files_count(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = written(tmp_path / "d", {"a": b"x"})
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "away").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(root / "pipe")
    files = Directory(root)
    assert [files.size(path) for path in ("link", "away/secret", "pipe", "../secret", "a")] == [None] * 4 + [1]
    files.close()


def test_a_file_that_is_exchanged_for_a_link_is_not_followed(tmp_path: Path) -> None:
    root = written(tmp_path / "d", {"a": b"x"})
    files = Directory(root)
    (root / "a").unlink()
    (root / "a").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic"):
        next(files.pieces("a"))
    files.close()


def test_a_link_leads_to_a_member_of_its_archive_alone(tmp_path: Path) -> None:
    data = linked(
        ("y/layer.tar", "../x/layer.tar", tarfile.SYMTYPE),
        ("hard", "x/layer.tar", tarfile.LNKTYPE),
        ("out", "../../../etc/hostname", tarfile.SYMTYPE),
        ("away", "/etc/hostname", tarfile.SYMTYPE),
        ("loop", "loop", tarfile.SYMTYPE),
    )
    files = opened(archive_at(tmp_path / "a", data))
    sizes = [files.size(path) for path in ("y/layer.tar", "hard", "out", "away", "loop")]
    assert sizes == [5, 5, None, None, None]
    assert b"".join(files.pieces("y/layer.tar")) == b"layer"
    files.close()


def test_of_members_with_one_path_the_last_one_counts(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for data in (b"old", b"newer"):
            member = tarfile.TarInfo("a")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    files = opened(archive_at(tmp_path / "a", buffer.getvalue()))
    assert read(files, "a", 100) == b"newer"
    files.close()


def test_an_archive_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gunzip"):
        opened(archive_at(tmp_path / "a", gzip.compress(tar_of(FILES))))
    with pytest.raises(Refused, match="ends too soon"):
        opened(archive_at(tmp_path / "b", tar_of(FILES)[:2_000_000]))
    with pytest.raises(Refused):
        opened(archive_at(tmp_path / "c", b"x" * 5000))
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "nothing")


def test_an_archive_that_is_cut_while_it_is_read_is_no_content(tmp_path: Path) -> None:
    path = archive_at(tmp_path / "a", tar_of(FILES))
    files = Archive(path.open("rb"))
    os.truncate(path, 1_000_000)
    with pytest.raises(Refused, match="ends too soon"):
        list(files.pieces("b/c"))
    files.close()
