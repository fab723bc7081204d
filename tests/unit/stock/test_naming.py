"""What names of images, repositories, upstreams and digests are taken to mean."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.stock.naming import Named, Naming, is_pattern

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ALIASES = {"docker.io": "docker.io", "index.docker.io": "docker.io", "ghcr.io": "ghcr.io", "registry.lan:5000": "lan"}
NAMING = Naming("docker.io", {**ALIASES, "lan": "lan"}, lambda host: host == "localhost:5000")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        ("ubuntu:14.04", "docker.io/library/ubuntu:14.04"),
        ("docker://team/app:v1", "docker.io/team/app:v1"),
        ("index.docker.io/team/app", "docker.io/team/app:latest"),
        ("INDEX.docker.io/team/app", "docker.io/team/app:latest"),
        ("registry.lan:5000/app:v1", "lan/app:v1"),
        ("localhost.localdomain:5000/docker/ubuntu:14.04", "localhost.localdomain:5000/docker/ubuntu:14.04"),
        ("localhost:5000/ubuntu", "docker.io/library/ubuntu:latest"),
        ("localhost:5000/ghcr.io/owner/name:v1", "ghcr.io/owner/name:v1"),
        (f"ubuntu@{DIGEST}", f"docker.io/library/ubuntu@{DIGEST}"),
        (f"ubuntu:14.04@{DIGEST}", f"docker.io/library/ubuntu@{DIGEST}"),
        (DIGEST, DIGEST),
        (DIGEST[:19], DIGEST[:19]),
    ],
)
def test_an_image_is_named_as_docker_takes_it(text: str, name: str) -> None:
    assert str(NAMING.image(text)) == name


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ubuntu", Named("docker.io", "library/ubuntu")),
        ("ubuntu:14.04", Named("docker.io", "library/ubuntu", "14.04")),
        ("ghcr.io", Named("ghcr.io")),
        ("Index.Docker.IO", Named("docker.io")),
        ("lan", Named("lan")),
        ("registry.lan:5000", Named("lan")),
        ("gone.example", Named("gone.example")),
        ("other.example", Named("docker.io", "library/other.example")),
        ("ghcr.io/owner/name", Named("ghcr.io", "owner/name")),
        (f"ghcr.io/owner/name@{DIGEST}", Named("ghcr.io", "owner/name", digest=DIGEST)),
        (DIGEST, Named(digest=DIGEST)),
    ],
)
def test_without_a_tag_a_repository_is_meant_where_it_can_be(text: str, named: Named) -> None:
    assert NAMING.anything(text, {"gone.example"}) == named


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "a//b", ":", "@", "a@sha256:12", "a" * 2000])
def test_what_is_no_name_is_refused(text: str) -> None:
    for parse in (NAMING.image, NAMING.anything):
        with pytest.raises(Malformed):
            parse(text)


@pytest.mark.parametrize(
    "text", ["sha256:69", DIGEST[:18], f"{DIGEST}0", f"sha256:{DIGEST[7:].upper()}", "sha512:latest"]
)
def test_what_is_too_little_of_a_digest_is_no_tag_of_a_repository_called_so(text: str) -> None:
    for parse in (NAMING.image, NAMING.anything, NAMING.pattern):
        with pytest.raises(Malformed, match="at least 12 of its digits") as refused:
            parse(text)
        assert refused.value.code is Code.DIGEST_INVALID
    assert str(NAMING.image("library/sha256:69")) == "docker.io/library/sha256:69"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*", "*"),
        ("ubuntu:*", "docker.io/library/ubuntu:*"),
        ("team/*", "docker.io/team/*"),
        ("ghcr.io/owner/*:v?", "ghcr.io/owner/*:v?"),
        ("index.docker.io/library/*", "docker.io/library/*"),
        ("*/nginx:*", "*/nginx:*"),
        ("nginx*", "docker.io/library/nginx*"),
        ("*.pkg.dev/*", "*.pkg.dev/*"),
    ],
)
def test_a_pattern_is_over_whole_names(text: str, pattern: str) -> None:
    assert is_pattern(text)
    assert NAMING.pattern(text) == pattern


@pytest.mark.parametrize("text", ["", "a b*", "*\n", "*" * 2000, "ä*"])
def test_a_pattern_that_no_name_has_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        NAMING.pattern(text)


def test_another_registrys_default_has_no_room_for_short_names() -> None:
    naming = Naming("ghcr.io", {"ghcr.io": "ghcr.io"})
    assert str(naming.image("app")) == "ghcr.io/app:latest"
    assert naming.pattern("app*") == "ghcr.io/app*"


@pytest.mark.parametrize(
    ("upstream", "repository", "name"),
    [
        ("docker.io", "library/ubuntu", "ubuntu"),
        ("docker.io", "team/app", "team/app"),
        ("docker.io", "library/a/b", "library/a/b"),
        ("ghcr.io", "library/ubuntu", "ghcr.io/library/ubuntu"),
    ],
)
def test_a_name_is_shortened_as_far_as_it_can_be_pulled(upstream: str, repository: str, name: str) -> None:
    assert NAMING.familiar(upstream, repository) == name
