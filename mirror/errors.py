"""Everything that can go wrong, as one tree, and the one table that says how a client hears of it.

    MirrorError
    ├── ConfigurationError      what the operator wrote cannot be used (every problem at once)
    ├── Malformed               a string is not what its grammar says (raised by `oci` alone)
    ├── Refused                 we answer no, by our own rule
    ├── UpstreamError           the registry behind us
    │   ├── Absent              it said 404
    │   ├── Denied              it said 401 or 403, or our credential was refused
    │   ├── Throttled           it said 429
    │   ├── Unreachable         it did not answer: DNS, TCP, TLS, time-out, 5xx
    │   │   └── Frozen          it was not asked: the operator has stopped all contact
    │   ├── Interrupted         its body broke off
    │   └── Nonsense            it answered what the specification forbids
    └── StoreError              our disk
        ├── DigestMismatch      the bytes are not those that the digest names
        │   └── LeftoverMismatch  nor may those be that an earlier fetch had left
        ├── SizeMismatch        there are more or fewer bytes than announced
        ├── StoreBusy           another process holds the directory or the ingest
        └── StoreFailed         a system call failed (full, read-only, EIO, …)

The messages are written for the person who runs the client or the mirror; none of them repeats what a client
or an upstream sent, and none holds a secret.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """The error codes of the distribution specification, and our three, each with its HTTP status and text.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """

    BLOB_UNKNOWN = (404, "blob unknown to registry")
    DIGEST_INVALID = (400, "provided digest is not one that this registry can serve")
    MANIFEST_UNKNOWN = (404, "manifest unknown to registry")
    NAME_INVALID = (400, "invalid repository name")
    NAME_UNKNOWN = (404, "repository name not known to registry")
    TAG_INVALID = (400, "invalid tag")
    UNAUTHORIZED = (401, "authentication required")
    DENIED = (403, "requested access to the resource is denied")
    UNSUPPORTED = (405, "the operation is unsupported: this mirror is read-only")
    PAGINATION_NUMBER_INVALID = (400, "invalid number of results requested")
    RANGE_INVALID = (416, "requested range not satisfiable")
    TOOMANYREQUESTS = (503, "the upstream registry limits our requests")
    BAD_REQUEST = (400, "malformed request")
    NOT_FOUND = (404, "no such endpoint")
    BAD_UPSTREAM = (502, "the upstream registry gave an answer that cannot be used")
    UNAVAILABLE = (503, "the upstream registry cannot be reached and this is not cached")
    TIMEOUT = (504, "the upstream registry did not answer in time and this is not cached")
    BUSY = (503, "the mirror has too much to do")
    STORAGE = (503, "the mirror's storage failed")
    INTERNAL = (500, "internal error")

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message


class MirrorError(Exception):
    """The root. `code` says how a client hears of it; `retry_after` (seconds) goes into `Retry-After`."""

    code: Code = Code.INTERNAL
    retry_after: int | None = None

    def __init__(self, message: str = "", *, code: Code | None = None, retry_after: int | None = None) -> None:
        if code is not None:
            self.code = code
        if retry_after is not None:
            self.retry_after = retry_after
        super().__init__(message or self.code.message)


class ConfigurationError(MirrorError):
    """`problems`: one line each, with its place and, where there is one, the nearest right key."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class Malformed(MirrorError):
    """A string that does not follow its grammar; the message names the grammar, never the string."""

    code = Code.BAD_REQUEST


class Refused(MirrorError):
    """A request that we answer with no, whatever the upstream may think."""

    code = Code.DENIED


class UpstreamError(MirrorError):
    """The registry behind us did not give what was asked for. `status` is what it answered to this, if it did."""

    code = Code.BAD_UPSTREAM
    status: int | None = None


class Absent(UpstreamError):
    """The upstream said 404: this repository, tag or digest is not there."""

    code = Code.MANIFEST_UNKNOWN


class Denied(UpstreamError):
    """The upstream refused our credential, or wants one that we do not have."""

    code = Code.DENIED


class Throttled(UpstreamError):
    """The upstream said 429; clients hear 503, because some of them sleep half a minute on a 429."""

    code = Code.TOOMANYREQUESTS


class Unreachable(UpstreamError):
    """The upstream did not answer, or answered 5xx."""

    code = Code.UNAVAILABLE


class Frozen(Unreachable):
    """The operator has stopped all contact with upstreams; nothing was sent."""


class Interrupted(UpstreamError):
    """A body broke off before its end; it can be gone on with at the offset reached.

    `silent`: nothing more came of it until a time-out ended the wait.
    """

    silent: bool = False


class Nonsense(UpstreamError):
    """The upstream's answer breaks the specification or one of our rules (a redirect, a realm, a length)."""


class StoreError(MirrorError):
    """Our own disk did not do what was asked."""

    code = Code.STORAGE


class DigestMismatch(StoreError):
    """The bytes do not hash to the digest that was asked for."""

    code = Code.BAD_UPSTREAM


class LeftoverMismatch(DigestMismatch):
    """They do not, and an earlier fetch had left the first of them. Now all are gone, and another fetch begins anew."""


class SizeMismatch(StoreError):
    """There are more or fewer bytes than were announced."""

    code = Code.BAD_UPSTREAM


class StoreBusy(StoreError):
    """Another process holds the cache directory, or this ingest."""


class StoreFailed(StoreError):
    """A system call on the cache directory failed."""
