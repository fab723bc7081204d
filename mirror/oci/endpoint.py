"""What a request's path and query ask for. Knows the registry API's shapes, not which registries are configured.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints, read from the *raw* target: nothing
is decoded before it is understood, so that no other spelling of a path (`%2F`, `..`, `//`) ever means anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.reference import names_registry, parse_repository, parse_tag

TARGET_LENGTH = 8192
QUERY_PAIRS = 64
VALUE_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Ping:
    """`/v2/`"""


@dataclass(frozen=True, slots=True)
class CatalogEndpoint:
    """`/v2/_catalog`"""


@dataclass(frozen=True, slots=True)
class SearchPing:
    """`/v1/_ping`, by which Docker finds out whether a host can be searched"""


@dataclass(frozen=True, slots=True)
class SearchEndpoint:
    """`/v1/search`, of the API before this one, which Docker and Podman still search by"""


@dataclass(frozen=True, slots=True)
class RepositoryEndpoint:
    """What is below a repository. `host` is the first component of its name in the path, if Docker's rule says so."""

    repository: str
    host: str | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """The whole name as it stood in the path. With a host it need not be a repository's name by its grammar."""
        return self.repository if self.host is None else f"{self.host}/{self.repository}"


@dataclass(frozen=True, slots=True)
class ManifestEndpoint(RepositoryEndpoint):
    """`/v2/<name>/manifests/<reference>`"""

    reference: str | Digest


@dataclass(frozen=True, slots=True)
class BlobEndpoint(RepositoryEndpoint):
    """`/v2/<name>/blobs/<digest>`"""

    digest: Digest


@dataclass(frozen=True, slots=True)
class TagsEndpoint(RepositoryEndpoint):
    """`/v2/<name>/tags/list`"""


@dataclass(frozen=True, slots=True)
class ReferrersEndpoint(RepositoryEndpoint):
    """`/v2/<name>/referrers/<digest>`"""

    digest: Digest


