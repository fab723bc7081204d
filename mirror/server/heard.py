"""A request as the parser understood it, before anything is made of it: all that a small answer needs to know."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDictProxy

_READ = frozenset({"GET", "HEAD"})


class Asked(Protocol):
    """What a request says, as aiohttp calls it."""

    @property
    def method(self) -> str: ...

    @property
    def raw_path(self) -> str: ...

    @property
    def version(self) -> HttpVersion: ...

    @property
    def headers(self) -> CIMultiDictProxy[str]: ...


class Heard(NamedTuple):
    """A request that nothing has been made of yet. `keep_alive`: whether its connection goes on after the answer."""

    method: str
    raw_path: str
    version: HttpVersion
    headers: CIMultiDictProxy[str]
    keep_alive: bool

    @classmethod
    def of(cls, message: RawRequestMessage) -> Heard:
        """What the parser made of it."""
        return cls(message.method, message.path, message.version, message.headers, not message.should_close)


def is_sound(asked: Asked) -> bool:
    """A GET or HEAD that announces no body, with one host, which only an old one may lack (RFC 9112 section 3.2)."""
    # One that names no coding has no body to this parser, and is an error to others.
    if asked.method not in _READ or "Transfer-Encoding" in asked.headers:
        return False
    # That the payload is empty does not tell: to this parser it is so, too, before the longest body that there can be.
    if asked.headers.get("Content-Length", "0") != "0":
        return False
    hosts = len(asked.headers.getall("Host", ()))
    return (asked.version == HttpVersion11 and hosts == 1) or (asked.version == HttpVersion10 and hosts <= 1)
