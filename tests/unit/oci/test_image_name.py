"""Names of images as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName

DIGEST = Digest.of(b"")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "reference"),
    [
        ("ubuntu", None, "ubuntu", "latest"),
        ("ubuntu:22.04", None, "ubuntu", "22.04"),
        ("library/ubuntu", None, "library/ubuntu", "latest"),
        ("ghcr.io/owner/name:V1", "ghcr.io", "owner/name", "V1"),
        ("localhost/name", "localhost", "name", "latest"),
        ("registry.test:5443/name", "registry.test:5443", "name", "latest"),
        ("registry.test:5443/name:tag", "registry.test:5443", "name", "tag"),
        ("docker://quay.io/a/b", "quay.io", "a/b", "latest"),
        (f"ubuntu@{DIGEST}", None, "ubuntu", DIGEST),
        (f"ghcr.io/a/b:tag@{DIGEST}", "ghcr.io", "a/b", DIGEST),
        ("127.0.0.1:5000/name", "127.0.0.1:5000", "name", "latest"),
    ],
)
def test_a_name_has_a_registry_where_dockers_rule_sees_one(
    text: str, registry: str | None, repository: str, reference: str | Digest
) -> None:
    assert ImageName.parse(text) == ImageName(registry, repository, reference)


def test_behind_an_address_of_ours_stands_another_name() -> None:
    assert ImageName.parse("ubuntu:1").within() == ImageName(None, "ubuntu", "1")
    name = ImageName("127.0.0.1:5000", "ghcr.io/a/b", "1")
    assert name.within() == ImageName("ghcr.io", "a/b", "1")


@pytest.mark.parametrize("text", ["127.0.0.1:5000/ghcr.io/a/b:1", "mirror.test/library/ubuntu"])
def test_a_name_is_written_as_it_was_read(text: str) -> None:
    assert str(ImageName.parse(text)) in (text, f"{text}:latest")
    assert str(ImageName.parse(f"{text.partition(':1')[0]}@{DIGEST}")).endswith(f"@{DIGEST}")


@pytest.mark.parametrize(
    "text", ["", "Ubuntu", "a:", "a@", "a@sha256:1", "a//b", "/a", "a/", "a:b:c", "a b", "https://a/b", "a" * 1025]
)
def test_what_is_no_name_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        ImageName.parse(text)


@given(st.text())
def test_any_text_is_a_name_or_malformed(text: str) -> None:
    try:
        name = ImageName.parse(text)
    except Malformed:
        return
    assert ImageName.parse(str(name)) == name
