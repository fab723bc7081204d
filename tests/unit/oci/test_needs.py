"""What a document cannot do without: its config, its layers, the manifests of an index; nothing that it is about."""

from __future__ import annotations

import json

import pytest

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST, SCHEMA1
from mirror.oci.needs import needs_of


def _digest(name: str) -> str:
    return str(Digest.of(name.encode()))


def _descriptor(name: str, media_type: str = "application/octet-stream") -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(name), "size": 1}


def _body(**members: object) -> bytes:
    return json.dumps({"schemaVersion": 2, **members}).encode()


def test_an_image_needs_its_config_and_its_layers_each_once_but_not_its_subject() -> None:
    layers = [_descriptor("one"), _descriptor("two"), _descriptor("one")]
    body = _body(config=_descriptor("config"), layers=layers, subject=_descriptor("subject", OCI_MANIFEST))
    assert needs_of(body, OCI_MANIFEST) == (_digest("config"), _digest("one"), _digest("two"))


def test_an_index_needs_its_manifests() -> None:
    body = _body(manifests=[_descriptor("amd64", OCI_MANIFEST), _descriptor("arm64", OCI_MANIFEST)])
    assert needs_of(body, OCI_INDEX) == (_digest("amd64"), _digest("arm64"))


def test_a_schema_1_manifest_needs_its_layers() -> None:
    layers: list[object] = [{"blobSum": _digest("one")}, {"blobSum": _digest("two")}, {"blobSum": _digest("one")}]
    body = json.dumps({"schemaVersion": 1, "fsLayers": [*layers, "x", {"blobSum": 3}, {}]}).encode()
    assert needs_of(body, SCHEMA1) == (_digest("one"), _digest("two"))
    bad = json.dumps({"schemaVersion": 1, "fsLayers": [{"blobSum": "sha256:no"}]}).encode()
    assert needs_of(bad, SCHEMA1) == ()
    assert needs_of(json.dumps({"schemaVersion": 1, "fsLayers": 7}).encode(), SCHEMA1) == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": 1}', b'{"layers": [], "manifests": []}'])
def test_what_is_no_manifest_needs_nothing(body: bytes) -> None:
    assert needs_of(body, None) == ()
    assert needs_of(body, "application/vnd.example.thing+json") == ()
