"""A bundle sent to the mirror that runs, as it is made. Knows HTTP, not bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from mirror.commands.admin_client import document_of, reason_in
from mirror.errors import Refused

PATH = "/api/v1/import"
_TIMEOUT = 600.0  # seconds for each step: at the end, all that has come may be synced
_LARGEST = 64 * 1024**2  # bytes of an answer
_HEADERS = {
    "Host": "localhost",  # the listener refuses other names, because of browsers
    "Content-Type": "application/octet-stream",
    "Transfer-Encoding": "chunked",
    "Connection": "close",
}


def upload(url: str, pieces: Iterator[bytes]) -> dict[str, Any]:
    """What the mirror at the admin listener's `url` answers to a bundle.

    Raises ValueError when the URL is none of plain http, Refused when it answers no, OSError when nobody answers, and
    what `pieces` raises: the mirror then has a bundle that breaks off.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ValueError("not a URL that begins with http:// and a host")
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT)
    try:
        # One that is refused while it is sent is no more read to its end, but the answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", PATH, pieces, _HEADERS, encode_chunked=True)
        answer = connection.getresponse()
        status, document = answer.status, document_of(answer.read(_LARGEST))
    except HTTPException as error:
        raise OSError(f"not an answer in HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    if document is not None and status == 200:
        return document
    if document is None or not isinstance(document.get("error"), str):
        raise OSError(f"{url} answered {status}, and not as a mirror's admin listener does")
    raise Refused(reason_in(document, status))
