"""The names of repositories, tags and registries. Knows their grammar, not which registries are configured.

Grammar: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

from __future__ import annotations

import re

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest

# The specification leaves the length open and warns of clients that stop at 255, the host included; every registry
# known to us refuses longer ones.
REPOSITORY_LENGTH = 255

COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
REPOSITORY = rf"{COMPONENT}(?:/{COMPONENT})*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"

_repository = re.compile(REPOSITORY, re.ASCII).fullmatch
_tag = re.compile(TAG, re.ASCII).fullmatch


def parse_repository(text: str) -> str:
    """`text`, when it is a repository's name of at most 255 characters; else Malformed (NAME_INVALID)."""
    if len(text) > REPOSITORY_LENGTH or _repository(text) is None:
        raise Malformed(f"not a repository name of the distribution specification{_hint(text)}", code=Code.NAME_INVALID)
    return text


def parse_tag(text: str) -> str:
    """`text`, when it is a tag of at most 128 characters; else Malformed (TAG_INVALID)."""
    if _tag(text) is None:
        raise Malformed("not a tag of the distribution specification", code=Code.TAG_INVALID)
    return text


def parse_reference(text: str) -> str | Digest:
    """A digest when there is a colon, which no tag has; else a tag. Malformed (DIGEST_INVALID or TAG_INVALID)."""
    return Digest.parse(text) if ":" in text else parse_tag(text)


def names_registry(component: str) -> bool:
    """Docker's rule for the first component of a name: a registry has a dot or a colon in it, or is localhost.

    Says nothing about whether it is a *valid* host, nor whether it is one that this mirror serves.
    """
    return "." in component or ":" in component or component == "localhost"


def _hint(text: str) -> str:
    lower = text.lower() if text.isascii() else text
    is_one = len(text) <= REPOSITORY_LENGTH and lower != text and _repository(lower) is not None
    return " (names are in lower case)" if is_one else ""