Nameless: TypeAlias = Ping | CatalogEndpoint | SearchPing | SearchEndpoint
Endpoint: TypeAlias = Nameless | ManifestEndpoint | BlobEndpoint | TagsEndpoint | ReferrersEndpoint


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters that mean something here; None where one is missing or empty."""

    ns: str | None = None
    n: int | None = None
    last: str | None = None
    artifact_type: str | None = None
    term: str | None = None  # `q`
    page: int | None = None


_WITHOUT_NAME: dict[str, Nameless] = {
    "/v2": Ping(),
    "/v2/": Ping(),
    "/v2/_catalog": CatalogEndpoint(),
    "/v1/_ping": SearchPing(),
    "/v1/search": SearchEndpoint(),
}
_NO_QUERY = Query()
_KEYS = frozenset({"ns", "n", "last", "artifactType", "q", "page"})

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_host = re.compile(
    rf"(?P<domain>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]{{2,39}}\])(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.ASCII
).fullmatch
# Whatever makes a target hostile rather than mistaken: encodings, dot segments, empty ones, what is not visible ASCII.
_hostile = re.compile(r"[^\x21-\x7e]|[%?#\\]|//|/\.\.?(?:/|\Z)", re.ASCII).search
_percent = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII).search
_number = re.compile(r"[0-9]{1,256}", re.ASCII).fullmatch


def parse(raw_target: str) -> Endpoint:
    """The endpoint that a raw request target (without its query) names.

    Malformed with NAME_INVALID, DIGEST_INVALID, MANIFEST_UNKNOWN (a reference that no manifest can have), NOT_FOUND
    (another shape), or BAD_REQUEST (encodings other than `%3A` in a digest, dot segments, `//`, controls, length).
    """
    found = _WITHOUT_NAME.get(raw_target)
    if found is not None:
        return found
    try:
        return _below_repository(raw_target)
    except Malformed:
        if len(raw_target) > TARGET_LENGTH or _hostile(raw_target):
            raise Malformed("a path that no client of a registry has reason to send") from None
        raise


def parse_query(raw_query: str) -> Query:
    """The parameters in a raw query (without `?`); others are ignored.

    Malformed (BAD_REQUEST) when one stands there twice, is not visible ASCII or too long, or its encoding is broken;
    PAGINATION_NUMBER_INVALID when `n` or `page` is not a number.
    """
    if not raw_query:
        return _NO_QUERY
    pairs = raw_query.split("&", QUERY_PAIRS)
    if len(raw_query) > TARGET_LENGTH or len(pairs) > QUERY_PAIRS:
        raise Malformed("a query longer than any that this registry knows")
    values: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key in _KEYS:
            if key in values:
                raise Malformed("a query with a parameter given twice")
            # A plus is none in a form, as which Docker and Podman send what is searched for.
            values[key] = _decoded(value.replace("+", "%20") if key == "q" else value)
    return Query(
        ns=values.get("ns") or None,
        n=_count(values["n"]) if "n" in values else None,
        last=values.get("last") or None,
        artifact_type=values.get("artifactType") or None,
        term=values.get("q") or None,
        page=_count(values["page"]) if "page" in values else None,
    )


def _below_repository(target: str) -> Endpoint:
    # From the right, for a repository may have components named like these: `a/manifests/b`.
    head, _, last = target.rpartition("/")
    path, _, kind = head.rpartition("/")
    if path.startswith("/v2/"):
        name = path[4:]
        if kind == "manifests":
            host, repository = _split(name)
            return ManifestEndpoint(repository, _reference(last), host=host)
        if kind == "blobs":
            host, repository = _split(name)
            return BlobEndpoint(repository, _digest(last), host=host)
        if kind == "tags" and last == "list":
            host, repository = _split(name)
            return TagsEndpoint(repository, host=host)
        if kind == "referrers":
            host, repository = _split(name)
            return ReferrersEndpoint(repository, _digest(last), host=host)
    raise Malformed("a path that is not the registry API's", code=Code.NOT_FOUND)


def _split(name: str) -> tuple[str | None, str]:
    """Host, if the first of several components names a registry, and repository."""
    first, slash, rest = name.partition("/")
    if not slash or not names_registry(first):
        return None, parse_repository(name)
    found = _host(first)
    if found is None or len(found["domain"]) > 253 or int(found["port"] or 0) > 65535:
        raise Malformed("a registry's name that is not a host", code=Code.NAME_INVALID)
    return first, parse_repository(rest)


def _reference(text: str) -> str | Digest:
    if ":" in text or "%" in text:
        return _digest(text)
    try:
        return parse_tag(text)
    except Malformed as reason:
        # The conformance suite asks for `.INVALID_MANIFEST_NAME` and wants 404: no manifest can have such a name.
        raise Malformed("no manifest has such a reference", code=Code.MANIFEST_UNKNOWN) from reason


def _digest(text: str) -> Digest:
    # The colon is the one character in a path of the API that a client may have encoded.
    return Digest.parse(text.replace("%3A", ":", 1).replace("%3a", ":", 1) if "%" in text else text)


def _decoded(value: str) -> str:
    """Without percent-encoding. A plus stays one: it is no space in a URI, and media types are full of them."""
    if len(value) > VALUE_LENGTH or _percent(value) or not value.isascii():
        raise Malformed("a query whose encoding is broken")
    try:
        decoded = unquote_to_bytes(value).decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("a query with something else than ASCII") from None
    if not decoded.isprintable():
        raise Malformed("a query with something else than visible ASCII")
    return decoded


def _count(value: str) -> int:
    """At most 19 digits' worth: nobody has so many tags, and the caller clamps further."""
    if _number(value) is None:
        raise Malformed("n or page is not a number", code=Code.PAGINATION_NUMBER_INVALID)
    return min(int(value), 10**19)
