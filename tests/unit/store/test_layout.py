"""Who may use a cache directory, and what it tells about the run before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mirror.errors import Malformed, StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout, ingest_digest, ingest_name
from mirror.store.signs import ALGORITHMS, VERSION
from tests.support.caches import descriptors, layout_at

DISK = Filesystem()

HOLDING = """
import sys
from pathlib import Path
from mirror.errors import StoreBusy
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
try:
    layout = Layout(Path(sys.argv[1]), Filesystem())
except StoreBusy as error:
    sys.exit(str(error))
layout.begin("safe")
print("held", flush=True)
sys.stdin.read()
"""


def _other_process(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDING, str(root)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_everything_is_made_where_it_is_said_to_be(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    with layout_at(root) as layout:
        assert layout.catalog == root / "catalog"
        assert layout.index == root / "index"
    made = {str(path.relative_to(root)) for path in root.rglob("*")}
    files = {"lock", "version"}
    directories = {"blobs", "ingest", "quarantine", "catalog", "index", *(f"blobs/{name}" for name in ALGORITHMS)}
    assert made == files | directories
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert descriptors(root) == []


class Apart(Filesystem):
    """On which nothing gets from one directory into another."""

    def is_linkable(self, directory: int, other: int) -> bool:
        return super().is_linkable(directory, other) and directory == other


def test_a_directory_in_which_nothing_could_be_published_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=r"ingest and blobs/sha256 are mounted apart.*mount the whole"):
        Layout(tmp_path, Apart())
    assert descriptors(tmp_path) == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_lies_under_its_algorithm(tmp_path: Path, algorithm: str) -> None:
    digest = Digest.of(b"data", algorithm)
    with layout_at(tmp_path) as layout:
        name, parent = layout.blob(digest)
        assert name == digest.encoded
        assert os.path.samestat(os.fstat(parent), (tmp_path / "blobs" / algorithm).stat())


def test_a_directory_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Layout(tmp_path, DISK).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    layout = Layout(tmp_path, DISK)
    layout.close()
    layout.close()
    Layout(tmp_path, DISK).close()


# foreign directories


@pytest.mark.parametrize("names", [{"photo.jpg"}, {"lock", "photo.jpg"}, {"version", "photo.jpg"}])
def test_a_directory_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, names: set[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"" if name == "version" else b"foreign")
    with pytest.raises(StoreFailed, match="not empty and not a cache of this program"):
        Layout(tmp_path, DISK)
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(path.read_bytes() in (b"", b"foreign") for path in tmp_path.iterdir())
    assert descriptors(tmp_path) == []


@pytest.mark.parametrize("version", [None, b"", b"\n", b"\0" * 2])
def test_a_cache_that_lost_its_version_is_known_by_its_rooms_and_keeps_all(
    tmp_path: Path, version: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    Layout(tmp_path, DISK).close()
    blob = tmp_path / "blobs" / "sha256" / ("a" * 64)
    blob.touch()
    (tmp_path / "index" / "index.db").touch()
    (tmp_path / "version").unlink()
    if version is not None:
        (tmp_path / "version").write_bytes(version)
    Layout(tmp_path, DISK).close()
    assert (tmp_path / "version").read_text().strip("\0\n") == VERSION
    assert blob.exists()
    assert "has lost its note of its version" in caplog.text


@pytest.mark.parametrize("version", ["2\n", "v1.0", "\udcff", "1" * 100])
def test_another_layout_is_refused_and_left_as_it_is(tmp_path: Path, version: str) -> None:
    Layout(tmp_path, DISK).close()
    (tmp_path / "version").write_bytes(version.encode(errors="surrogateescape"))
    (tmp_path / "lock").unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreFailed, match="a layout that this version cannot read"):
        Layout(tmp_path, DISK)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["lost+found", ".gitkeep"])
def test_a_fresh_volume_counts_as_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    Layout(tmp_path, DISK).close()
    assert (tmp_path / "version").read_text().strip() == VERSION


@pytest.mark.parametrize("files", [{"lock": b""}, {"lock": b"12\n", "version": b""}])
def test_a_start_that_a_crash_cut_short_is_begun_again(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    Layout(tmp_path, DISK).close()
    assert (tmp_path / "version").read_text().strip() == VERSION


@pytest.mark.parametrize("name", ["catalog", "index"])
def test_a_file_in_the_place_of_what_can_be_lost_is_set_aside(tmp_path: Path, name: str) -> None:
    Layout(tmp_path, DISK).close()
    (tmp_path / name).rmdir()
    (tmp_path / name).write_bytes(b"anything")
    Layout(tmp_path, DISK).close()
    assert (tmp_path / name).is_dir()
    assert (tmp_path / f"{name}.broken").read_bytes() == b"anything"


@pytest.mark.parametrize("name", ["blobs", "blobs/sha256", "ingest", "quarantine", "catalog", "index", "version"])
def test_a_link_in_the_place_of_our_own_is_refused(tmp_path: Path, name: str) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    Layout(root, DISK).close()
    (root / name).rename(elsewhere)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(StoreFailed, match="cannot be used"):
        Layout(root, DISK)
    assert descriptors(root) == []


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="cannot be used: File exists"):
        Layout(tmp_path / "file", DISK)


# two processes


def test_a_second_process_is_refused_and_told_who_holds_the_directory(tmp_path: Path) -> None:
    with layout_at(tmp_path), _other_process(tmp_path) as other:
        _, message = other.communicate(timeout=30)
        assert other.returncode == 1
    assert f"in use by another mirror (process {os.getpid()})" in message
    assert str(tmp_path) in message
    assert "give each its own storage.root" in message


def test_a_process_that_was_killed_holds_nothing_but_is_remembered(tmp_path: Path) -> None:
    with _other_process(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StoreBusy, match=f"process {other.pid}"):
            Layout(tmp_path, DISK)
        other.kill()
        other.communicate(timeout=30)
    with layout_at(tmp_path) as layout:
        assert layout.unfinished() == "safe"


# tidy and untidy ends


def test_a_tidy_end_leaves_no_note(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        assert layout.unfinished() is None
        layout.begin("fast")
        layout.sync_all()
        layout.end()
    with layout_at(tmp_path) as layout:
        assert layout.unfinished() is None


@pytest.mark.parametrize("durability", ["safe", "fast"])
def test_an_untidy_end_tells_its_durability(tmp_path: Path, durability: str) -> None:
    with layout_at(tmp_path) as layout:
        layout.begin(durability)
    with layout_at(tmp_path) as layout:
        assert layout.unfinished() == durability
        layout.begin("safe")
        assert layout.unfinished() == "safe"


@pytest.mark.parametrize("torn", [b"", b"fa", b"fast\nrest of a longer note"])
def test_a_torn_note_is_not_taken_for_a_safe_or_a_tidy_run(tmp_path: Path, torn: bytes) -> None:
    with layout_at(tmp_path) as layout:
        (tmp_path / "running").write_bytes(torn)
        assert layout.unfinished() not in (None, "safe")
        layout.begin("safe")
        assert (tmp_path / "running").read_bytes() == b"safe\n"


def test_the_space_is_that_of_the_directory_s_file_system(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        total, free = layout.space()
        assert 0 < free <= total


def test_an_ingest_is_called_after_its_blob_and_leads_back_to_it() -> None:
    digest = Digest.of(b"x")
    assert ingest_name(digest) == f"sha256-{digest.encoded}"
    assert ingest_digest(ingest_name(digest)) == digest
    for name in ("", "sha256", f"sha256:{digest.encoded}", f"{ingest_name(digest)}-1", "not ours"):
        with pytest.raises(Malformed):
            ingest_digest(name)
