"""Bundles sent to a mirror that runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror.commands.upload import upload
from mirror.errors import DigestMismatch, Refused
from tests.support.bundles import Kept, named, packed
from tests.support.held_port import HeldPort
from tests.support.mirror_thread import MirrorThread


def bundle() -> bytes:
    kept = Kept()
    return packed(kept, named("library/app", kept.image(b"x" * 2_000_000).digest))


def in_pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 65_536] for at in range(0, len(data), 65_536))


def admin(served: MirrorThread) -> str:
    host, port = served.admin_address
    return f"http://{host}:{port}"


def test_a_bundle_is_sent_as_it_is_made_and_served_from_then_on(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        document = upload(admin(served), in_pieces(bundle()))
        assert document["images"] == ["docker.io/library/app:1"]
        answer = served.ask("GET", "/v2/library/app/manifests/1")
        assert answer.status == 200
        for blob in [json.loads(answer.body)["config"], *json.loads(answer.body)["layers"]]:
            assert served.ask("GET", f"/v2/library/app/blobs/{blob['digest']}").status == 200
        assert served.registry.requests == []


def test_a_tag_that_clients_were_just_given_moves_at_once(tmp_path: Path) -> None:
    kept = Kept()
    images = [kept.image(b"first"), kept.image(b"second")]
    with MirrorThread(tmp_path) as served:
        for image in images:
            upload(admin(served), in_pieces(packed(kept, named("library/app", image.digest))))
            for _ in range(3):  # the later ones from memory
                assert served.ask("GET", "/v2/library/app/manifests/1").body == image.manifest_body
        assert served.registry.requests == []


def test_a_refusal_is_told_with_its_reason_though_nothing_was_read_to_its_end(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served, pytest.raises(Refused, match="cannot be read"):
        upload(admin(served), in_pieces(b"x" * 5_000_000))


def test_what_fails_here_breaks_the_bundle_off_there(tmp_path: Path) -> None:
    whole = bundle()

    def failing() -> Iterator[bytes]:
        yield whole[:1_500_000]
        raise DigestMismatch("not what it was")

    with MirrorThread(tmp_path) as served:
        with pytest.raises(DigestMismatch):
            upload(admin(served), failing())
        assert served.ask("GET", "/v2/library/app/manifests/1").status == 404
        document = _once_it_is_free(admin(served), whole)
        assert (document["blobs"], document["skipped"]) == (1, 2)
        assert document["bytes"] < 2_000_000  # the rest of the layer, of which a part had come


def _once_it_is_free(url: str, whole: bytes) -> dict[str, Any]:
    """The mirror has yet to notice that the other one is gone."""
    until = time.monotonic() + 10
    while True:
        try:
            return upload(url, in_pieces(whole))
        except Refused as error:
            if "another bundle" not in str(error) or time.monotonic() > until:
                raise


def test_where_nobody_listens_that_is_said() -> None:
    held = HeldPort("127.0.0.1")
    with pytest.raises(OSError, match="refused"):
        upload(f"http://127.0.0.1:{held.port}", iter([b"x"]))
    held.release()


@pytest.mark.parametrize("url", ["", "127.0.0.1:5001", "https://127.0.0.1:5001", "http://"])
def test_a_bundle_goes_nowhere_but_where_the_url_says(url: str) -> None:
    pieces = iter([b"x"])
    with pytest.raises(ValueError, match="http://"):
        upload(url, pieces)
    assert next(pieces) == b"x"


def test_somebody_else_s_server_is_told_from_a_mirror_s(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        host, port = served.address
        with pytest.raises(OSError, match="not as a mirror's admin listener does"):
            upload(f"http://{host}:{port}", iter([b"x"]))
