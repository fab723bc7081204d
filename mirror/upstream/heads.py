"""What is asked with HEAD, and with GET where a HEAD gets no answer that means anything. Knows one endpoint only.

There are registries that do not do the method (400, 405, 501), that leave the challenge out of its 401, that know
manifests by GET alone (404), and storage whose signed addresses are good for GET and answer a HEAD with 403. None of it
says anything of the thing itself, nor of the endpoint's health.
"""

from __future__ import annotations

from dataclasses import replace

from mirror.errors import Absent, Denied, Nonsense
from mirror.oci.digest import Digest
from mirror.oci.media_types import bare
from mirror.upstream import answers
from mirror.upstream.answers import ManifestHead
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.exchange import Response

_PAGES = frozenset({"text/html", "application/xhtml+xml"})


async def manifest(endpoint: Endpoint, question: Question, limit: int, known: Digest | None) -> ManifestHead:
    """What is said of a manifest; if need be, what a GET says, with a body of at most `limit` bytes.

    `known`: the digest that is held already, whose manifest need not be sent. Raises UpstreamError.
    """
    try:
        response = await endpoint.ask(question)
    except (Absent, Denied, Nonsense):
        return await _by_get(endpoint, question, limit, known)
    response.close()
    head = answers.manifest_head(response)
    if head.digest is None and known is not None:
        return await _by_get(endpoint, question, limit, known)
    return head


async def peeked(endpoint: Endpoint, question: Question) -> ManifestHead:
    """What a HEAD alone says of a manifest. Raises UpstreamError."""
    response = await endpoint.ask(question)
    response.close()
    return answers.manifest_head(response)


async def _by_get(endpoint: Endpoint, question: Question, limit: int, known: Digest | None) -> ManifestHead:
    headers = question.headers if known is None else {**question.headers, "If-None-Match": f'"{known}"'}
    response = await endpoint.ask(replace(question, method="GET", headers=headers))
    if response.status == 304 and known is not None:
        response.close()
        return answers.unchanged(response, known)
    return answers.head_of(await answers.manifest_body(response, limit, question.reference))


async def blob_size(endpoint: Endpoint, question: Question, held: int | None) -> int | None:
    """The size of a blob, None if it is there and that is not said. Reads no body. Raises UpstreamError.

    `held`: the size that it is known to have.
    """
    try:
        return _size(await endpoint.ask(question), question, held)
    except (Denied, Nonsense):
        return _size(await endpoint.ask(replace(question, method="GET")), question, held)


def see_that_sizes_agree(source: str, named: int | None, size: int | None) -> None:
    """Raises Nonsense when `source` has named a size that the blob does not have. None: nobody knows."""
    if None not in (named, size) and named != size:
        raise Nonsense(f"{source} says that it has that blob, but with another size than it has")


def _size(response: Response, question: Question, held: int | None) -> int | None:
    """What the head of an answer says; Nonsense for that of a page for people, which is there whatever was asked for.

    The bytes of a blob would tell; here their digest or size in the head has to, for a blob may be such a page itself.
    """
    response.close()
    is_page = bare(response.value("Content-Type") or "") in _PAGES
    is_named = response.value("Docker-Content-Digest") == question.reference
    is_as_long = held is not None and response.length == held
    if is_page and not is_named and not is_as_long:
        raise Nonsense(f"{response.source} sent a page where a blob was asked for")
    return response.length
