"""URLs that an upstream's answers name, and when two of them are the same place. Dials nothing.

Such a URL is read once, strictly, and then used to the byte: a signed address does not survive being re-quoted.
"""

from __future__ import annotations

import re

from yarl import URL

_LENGTH = 8192
_printable = re.compile(r"[\x21-\x7e]+", re.ASCII).fullmatch
_LABEL = "[a-z0-9_][a-z0-9_-]{0,62}"  # RFC 1035, section 2.3.4; the underscore is none of its, but is met
_NAME = rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?"
_host = re.compile(rf"{_NAME}|(?=.*:)[0-9a-f:.]{{2,45}}", re.ASCII | re.IGNORECASE).fullmatch


def read(text: str, base: URL | None = None) -> URL:
    """The absolute URL written as `text`, against `base` if it is relative; ValueError for what is never dialled.

    The error is a predicate (`names no host`) that does not repeat the text. Refused: schemes but http and https, a
    user or password, hosts that are neither a name nor an address, and what is not printable ASCII.
    """
    if len(text) > _LENGTH or _printable(text) is None:
        raise ValueError("is not printable ASCII of reasonable length")
    try:
        url = URL(text, encoded=True)
        if base is not None and not url.scheme:
            url = base.join(url)
        port = url.port  # which yarl reads only when it is asked for
    except (ValueError, IndexError):  # IndexError: yarl 1.25 on `https://[::1]@/`
        raise ValueError("is not a URL") from None
    if url.scheme not in ("http", "https"):
        raise ValueError("is neither http nor https")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("holds a user or password")
    if url.raw_host is None or _host(url.raw_host) is None or port is None:
        raise ValueError("names no host")
    return url.with_fragment(None)


def same(one: URL, other: URL) -> bool:
    """Whether scheme, host and port are equal (RFC 6454): what is for the one may be shown to the other."""
    return (one.scheme, host(one), one.port) == (other.scheme, host(other), other.port)


def host(url: URL) -> str:
    """The host in lower case, without the dot that a fully qualified name may end with and without brackets."""
    return (url.raw_host or "").lower().rstrip(".")


def place(url: URL) -> str:
    """`host` or `host:port`, as an operator would write it: printable, and without path, query and user."""
    name = f"[{host(url)}]" if ":" in host(url) else host(url)
    return name if url.is_default_port() else f"{name}:{url.port}"


def listed(url: URL, entries: frozenset[str]) -> bool:
    """Whether the URL's host is among `entries`, which are hosts, or hosts with the port that it must have."""
    name = f"[{host(url)}]" if ":" in host(url) else host(url)
    return name in entries or f"{name}:{url.port}" in entries
