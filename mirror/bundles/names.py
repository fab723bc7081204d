"""The full name of an image, under which clients pull it wherever it is carried. Knows no configuration.

What a name leaves out is what Docker puts there: its own registry, and `library/` there.
https://github.com/distribution/reference (normalize.go)
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mirror.config.registries import ALIASES
from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.image_name import ImageName
from mirror.oci.reference import names_registry, parse_repository, parse_tag

HUB = "docker.io"
REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
_UPSTREAM_LENGTH = 255
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Name:
    """A repository of an upstream by the upstream's name here; `tag` is None for what was pulled by digest alone."""

    upstream: str
    repository: str
    tag: str | None

    @classmethod
    def checked(cls, upstream: str, repository: str, tag: str | None) -> Name:
        """Raises Malformed for what no mirror can have written."""
        if not 0 < len(upstream) <= _UPSTREAM_LENGTH or not (upstream.isascii() and upstream.isprintable()):
            raise Malformed("not the name of an upstream", code=Code.NAME_INVALID)
        if set(upstream) & set("/ @"):
            raise Malformed("not the name of an upstream", code=Code.NAME_INVALID)
        return cls(upstream, parse_repository(repository), None if tag is None else parse_tag(tag))

    @classmethod
    def parse(cls, text: str) -> tuple[Name, Digest | None]:
        """The name that people write, and the digest behind its @. Raises Malformed."""
        parsed = ImageName.parse(text)
        registry = (parsed.registry or HUB).lower()
        upstream = ALIASES.get(registry, registry)
        repository = parsed.repository
        if upstream == HUB and "/" not in repository:
            repository = f"library/{repository}"
        if isinstance(parsed.reference, Digest):
            return cls.checked(upstream, repository, None), parsed.reference
        return cls.checked(upstream, repository, parsed.reference), None

    def written(self, digest: str) -> str:
        """The full name, with a tag or else this digest."""
        return f"{self}@{digest}" if self.tag is None else str(self)

    def __str__(self) -> str:
        return f"{self.upstream}/{self.repository}" + (f":{self.tag}" if self.tag is not None else "")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator has asked for: a name, a name with a digest, or a shell pattern over full names."""

    said: str
    name: Name | None
    digest: Digest | None

    @classmethod
    def parse(cls, said: str) -> Wish:
        """Raises Malformed."""
        if set(said) & _PATTERN:
            return cls(said, None, None)
        return cls(said, *Name.parse(said))

    def means(self, name: Name, digest: str) -> bool:
        """Whether the image with this name and digest is meant; under a digest, whatever tag it has."""
        if self.name is None:
            return fnmatchcase(str(name), self.said)
        if self.digest is not None:
            return str(self.digest) == digest and self._is_of(name)
        return self._is_of(name) and self.name.tag == name.tag

    def _is_of(self, name: Name) -> bool:
        return self.name is not None and (self.name.upstream, self.name.repository) == (name.upstream, name.repository)


def annotated(annotations: object) -> Name | None:
    """The name that an entry of somebody's `index.json` bears, None where that is none or says no repository.

    A tag alone stands in `org.opencontainers.image.ref.name` as a rule; containerd adds the whole name, Podman writes
    it there.
    """
    if not isinstance(annotations, dict):
        return None
    for key in (FULL_NAME, REF_NAME):
        text = annotations.get(key)
        if not isinstance(text, str) or (key == REF_NAME and not _is_whole(text)):
            continue
        with contextlib.suppress(Malformed):
            name, _ = Name.parse(text)
            return name
    return None


def _is_whole(text: str) -> bool:
    return names_registry(text.partition("/")[0]) if "/" in text else ":" in text
