"""What an upstream's answers say, taken from headers and documents by parsing, never by copying. Asks nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from mirror.errors import Malformed, Nonsense
from mirror.oci import pagination
from mirror.oci.digest import Digest
from mirror.oci.media_types import bare
from mirror.oci.reference import parse_tag
from mirror.tasks import worked
from mirror.upstream.exchange import Response

# RFC 6838, section 4.2: what a media type's names consist of.
_media_type = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class ManifestBody:
    """A manifest's bytes as they came, and what was said of them: neither is verified here."""

    body: bytes
    content_type: str | None  # without parameters, in lower case
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What was told of a manifest; each is None when it was not said, or in a way that cannot be read.

    `by_get`: it took a GET to hear that, which may count as a pull; `sent` is the manifest where it came with it.
    """

    digest: Digest | None
    media_type: str | None
    size: int | None
    by_get: bool = field(default=False, compare=False)
    sent: ManifestBody | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TagsPage:
    """Tags of one page, in the upstream's order; `more` when it has a next one. What is no tag is left out.

    `whole`: these are all that there are, in lexical order, whichever page was asked for.
    """

    names: tuple[str, ...]
    more: bool
    whole: bool = False


@dataclass(frozen=True, slots=True)
class TagsListed:
    """A list of tags as it came: `names` are those that can be one, `ends_with` is the last that was sent, tag or not.

    `following` is the query of the next page: None when there is none, empty when it cannot be read.
    """

    names: tuple[str, ...]
    ends_with: str | None
    following: Mapping[str, str] | None

    @property
    def goes_on_by_name(self) -> bool:
        """Whether the next page is the one after the last name, as the specification has it."""
        following = self.following
        return following is not None and (
            not following or (following.keys() <= {"n", "last"} and following.get("last") == self.ends_with)
        )


def manifest_head(response: Response) -> ManifestHead:
    return ManifestHead(_digest(response), _content_type(response), response.length)


async def manifest_body(response: Response, limit: int, reference: str) -> ManifestBody:
    """Reads and closes the answer. Raises Interrupted; Nonsense beyond `limit` bytes and for what is no JSON object.

    That it is one is all that is looked at here: enough to tell a page for people, which another endpoint may not send.
    Only where its end was not told, it has to have the digest that it was asked for by, or else that it came with.
    """
    body = await response.whole(limit, _parsed(reference) or _digest(response))
    if not body.lstrip(b" \t\r\n").startswith(b"{"):
        raise Nonsense(f"{response.source} sent something that is no manifest")
    return ManifestBody(body, _content_type(response), _digest(response))


def head_of(manifest: ManifestBody) -> ManifestHead:
    """What a HEAD would have told of a manifest that was sent."""
    digest = manifest.digest or Digest.of(manifest.body)
    return ManifestHead(digest, manifest.content_type, len(manifest.body), True, manifest)


def unchanged(response: Response, known: Digest) -> ManifestHead:
    """What a 304 tells to somebody who asked whether the manifest is still `known` (RFC 9110, section 15.4.5)."""
    return ManifestHead(_digest(response) or known, None, None, True)


async def tags_listed(name: str, response: Response, limit: int) -> TagsListed:
    """Reads and closes the answer. Raises Nonsense beyond `limit` bytes and for what is no list of tags."""
    body = await response.whole(limit)
    sent, names = await worked(len(body), _tags, name, body)
    try:
        following = pagination.next_query(response.values("Link"))
    except Malformed:
        following = {}
    return TagsListed(names, sent[-1] if sent else None, following)


def _tags(name: str, body: bytes) -> tuple[list[str], tuple[str, ...]]:
    """The names in a list of tags, and those of them that can be one."""
    sent = _names(name, body)
    return sent, tuple(tag for tag in sent if _is_tag(tag))


def _names(name: str, body: bytes) -> list[str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    names = document.get("tags", ()) if isinstance(document, dict) else None
    if names is None and isinstance(document, dict):
        return []  # distribution writes null for a repository without tags
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise Nonsense(f"{name}: a list of tags was asked for, and something else was sent")
    return [tag for tag in names if isinstance(tag, str)]


def _is_tag(text: str) -> bool:
    try:
        parse_tag(text)
    except Malformed:
        return False
    return True


def _digest(response: Response) -> Digest | None:
    return _parsed(response.value("Docker-Content-Digest") or "")


def _parsed(text: str) -> Digest | None:
    try:
        return Digest.parse(text)
    except Malformed:
        return None


def _content_type(response: Response) -> str | None:
    name = bare(response.value("Content-Type") or "")
    return name if _media_type(name) else None
