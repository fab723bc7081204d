"""Asks a running mirror over HTTP whether it is ready. Imports little, because it runs every few seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from mirror.config.addresses import ListenAddress

TIMEOUT = 3.0  # seconds for each step of the conversation
PATH = "/readyz"

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound


@dataclass(frozen=True, slots=True)
class Answer:
    ready: bool
    words: str


def readiness_url(listen: Sequence[ListenAddress]) -> str:
    """The URL on the first of these addresses. ValueError when the kernel chooses the port."""
    address = listen[0]
    if address.port == 0:
        raise ValueError("admin.listen has port 0, so the port is unknown: give --url")
    return f"http://{ListenAddress(_ANY.get(address.host, address.host), address.port)}{PATH}"


def ask(url: str, timeout: float = TIMEOUT) -> Answer:
    """What is answered at this URL. ValueError when it is not one of plain http, OSError when nobody answers."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ValueError("not a URL that begins with http:// and a host")
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path or PATH, headers={"Connection": "close"})
        status = connection.getresponse().status
    except HTTPException as error:
        raise OSError(f"not an answer in HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    return Answer(status == 200, f"answered {status}")
