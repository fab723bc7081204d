"""What a mirror may answer, whatever has happened: a model of contents, tags and absences. Pure; knows no mirror."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mirror.pull.freshness import Policy
from tests.support.checker import Got
from tests.support.model_registry import Told

SKEW = 60.0  # seconds that a record may lie in the future, for a clock that was set back a little
STATUSES = frozenset({200, 206, 401, 403, 404, 416, 502, 503, 504})
ANY_DIGEST = "sha256:"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for; `kind` is `manifests` or `blobs`, a reference without a colon is a tag."""

    repository: str
    kind: str
    reference: str

    @property
    def path(self) -> str:
        return f"/v2/{self.repository}/{self.kind}/{self.reference}"

    @property
    def is_tag(self) -> bool:
        return not self.reference.startswith(ANY_DIGEST)

    def answered_by(self, told: Told) -> bool:
        return (told.repository, told.kind, told.reference) == (self.repository, self.kind, self.reference)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the bytes from `start` to `last` of it, or all."""

    wanted: Wanted
    method: str = "GET"
    span: tuple[int, int] | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.span is None else {"Range": f"bytes={self.span[0]}-{self.span[1]}"}


@dataclass(slots=True)
class Model:
    """`wall` is the clock of the mirror, `policy` what it was told of tags, `contents` all that exists, by digest.

    `pointed` is where each tag may be believed to point, with the time that the registry said so: several, where it is
    not known which word was heard last. `doubtful` is what the registry has sent other bytes of, and what nobody has
    had whole since: parts of it are handed out before it is verified.
    """

    policy: Policy
    wall: Callable[[], float]
    contents: Mapping[str, bytes]
    pointed: dict[Wanted, list[tuple[str, float]]] = field(default_factory=dict)
    absences: dict[Wanted, list[float]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    def learn(self, told: Sequence[Told], heard: bool) -> None:
        """Take in what the registry has said. `heard`: the mirror has lived to hear all of it."""
        self.doubtful |= {word.reference for word in told if word.false and word.kind == "blobs"}
        for word in told:
            wanted = Wanted(word.repository, word.kind, word.reference)
            if word.status == 404:
                self.absences.setdefault(wanted, []).append(word.when)
                if heard and not self.policy.serves_deleted:
                    self.pointed.pop(wanted, None)
            elif word.digest is not None and word.usable:
                known = self.pointed.setdefault(wanted, [])
                if heard and word.sound:
                    self.absences.pop(wanted, None)
                    # What a HEAD names is noted only once it is held.
                    if word.method == "GET" or any(digest == word.digest for digest, _ in known):
                        known.clear()
                known.append((word.digest, word.when))

    def wrong(self, asked: Asked, got: Got, told: Sequence[Told]) -> str | None:
        """Why this answer may not be, whatever else is wrong just now; None if it may. `told` while it was asked."""
        if got.status not in STATUSES | {0}:
            return f"the status {got.status}"
        if got.status == 404 and not self._may_be_absent(asked.wanted, told):
            return "a 404 that nobody has said"
        if got.status == 416 and (asked.span is None or asked.span[0] < len(self.contents[asked.wanted.reference])):
            return "a 416 for a part that it has"
        if got.status in (200, 206):
            return self._wrong_content(asked, got, told)
        return None

    def _wrong_content(self, asked: Asked, got: Got, told: Sequence[Told]) -> str | None:
        digest = got.headers.get("docker-content-digest", "")
        if asked.wanted.is_tag:
            if not self._may_point(asked.wanted, digest, "warning" in got.headers, told):
                return f"a tag that is not, or not any more, said to point to {digest}"
        elif digest != asked.wanted.reference:
            return "another digest than was asked for"
        data = self.contents[digest]
        if got.status == 206:
            may_be_false = digest in self.doubtful or any(word.false and word.reference == digest for word in told)
            return self._wrong_part(asked, got, None if may_be_false else data, len(data))
        if got.headers.get("content-length", str(len(data))) != str(len(data)):
            return "another length than it has"
        if asked.method == "GET" and got.complete and got.body != data:
            return "wrong bytes in an answer that looks whole"
        return None

    def _wrong_part(self, asked: Asked, got: Got, data: bytes | None, size: int) -> str | None:
        if asked.span is None:
            return "a part that nobody asked for"
        start, last = asked.span[0], min(asked.span[1], size - 1)
        if got.headers.get("content-range") != f"bytes {start}-{last}/{size}":
            return "another part than was asked for"
        if got.complete and data is not None and got.body != data[start : last + 1]:
            return "wrong bytes in a part that looks whole"
        return None

    def _may_point(self, wanted: Wanted, digest: str, warned: bool, told: Sequence[Told]) -> bool:
        """Whether the registry has just said so, or so lately that it may be said again, with or without warning."""
        if any(wanted.answered_by(word) and word.usable and word.digest == digest for word in told):
            return True
        now = self.wall()
        ages = [now - when for known, when in self.pointed.get(wanted, ()) if known == digest]
        if warned:
            return any(age < self.policy.horizon for age in ages)
        return any(-SKEW <= age < self.policy.tag_ttl for age in ages)

    def _may_be_absent(self, wanted: Wanted, told: Sequence[Told]) -> bool:
        if any(wanted.answered_by(word) and word.status == 404 for word in told):
            return True
        now = self.wall()
        return any(when <= now < when + self.policy.not_found_ttl for when in self.absences.get(wanted, ()))
