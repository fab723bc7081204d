from __future__ import annotations

import os
from errno import EBADF
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.open_blob import OpenBlob


def test_it_is_readable_without_its_name_until_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "blob"
    file.write_bytes(b"content")
    with OpenBlob(Digest.of(b"content"), 7, os.open(file, os.O_RDONLY)) as blob:
        file.unlink()
        assert os.pread(blob.descriptor, blob.size, 0) == b"content"
    with pytest.raises(OSError, match=os.strerror(EBADF)):
        os.fstat(blob.descriptor)
