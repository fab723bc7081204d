"""Asks a running mirror over HTTP whether it is ready. Imports little, because it runs every few seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the admin listener. `largest`: bytes of an answer that are read."""

    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    largest: int = 0


def admin_url(listen: Sequence[ListenAddress]) -> str:
    """The URL of the first of these addresses. ValueError when the kernel chooses the port."""
    address = listen[0]
    if address.port == 0:
        raise ValueError("admin.listen has port 0, so the port is unknown: give --url")
    return f"http://{ListenAddress(_ANY.get(address.host, address.host), address.port)}"


def readiness_url(listen: Sequence[ListenAddress]) -> str:
    """The URL on the first of these addresses. ValueError when the kernel chooses the port."""
    return admin_url(listen) + PATH


def ask(url: str, timeout: float = TIMEOUT) -> Answer:
    """What is answered at this URL. ValueError when it is not one of plain http, OSError when nobody answers."""
    status, _ = converse(url, Question(), timeout)
    return Answer(status == 200, f"answered {status}")


def converse(url: str, question: Question, timeout: float = TIMEOUT) -> tuple[int, bytes]:
    """Status and body of the answer. ValueError when the URL is none of plain http, OSError when nobody answers."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ValueError("not a URL that begins with http:// and a host")
    target = (parts.path or PATH) + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        connection.request(question.method, target, question.body, {**question.headers, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(question.largest)
    except HTTPException as error:
        raise OSError(f"not an answer in HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
