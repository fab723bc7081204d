"""What is asked with HEAD, and with GET where a HEAD gets no answer that means anything. Knows one endpoint only.

There are registries that do not do the method (400, 405, 501), that leave the challenge out of its 401, that know
manifests by GET alone (404), and storage whose signed addresses are good for GET and answer a HEAD with 403. None of it
says anything of the thing itself, nor of the endpoint's health.
"""

from __future__ import annotations

from dataclasses import replace

from mirror.errors import Absent, Denied, Nonsense
from mirror.upstream import answers
from mirror.upstream.answers import ManifestHead
from mirror.upstream.endpoint import Endpoint, Question


async def manifest(endpoint: Endpoint, question: Question, limit: int) -> ManifestHead:
    """What is said of a manifest; if need be, what its body of at most `limit` bytes says. Raises UpstreamError."""
    try:
        response = await endpoint.ask(question)
    except (Absent, Denied, Nonsense):
        response = await endpoint.ask(replace(question, method="GET"))
        return answers.head_of(await answers.manifest_body(response, limit))
    response.close()
    return answers.manifest_head(response)


async def blob_size(endpoint: Endpoint, question: Question) -> int | None:
    """The size of a blob, None if it is there and that is not said. Reads no body. Raises UpstreamError."""
    try:
        response = await endpoint.ask(question)
    except (Denied, Nonsense):
        response = await endpoint.ask(replace(question, method="GET"))
    response.close()
    return response.length
