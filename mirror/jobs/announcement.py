"""What one process tells the others of a job that it carries out, so that equal orders become one job. Pure.

The login of a job is told to nobody: what is told is salted and hashed, and who has been lent the same one sees it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import orjson

from mirror.jobs.job import Job, State
from mirror.jobs.order import Order
from mirror.oci.image_name import ImageName
from mirror.oci.reference import parse_reference
from mirror.pull.lending import Loan

Line: TypeAlias = tuple[str, dict[str, Any]]  # its key on the board, and what it says

_SALT = 16  # bytes


@dataclass(frozen=True, slots=True)
class Likeness:
    """What equal orders have in common, but for the login: upstream, repository and reference, and what is wanted."""

    place: tuple[str, str, str]
    platforms: tuple[str, ...]
    referrers: bool


@dataclass(frozen=True, slots=True)
class Seal:
    """A login that can be recognised, and not read."""

    salt: str
    hashed: str

    @classmethod
    def of(cls, login: Loan | None, salt: bytes | None = None) -> Seal:
        """That of a login, or of none. `salt`: random bytes."""
        salt = secrets.token_bytes(_SALT) if salt is None else salt
        words = [] if login is None else [login.kind.value, login.username, login.password]
        return cls(salt.hex(), hashlib.blake2b(orjson.dumps(words), key=salt).hexdigest())

    def fits(self, login: Loan | None) -> bool:
        """Whether this is the seal of that login."""
        return secrets.compare_digest(Seal.of(login, bytes.fromhex(self.salt)).hashed, self.hashed)


@dataclass(frozen=True, slots=True)
class Announcement:
    """How a job stands. `image` is its order's, `name` what it is called."""

    id: str
    likeness: Likeness
    seal: Seal
    name: str
    urgent: bool
    began: float
    state: State

    @property
    def job(self) -> Job:
        """The same job as who hears this knows it: with nothing on its board yet."""
        likeness = self.likeness
        upstream, repository, reference = likeness.place
        image = ImageName(upstream, repository, parse_reference(reference))
        order = Order(image, likeness.platforms, likeness.referrers)
        return Job(self.id, order, self.name, self.urgent, self.began, self.state)


def announcement(job: Job, likeness: Likeness, seal: Seal) -> Announcement:
    """How this job stands now."""
    return Announcement(job.id, likeness, seal, job.image, job.urgent, job.began, job.state)


def written(told: Announcement) -> str:
    """In one word."""
    return orjson.dumps(asdict(told)).decode()


def parse_announcement(text: str) -> Announcement:
    """ValueError for what is none."""
    try:
        return _read(orjson.loads(text))
    except ValueError:  # an orjson.JSONDecodeError is one
        raise ValueError("not the announcement of a job") from None


def written_lines(lines: Sequence[Line]) -> str:
    """Lines of a board, in one word."""
    return orjson.dumps(lines).decode()


def parse_lines(text: str) -> list[Line]:
    """The same lines; ValueError for what are none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(map(_is_line, found)):
        raise ValueError("not the lines of a board")
    return [(str(key), line) for key, line in found]


def _is_line(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)


def _read(document: object) -> Announcement:
    match document:
        case {
            "id": str(name),
            "likeness": {"place": [str(), str(), str()] as place, "platforms": [*platforms], "referrers": referrers},
            "seal": {"salt": str(salt), "hashed": str(hashed)},
            "name": str(image),
            "urgent": bool(urgent),
            "began": float(began),
            "state": str(state),
        }:
            likeness = Likeness((place[0], place[1], place[2]), tuple(map(str, platforms)), bool(referrers))
            seal = Seal(bytes.fromhex(salt).hex(), hashed)
            return Announcement(name, likeness, seal, image, urgent, began, State(state))
    raise ValueError
