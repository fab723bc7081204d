"""Comparing what `docker save` writes with the image that was published."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import IO

from tests.support.images import Image


def check_archive(data: bytes, image: Image) -> None:
    """The configuration byte by byte, and each unpacked layer by its diff_id. Raises AssertionError."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (entry,) = json.load(_member(archive, "manifest.json"))
        assert _member(archive, entry["Config"]).read() == image.config.data
        layers = [_diff_id(_member(archive, name)) for name in entry["Layers"]]
    assert layers == [layer.diff_id for layer in image.layers]


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is no file"
    return found


def _diff_id(layer: IO[bytes]) -> str:
    return "sha256:" + hashlib.file_digest(layer, "sha256").hexdigest()  # type: ignore[arg-type]
