"""Stored documents, and files that only pretend to be."""

from __future__ import annotations

from pathlib import Path

from mirror.oci.digest import Digest
from mirror.stock.documents import read_document
from mirror.store.looking import Looking
from tests.support.caches import path_of
from tests.support.larder import BASE, filled


def test_a_document_is_read_if_it_is_what_its_name_says(tmp_path: Path) -> None:
    image = filled(tmp_path, lambda larder: larder.image("team/app", "v1", [BASE]))
    with Looking(tmp_path) as looking:
        assert read_document(looking, image.digest) == image.manifest_body
        assert read_document(looking, Digest.of(b"nothing")) is None
        path = path_of(tmp_path, image.digest)
        path.chmod(0o600)
        path.write_bytes(image.manifest_body[:-1] + b" ")
        assert read_document(looking, image.digest) is None


def test_what_is_too_large_is_no_document(tmp_path: Path) -> None:
    image = filled(tmp_path, lambda larder: larder.image("team/app", "v1", [BASE]))
    with path_of(tmp_path, image.digest).open("r+b") as file:
        file.truncate(20 * 1024**2)
    with Looking(tmp_path) as looking:
        assert read_document(looking, image.digest) is None
