"""The name of an image as people write it: `ubuntu`, `ghcr.io/owner/name:tag`, `name@sha256:…`. Knows no registry.

https://github.com/distribution/reference (normalize.go), but for what a name without a registry means: that is for
who asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.reference import names_registry, parse_repository, parse_tag

LATEST = "latest"
_LENGTH = 1024
_SCHEME = "docker://"  # as skopeo and Podman write it


@dataclass(frozen=True, slots=True)
class ImageName:
    """`registry` as it was written, None where none was. A digest counts before a tag beside it."""

    registry: str | None
    repository: str
    reference: str | Digest

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Malformed with NAME_INVALID, TAG_INVALID or DIGEST_INVALID when it is no image's name."""
        if len(text) > _LENGTH:
            raise Malformed("longer than the name of any image", code=Code.NAME_INVALID)
        name, at, digest = text.removeprefix(_SCHEME).partition("@")
        path, slash, last = name.rpartition("/")
        last, colon, tag = last.partition(":")
        registry, repository = _split(f"{path}{slash}{last}")
        tag = parse_tag(tag) if colon else LATEST
        return cls(registry, parse_repository(repository), Digest.parse(digest) if at else tag)

    def within(self) -> ImageName:
        """The same, where the registry is only an address that was asked: what follows it is a name of its own."""
        registry, repository = _split(self.repository)
        return ImageName(registry, repository, self.reference)

    def __str__(self) -> str:
        joint = "@" if isinstance(self.reference, Digest) else ":"
        where = f"{self.registry}/" if self.registry is not None else ""
        return f"{where}{self.repository}{joint}{self.reference}"


def _split(name: str) -> tuple[str | None, str]:
    first, slash, rest = name.partition("/")
    return (first, rest) if slash and names_registry(first) else (None, name)
