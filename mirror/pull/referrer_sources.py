"""Where a list of referrers is had from: the upstream's API, else the tag that stands for it. Remembers nothing.

That there is nothing is only said when the upstream has said so to both questions, and of a repository that it lets us
see. Whoever checks signatures would take an empty list for the truth: what is not known is an error (fails closed).
"""

from __future__ import annotations

from dataclasses import dataclass

from mirror.errors import Absent, Malformed, Nonsense
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, parse_referrers, referrers_tag
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.manifests import Manifests, Question
from mirror.pull.upstreams import Target
from mirror.store.facts import Facts
from mirror.tasks import worked

_NOTHING = Answer(Outcome.MISS)


@dataclass(frozen=True, slots=True)
class ReferrersQuestion:
    """What refers to `digest`; with an `artifact_type` that alone. `client`: its address, for the ledger."""

    target: Target
    digest: Digest
    artifact_type: str | None = None
    client: str = ""


class ReferrerSources:
    """The sources of all upstreams."""

    def __init__(self, manifests: Manifests, facts: Facts) -> None:
        self._manifests = manifests
        self._facts = facts

    async def whole(self, question: ReferrersQuestion) -> tuple[tuple[Referrer, ...], Answer]:
        """All referrers, and how they were come by. Raises UpstreamError; Absent when the upstream knows no subject.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
        """
        target = question.target
        has_api = True
        try:
            listed = await target.upstream.registry.referrers(target.repository, question.digest)
            has_api = listed is not None
        except Absent:
            listed = None
        if listed is not None:
            return listed, _NOTHING
        try:
            return await self._by_tag(question)
        except Absent:
            if not has_api:
                raise  # one of the two questions was not understood: that is no answer
        await self._expect_repository(question)
        return (), _NOTHING

    async def _by_tag(self, question: ReferrersQuestion) -> tuple[tuple[Referrer, ...], Answer]:
        """The tag schema: an index under a tag, a manifest like others, and as fresh as other tags are."""
        target, tag = question.target, referrers_tag(question.digest)
        found = await self._manifests.find(Question(target, tag, client=question.client))
        manifest = found.manifest
        try:
            body = manifest.body or b""
            return await worked(len(body), parse_referrers, body, manifest.media_type), found.answer
        except Malformed as error:
            raise Nonsense(f"{target.name} has, under the tag that stands for referrers, {error}") from error

    async def _expect_repository(self, question: ReferrersQuestion) -> None:
        """Raises UpstreamError unless the upstream shows us the repository: of a hidden one it says 404 to everything.

        That it has the manifest, now or when we got it, is enough; that it lists tags of the repository is, too.
        """
        target, digest = question.target, question.digest
        if self._facts.member(target.name, target.repository, str(digest)) is not None:
            return
        try:
            await self._manifests.find(Question(target, digest, body=False, client=question.client))
        except Absent:
            await target.upstream.registry.tags(target.repository, 1)
