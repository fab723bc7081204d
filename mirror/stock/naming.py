"""What somebody means by the name of an image, a repository, an upstream or a digest. Pure: asks nobody.

Names are completed as Docker does it (https://github.com/distribution/reference, normalize.go), but for a name without
tag or digest, which means `latest` where an image is wanted, and the whole repository where that can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from mirror.errors import Code, Malformed
from mirror.oci.digest import ALGORITHMS, Digest
from mirror.oci.image_name import ImageName
from mirror.oci.reference import names_registry

_HUB, _OFFICIAL = "docker.io", "library"  # the registry that has a room for names of one component
_LONGEST = 1024  # characters
_SCHEME = "docker://"

_some_digest = re.compile(r"(?:sha256:[0-9a-f]{12,64}|sha512:[0-9a-f]{12,128})", re.ASCII).fullmatch
_some_pattern = re.compile(r"[a-zA-Z0-9._/:@\[\]!*?-]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Named:
    """What was named: an image (by `tag` or `digest`), a whole repository, a whole upstream, or a digest anywhere.

    `digest` may be the beginning of one where there is no repository: as lists show it.
    """

    upstream: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        if self.upstream is None:
            return self.digest or ""
        name = self.upstream if self.repository is None else f"{self.upstream}/{self.repository}"
        if self.digest is not None:
            return f"{name}@{self.digest}"
        return name if self.tag is None else f"{name}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Naming:
    """`default`: the upstream of names without a registry. `aliases`: every name of an upstream → the one it has here.

    `own`: whether a host, with a port or none, is one that this mirror is asked at.
    """

    default: str
    aliases: Mapping[str, str]
    own: Callable[[str], bool] = lambda _: False

    def image(self, text: str) -> Named:
        """The image that a client would pull by this name, or a digest alone. Raises Malformed."""
        named = self._digest(text) or self._parsed(text)
        return named if named.tag or named.digest else Named(named.upstream, named.repository, "latest")

    def anything(self, text: str, upstreams: Collection[str] = ()) -> Named:
        """An image, a repository, an upstream or a digest. `upstreams`: those of which there is something.

        Raises Malformed.
        """
        name = self.aliases.get(text.lower(), text.lower())
        if name in self.aliases.values() or name in upstreams:
            return Named(name)
        return self._digest(text) or self._parsed(text)

    def pattern(self, text: str) -> str:
        """A shell pattern over whole names, the registry's included. Raises Malformed."""
        _see_that_no_digest_is_meant(text)
        if len(text) > _LONGEST or _some_pattern(text) is None:
            raise Malformed("not a pattern of images' names", code=Code.NAME_INVALID)
        first, slash, rest = text.partition("/")
        if is_pattern(first) and (slash or first == "*"):
            return text
        if slash and names_registry(first):
            return f"{self.aliases.get(first.lower(), first.lower())}/{rest}"
        return f"{self.default}/{text if slash or self.default != _HUB else f'{_OFFICIAL}/{text}'}"

    def familiar(self, upstream: str, repository: str) -> str:
        """The shortest name that a repository can be pulled by here."""
        if upstream != self.default:
            return f"{upstream}/{repository}"
        first, _, rest = repository.partition("/")
        return rest if upstream == _HUB and first == _OFFICIAL and rest and "/" not in rest else repository

    def _digest(self, text: str) -> Named | None:
        return Named(digest=text) if _some_digest(text) is not None else None

    def _parsed(self, text: str) -> Named:
        _see_that_no_digest_is_meant(text)
        image = ImageName.parse(text)
        if (
            image.registry is not None
            and image.registry.lower() not in self.aliases
            and self.own(image.registry.lower())
        ):
            image = image.within()  # that was the address of this mirror, as clients write it before a name
        upstream = self.default if image.registry is None else image.registry.lower()
        upstream, repository = self.aliases.get(upstream, upstream), image.repository
        if upstream == _HUB and "/" not in repository:
            repository = f"{_OFFICIAL}/{repository}"
        if isinstance(image.reference, Digest):
            return Named(upstream, repository, digest=str(image.reference))
        return Named(upstream, repository, image.reference if _says_a_tag(text) else None)


def is_pattern(text: str) -> bool:
    """Whether this stands for many names."""
    return any(letter in text for letter in "*?[")


def _see_that_no_digest_is_meant(text: str) -> None:
    """Raises Malformed (DIGEST_INVALID) for what would be a tag of a repository that is called as algorithms are."""
    algorithm, colon, _ = text.partition(":")
    if colon and algorithm in ALGORITHMS:
        words = f"not a digest, nor the beginning of one: at least 12 of its digits (0-9, a-f) follow {algorithm}:"
        raise Malformed(words, code=Code.DIGEST_INVALID)


def _says_a_tag(text: str) -> bool:
    return ":" in text.removeprefix(_SCHEME).rpartition("/")[2]
