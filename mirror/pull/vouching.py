"""Which repositories have the blob that a fetch brings: noted once it is verified, so that no size can be made up.

Knows nothing of bytes, nor whether anybody has asked.
"""

from __future__ import annotations

from mirror.oci.digest import Digest
from mirror.pull.growth import Growth
from mirror.pull.upstreams import Target
from mirror.store.facts import Facts
from mirror.store.index import Member


class Vouching:
    """Of one fetch. What an upstream says to a lent login is not noted: it is nobody's but the lender's."""

    def __init__(self, target: Target, digest: Digest, facts: Facts, growth: Growth) -> None:
        self._digest = digest
        self._facts = facts
        self._growth = growth
        self._target = target
        self._others: dict[str, int | None] = {}  # other repositories of the upstream, and the size that was named

    def add(self, target: Target, size: int | None) -> None:
        """Another repository of the same upstream has been said to have it, of this size if any was named."""
        if not target.upstream.lent_to:
            self._others[target.repository] = size
            self.note()

    def note(self) -> None:
        """Note all of them whose size is right, once it is verified. Harmless when repeated."""
        if not self._growth.verified:
            return
        own = {} if self._target.upstream.lent_to else {self._target.repository: None}
        for repository, size in (self._others | own).items():
            if size in (None, self._growth.total):
                self._facts.prove(Member(self._target.name, repository, str(self._digest)))
