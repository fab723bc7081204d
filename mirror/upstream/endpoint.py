"""One base URL of an upstream: a question goes there, through redirects and challenges, and comes back answered.

Credentials are shown to the endpoint's own origin alone, and no longer once a redirect has led away from it, be it
back again; a registry to which it led is shown a token that it gives to everybody, if it asks for one. Each question
begins at the canonical URL, so an expired signature is replaced by asking again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from yarl import URL

from mirror.errors import Code, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream import origins, redirects
from mirror.upstream.auth import Access, Proof
from mirror.upstream.exchange import Response
from mirror.upstream.failures import Failed, by_status
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Question:
    """`GET /v2/<repository>/<path>`; `missing` is what a 404 means, `operation` what the request is called."""

    operation: str
    method: str
    repository: str
    path: str
    missing: Code
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def answered_by(self, status: int) -> bool:
        conditional = {206: "Range", 304: "If-None-Match"}
        return status == 200 or conditional.get(status) in self.headers

    @property
    def reference(self) -> str:
        """The tag or digest that it is about, for the log; empty when it is about none."""
        kind, _, reference = self.path.partition("/")
        return "" if kind == "tags" else reference

    def encoded(self, codings: Sequence[str]) -> bool:
        """Whether these lines of `Content-Encoding` say that the content is not sent as it is.

        S3 repeats the `aws-chunked` of an upload with the object, which it holds decoded; a blob's digest decides.
        """
        harmless = {"", "identity", "aws-chunked"} if self.path.startswith("blobs/") else {"", "identity"}
        return any(coding.strip().lower() not in harmless for line in codings for coding in line.split(","))


@dataclass(frozen=True, slots=True)
class _Arrived:
    """`at_home`: every hop was on the endpoint's own origin."""

    response: Response
    at_home: bool


class Endpoint:
    """`hops` is how many redirects are followed for one question."""

    def __init__(self, url: URL, access: Access, transport: Transport, hops: int) -> None:
        self.url = url
        self._access = access
        self._transport = transport
        self._hops = hops

    async def ask(self, question: Question) -> Response:
        """The answer, 200, or 206 to a range, its body not yet read; the caller closes it.

        Raises every kind of UpstreamError. May be cancelled. Takes as long as the transport's limits and the number
        of hops allow: the caller sets the limit for all of it.
        """
        proof: Proof | None = None
        unproven: UpstreamError | None = None
        start = self._canonical(question)
        self._transport.check(_request(question, start, question.headers))  # before a login is looked for
        try:
            proof = await self._proven(self._access.proof(question.repository))
        except (Nonsense, Unreachable) as error:
            if error.retry_after is not None:
                raise  # who gives the proof is to be left alone, and without one there is no use in asking
            unproven = error
        arrived = await self._shown(question, start, proof)
        better = await self._better(question, proof, arrived)
        if better is not None:
            unproven = None
            arrived = await self._shown(question, start, better)
            if arrived.at_home and arrived.response.status == 401:
                self._access.refused(better)
        arrived = await self._admitted(question, arrived)
        response = arrived.response
        if not question.answered_by(response.status):
            # What is said to somebody who could not show a credential says nothing of what there is for us.
            raise unproven or self._error(question, arrived)
        if question.encoded(response.values("Content-Encoding")):
            response.close("nonsense")
            raise Nonsense(f"{self._transport.name}: {origins.place(response.url)} encoded what was wanted as it is")
        return response

    async def _shown(self, question: Question, start: URL, proof: Proof | None) -> _Arrived:
        """What arrives when the first request carries this proof. Of a refusal the caller tells, without waiting."""
        async with self._access.showing(proof):
            arrived = await self._travel(question, start, proof)
            if proof is not None and (not arrived.at_home or _is_accepted(arrived.response)):
                self._access.accepted(proof)
        return arrived

    async def _better(self, question: Question, proof: Proof | None, arrived: _Arrived) -> Proof | None:
        """A proof with which it is worth asking again."""
        response = arrived.response
        if arrived.at_home and response.status == 401:
            challenges = response.values("WWW-Authenticate")
            return await self._proven(self._access.answer(challenges, question.repository, proof))
        # ECR says 400 of a token that has expired, and 403 of a login.
        expired = {400} if proof is None or proof.login is None else {400, 403}
        if arrived.at_home and response.status in expired and proof is not None:
            return await self._proven(self._access.renewed(question.repository, proof))
        return None

    async def _proven(self, asked: Awaitable[P]) -> P:
        """The proof. A realm that gives none for a while has nothing asked here either for as long."""
        try:
            return await asked
        except (Throttled, Unreachable) as error:
            if error.retry_after is not None and error.code is not Code.BUSY:
                self._transport.breakers.shut(self.url, error)
            raise

    async def _admitted(self, question: Question, arrived: _Arrived) -> _Arrived:
        """What a registry, to which this one redirects its API, answers to a token that it gives to everybody."""
        url, status = arrived.response.url, arrived.response.status
        if arrived.at_home or status != 401:
            return arrived
        challenges = arrived.response.values("WWW-Authenticate")
        repository = redirects.repository(url) or question.repository
        refused: Proof | None = None
        while True:
            proof = await self._access.elsewhere(url, challenges, repository)
            if proof is None or proof == refused:
                return arrived
            there = await self._travel(question, url, proof)
            arrived = replace(there, at_home=False)
            if not there.at_home or there.response.status != 401:
                if _is_accepted(there.response):
                    self._access.accepted(proof)
                return arrived
            self._access.refused(proof)
            if refused is not None:
                return arrived
            refused = proof

    def _canonical(self, question: Question) -> URL:
        path = f"{self.url.raw_path.rstrip('/')}/v2/{question.repository}/{question.path}"
        return self.url.with_path(path, encoded=True).with_query(question.query or None)

    async def _travel(self, question: Question, start: URL, proof: Proof | None) -> _Arrived:
        """Where the redirects from `start` end; `proof` is for its origin alone.

        An answer that is no good is closed; its status and headers remain.
        """
        url, at_home = start, True
        for _ in range(self._hops + 1):
            headers = dict(question.headers)
            if proof is not None and at_home:
                headers["Authorization"] = proof.header
            response = await self._transport.exchange(_request(question, url, headers))
            if not question.answered_by(response.status):
                await response.discard()
            if response.status not in redirects.STATUSES:
                return _Arrived(response, at_home)
            url = redirects.follow(self._transport.name, url, response.value("Location"))
            at_home = at_home and origins.same(url, start)
        raise Nonsense(f"{self._transport.name}: {origins.place(self.url)} redirects more than {self._hops} times")

    def _error(self, question: Question, arrived: _Arrived) -> UpstreamError:
        response = arrived.response
        place = origins.place(response.url)
        if not arrived.at_home and response.status in (401, 403):
            # Our credential was not shown there, so it is not what was refused.
            return Nonsense(
                f"{self._transport.name}: {place}, where a redirect led, answered {response.status} to a request "
                "that carries no credential of ours"
            )
        failed = Failed(self._transport.name, place, response.status, response.retry_after)
        error = by_status(failed, question.missing)
        error.status = response.status
        return error


def _is_accepted(response: Response) -> bool:
    """Whether this is said to nobody but who may ask."""
    return response.status < 400 or response.status == 404


def _request(question: Question, url: URL, headers: Mapping[str, str]) -> Request:
    return Request(
        question.operation,
        question.method,
        url,
        headers,
        repository=question.repository,
        reference=question.reference,
    )
