"""Pulls ordered of a running mirror, and what it says of them as they go on. Knows how to ask, not what is shown.

Order and progress go over one connection, so that of several workers the one answers that has the pull.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from mirror.commands.admin_client import document_of, reason_in
from mirror.commands.invocation import words
from mirror.config.addresses import is_loopback
from mirror.errors import Code, Refused

PATH = "/api/v1/pulls"
REHEARSAL = "/api/v1/rehearsal"
_TIMEOUT = 30.0  # seconds without a word; the mirror says something every five
_LARGEST = 16 * 1024**2  # bytes of an answer that is a document
_LINE = 64 * 1024  # bytes of a line

Document = Mapping[str, Any]


class NoAnswer(OSError):
    """Nobody answers, or not as a mirror does."""


class Ordering:
    """At `url`, the admin listener's without a path, by http or https. Closed by `close`.

    Every call raises NoAnswer when nobody answers, or not as a mirror does; Refused with its reason when it says no.
    """

    def __init__(self, url: str, timeout: float = _TIMEOUT) -> None:
        """ValueError when the URL is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("not a URL that begins with http:// or https:// and a host")
        self._url = url.rstrip("/")
        self._host, self._scheme = parts.hostname, parts.scheme
        self._base = parts.path.rstrip("/")
        # The listener refuses most names, because of browsers; by https somebody stands before it who knows his own.
        self._headers = {"Content-Type": "application/json"}
        if parts.scheme == "http":
            self._headers["Host"] = "localhost"
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: HTTPConnection = HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout, context=context
            )
        else:
            self._connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: over TLS, or within this machine."""
        return self._scheme == "https" or self._host == "localhost" or is_loopback(self._host)

    def order(self, document: Document) -> dict[str, Any]:
        """The pull that has been begun or joined. Refused has the code NAME_UNKNOWN where no upstream is meant."""
        return self._asked("POST", PATH, document, Code.NAME_UNKNOWN)

    def kept(self) -> dict[str, Any]:
        """The images that the mirror keeps ready."""
        return self._asked("GET", "/api/v1/images/kept")

    def events(self, name: str) -> Iterator[dict[str, Any]]:
        """What the pull does, until it ends."""
        return self._lines(self._sent("GET", f"{PATH}/{name}/events"))

    def rehearsed(self, terms: Document) -> Iterator[dict[str, Any]]:
        """What would become of each image, and then of all of them."""
        return self._lines(self._sent("POST", REHEARSAL, terms))

    def cancel(self, name: str) -> None:
        """Break the pull off, whatever was being told of it."""
        self._connection.close()
        self._asked("DELETE", f"{PATH}/{name}")

    def close(self) -> None:
        self._connection.close()

    def _lines(self, response: HTTPResponse) -> Iterator[dict[str, Any]]:
        if response.status != 200:
            raise _refusal(response.status, self._document(response))
        try:
            while line := _line_of(response):
                if line.strip():
                    yield _object(line, self._url)
        finally:
            response.close()

    def _asked(
        self, method: str, path: str, document: Document | None = None, absent: Code = Code.NOT_FOUND
    ) -> dict[str, Any]:
        response = self._sent(method, path, document)
        found = self._document(response)
        if response.status not in (200, 202):
            raise _refusal(response.status, found, absent)
        return found

    def _sent(self, method: str, path: str, document: Document | None = None) -> HTTPResponse:
        body = None if document is None else json.dumps(dict(document)).encode()
        try:
            self._connection.request(method, self._base + path, body, self._headers)
            return self._connection.getresponse()
        except HTTPException as error:
            self._connection.close()
            raise NoAnswer(f"{self._url} gave no answer in HTTP ({type(error).__name__})") from None
        except OSError as error:
            raise NoAnswer(words(error)) from error

    def _document(self, response: HTTPResponse) -> dict[str, Any]:
        try:
            body = response.read(_LARGEST)
        except (HTTPException, OSError) as error:
            raise NoAnswer(f"{self._url} gave no answer in HTTP ({type(error).__name__})") from None
        finally:
            response.close()
        return _object(body, self._url)


def _line_of(response: HTTPResponse) -> bytes:
    try:
        return response.readline(_LINE)
    except (HTTPException, OSError) as error:
        raise NoAnswer(f"the mirror's answer broke off ({type(error).__name__})") from None


def _object(body: bytes, url: str) -> dict[str, Any]:
    document = document_of(body)
    if document is None:
        raise NoAnswer(f"{url} does not answer as a mirror's admin listener does")
    if "errors" in document:
        raise NoAnswer("a registry answers there: it is the admin listener that is asked, see admin.listen")
    return document


def _refusal(status: int, document: Document, absent: Code = Code.NOT_FOUND) -> Refused:
    """`absent`: what is not there, where that is what is answered."""
    code = {absent.status: absent, Code.DENIED.status: Code.DENIED}.get(status, Code.INTERNAL)
    return Refused(reason_in(document, status), code=code)
