"""Files in archives, none of which leads anywhere else."""

from __future__ import annotations

import io
import tarfile

import pytest

from mirror.bundles.archive import Archive
from mirror.bundles.files import read
from mirror.errors import Refused
from tests.support.bundles import tar_of

FILES = {"a": b"first", "b/c": b"x" * 3_000_000, "d": b""}


class Memory:
    """The bytes of an archive, which may become fewer."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.closed = False

    def read(self, at: int, size: int) -> bytes:
        return self.data[at : at + size]

    def close(self) -> None:
        self.closed = True


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


def test_a_link_leads_to_a_member_of_its_archive_alone() -> None:
    data = linked(
        ("y/layer.tar", "../x/layer.tar", tarfile.SYMTYPE),
        ("hard", "x/layer.tar", tarfile.LNKTYPE),
        ("out", "../../../etc/hostname", tarfile.SYMTYPE),
        ("away", "/etc/hostname", tarfile.SYMTYPE),
        ("loop", "loop", tarfile.SYMTYPE),
    )
    files = Archive(Memory(data))
    sizes = [files.size(path) for path in ("y/layer.tar", "hard", "out", "away", "loop")]
    assert sizes == [5, 5, None, None, None]
    assert b"".join(files.pieces("y/layer.tar")) == b"layer"


def test_of_members_with_one_path_the_last_one_counts() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for data in (b"old", b"newer"):
            member = tarfile.TarInfo("a")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert read(Archive(Memory(buffer.getvalue())), "a", 100) == b"newer"


@pytest.mark.parametrize("end", [0, 100, 512, 2_000_000, len(tar_of(FILES)) - 10240, -10_000])
def test_one_that_was_cut_is_refused_and_its_source_closed(end: int) -> None:
    source = Memory(tar_of({**FILES, "e": b"x" * 10_000})[:end])
    with pytest.raises(Refused, match="ends too soon"):
        Archive(source)
    assert source.closed


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        Archive(Memory(b"x" * 5000))


def test_one_that_is_cut_while_it_is_read_is_no_content() -> None:
    source = Memory(tar_of(FILES))
    files = Archive(source)
    source.data = source.data[:1_000_000]
    with pytest.raises(Refused, match="ends too soon"):
        list(files.pieces("b/c"))
    files.close()
    assert source.closed
