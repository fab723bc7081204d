"""What a mirror has, told to another one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mirror.bundles.inventory import blobs_below, lines_of, read_inventory
from mirror.errors import MirrorError
from mirror.oci.digest import Digest
from tests.support.bundles import named
from tests.support.caches import blob, store_at

FIRST = b'{"mirror":"inventory","version":1}\n'


async def test_what_is_written_is_read(tmp_path: Path) -> None:
    digests = {blob(1)[0], blob(2)[0], Digest.of(b"x", "sha512")}
    async with store_at(tmp_path) as store:
        for data in (blob(1)[1], blob(2)[1]):
            await store.put(Digest.of(data), data)
        await store.put(Digest.of(b"x", "sha512"), b"x")
        (tmp_path / "blobs" / "sha256" / "no digest").touch()
        lines = [*lines_of([named("a/b", blob(1)[0])], blobs_below(tmp_path))]
    assert len(lines) == 5
    assert read_inventory(io.BytesIO(b"".join(lines)), "x") == digests


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"[]\n",
        b'{"mirror":"bundle","version":1}\n',
        b'{"mirror":"inventory","version":2}\n',
        FIRST + b"{",
        FIRST + b'{"blob":"../../etc/passwd"}\n',
        FIRST + b'{"blob":"' + b"x" * 5000,
    ],
)
def test_what_is_no_inventory_is_refused_and_not_repeated(data: bytes) -> None:
    with pytest.raises(MirrorError, match="mirror inventory") as refusal:
        read_inventory(io.BytesIO(data), "file")
    assert "passwd" not in str(refusal.value)


def test_what_a_later_version_adds_is_passed_over() -> None:
    digest = blob(1)[0]
    lines = FIRST + b'{"later":1}\n' + f'{{"blob":"{digest}"}}\n'.encode()
    assert read_inventory(io.BytesIO(lines), "file") == {digest}
