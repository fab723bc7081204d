"""The names that images keep wherever they are carried."""

from __future__ import annotations

import pytest

from mirror.bundles.names import FULL_NAME, REF_NAME, Name, Wish, annotated
from mirror.errors import Malformed
from mirror.oci.digest import Digest

DIGEST = Digest.of(b"x")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        ("ubuntu:14.04", "docker.io/library/ubuntu:14.04"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("index.docker.io/ubuntu", "docker.io/library/ubuntu:latest"),
        ("registry.example:5000/docker/ubuntu:14.04", "registry.example:5000/docker/ubuntu:14.04"),
        ("GHCR.example/a/b:1", "ghcr.example/a/b:1"),
    ],
)
def test_what_a_name_leaves_out_is_what_docker_puts_there(said: str, name: str) -> None:
    assert (str(Name.parse(said)[0]), Name.parse(said)[1]) == (name, None)


def test_a_name_with_a_digest_has_no_tag() -> None:
    assert Name.parse(f"a/b:1@{DIGEST}") == (Name("docker.io", "a/b", None), DIGEST)


def test_an_image_without_a_tag_is_written_with_its_digest() -> None:
    assert Name("docker.io", "a/b", None).written(str(DIGEST)) == f"docker.io/a/b@{DIGEST}"
    assert Name("docker.io", "a/b", "1").written(str(DIGEST)) == "docker.io/a/b:1"


@pytest.mark.parametrize(
    ("upstream", "repository", "tag"),
    [("", "a/b", "1"), ("a b", "a/b", "1"), ("a/b", "a", "1"), ("é", "a", "1"), ("a", "A", "1"), ("a", "a", "no tag")],
)
def test_what_no_mirror_has_written_is_no_name(upstream: str, repository: str, tag: str) -> None:
    with pytest.raises(Malformed):
        Name.checked(upstream, repository, tag)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("app:1", True),
        ("docker.io/library/app:1", True),
        ("app", False),
        ("app:2", False),
        ("docker.io/library/*", True),
        ("docker.io/*:[12]", True),
        ("ghcr.io/*", False),
        (f"app@{DIGEST}", True),
        (f"other@{DIGEST}", False),
        (f"app@{Digest.of(b'y')}", False),
    ],
)
def test_a_wish_means_a_name_a_digest_or_a_pattern(said: str, meant: bool) -> None:
    assert Wish.parse(said).means(Name("docker.io", "library/app", "1"), str(DIGEST)) is meant


def test_a_wish_that_is_no_name_is_refused() -> None:
    with pytest.raises(Malformed):
        Wish.parse("no name at all")


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({FULL_NAME: "docker.io/library/app:1", REF_NAME: "1"}, "docker.io/library/app:1"),
        ({REF_NAME: "docker.io/library/app:1"}, "docker.io/library/app:1"),
        ({REF_NAME: "app:1"}, "docker.io/library/app:1"),
        ({REF_NAME: "1"}, None),
        ({REF_NAME: "a/b"}, None),
        ({FULL_NAME: "no name at all", REF_NAME: "app:1"}, "docker.io/library/app:1"),
        ({FULL_NAME: 3}, None),
        (None, None),
    ],
)
def test_a_tag_alone_is_no_name(annotations: object, name: str | None) -> None:
    found = annotated(annotations)
    assert (None if found is None else str(found)) == name
