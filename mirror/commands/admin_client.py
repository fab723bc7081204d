"""The operator's API of a running mirror, as the commands ask it. Knows how to ask, not what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from mirror.errors import Refused
from mirror.healthcheck import Question, converse

TIMEOUT = 10.0  # seconds for each step of the conversation
_LARGEST = 16 * 1024**2  # bytes of an answer
_HEADERS = {"Host": "localhost"}
_WORDS = 500  # characters of what it says went wrong


class AdminClient:
    """Asks at `url`, the admin listener's without a path (`healthcheck.admin_url` makes it of the configuration).

    Whatever name the URL has, it asks for `localhost`: the listener refuses the other names, because of browsers.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The document at `path`.

        Raises OSError when nobody answers, or not as a mirror does; ValueError when the URL is none; Refused when it
        answers no, with its reason.
        """
        return self._ask(_target(path, query), Question(headers=_HEADERS, largest=_LARGEST))

    def delete(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What is answered to the removal of what the query names. Raises as `get` does."""
        return self._ask(_target(path, query), Question("DELETE", None, _HEADERS, _LARGEST))

    def post(self, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What is answered to `document` at `path`. Raises as `get` does."""
        body = json.dumps(dict(document or {})).encode()
        return self._ask(path, Question("POST", body, {**_HEADERS, "Content-Type": "application/json"}, _LARGEST))

    def _ask(self, target: str, question: Question) -> dict[str, Any]:
        try:
            status, body = converse(self._url + target, question, self._timeout)
        except OSError as error:
            why = error.strerror or error
            raise OSError(
                f"no mirror answers at {self._url} ({why}): `mirror serve` starts one, --url names another"
            ) from error
        document = document_of(body)
        if document is None:
            raise OSError(f"{self._url} answered {status}, and not as a mirror's admin listener does")
        if "errors" in document:
            raise OSError(f"{self._url} is a registry: what is asked is the admin listener, see admin.listen")
        if status != 200:
            raise Refused(reason_in(document, status))
        return document


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def document_of(body: bytes) -> dict[str, Any] | None:
    """What an answer of the operator's API says; None when it is no JSON object, which all of them are."""
    try:
        document = json.loads(body)
    except ValueError:  # a UnicodeDecodeError is one
        return None
    return document if isinstance(document, dict) else None


def reason_in(document: Mapping[str, Any], status: int) -> str:
    """Why the answer is no, in one printable line, whoever has answered."""
    text = " ".join(str(document.get("error") or "").split())[:_WORDS]
    return "".join(filter(str.isprintable, text)) or f"the mirror answered {status}"
