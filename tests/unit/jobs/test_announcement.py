"""What is told of a job says all that makes another order equal to it, and nothing of its login."""

from __future__ import annotations

import pytest

from mirror.jobs.announcement import (
    Likeness,
    Line,
    Seal,
    announcement,
    parse_announcement,
    parse_lines,
    written,
    written_lines,
)
from mirror.jobs.job import Job, State
from mirror.oci.digest import Digest
from mirror.upstream.login import Kind, Login
from tests.support.orders import ALICE, order

DIGEST = Digest.of(b"")
LIKENESS = Likeness(("docker.io", "library/app", "v1"), ("linux/amd64/v1",), referrers=True)


def job_of(likeness: Likeness) -> Job:
    return Job("1", order(), "/".join(likeness.place), urgent=False, began=1.5, state=State.DONE)


@pytest.mark.parametrize(
    "likeness", [LIKENESS, Likeness(("[::1]:5000", "a/b", str(DIGEST)), (), referrers=False)], ids=["tag", "digest"]
)
def test_what_was_written_is_read_as_it_was(likeness: Likeness) -> None:
    told = announcement(job_of(likeness), likeness, Seal.of(ALICE))
    again = parse_announcement(written(told))
    assert again == told
    job = again.job
    assert (job.id, job.image, job.urgent, job.began, job.state) == ("1", told.name, False, 1.5, State.DONE)
    image = job.order.image
    assert (image.registry, image.repository, str(image.reference)) == likeness.place
    assert isinstance(image.reference, Digest) is (":" in likeness.place[2])
    assert (job.order.platforms, job.order.referrers) == (likeness.platforms, likeness.referrers)


def test_a_login_is_recognised_and_not_told() -> None:
    seal = Seal.of(ALICE)
    text = written(announcement(job_of(LIKENESS), LIKENESS, seal))
    assert ALICE.password not in text
    assert ALICE.username not in text
    others = [None, Login("bob", ALICE.password), Login(ALICE.username, "x"), Login("", "alice", Kind.IDENTITY_TOKEN)]
    assert [seal.fits(login) for login in (ALICE, *others)] == [True, False, False, False, False]
    assert Seal.of(ALICE) != seal  # the same words do not show that it is the same login
    assert Seal.of(None).fits(None)
    assert not Seal.of(None).fits(ALICE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', "null"])
def test_what_is_no_announcement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the announcement"):
        parse_announcement(text)


def test_what_cannot_have_been_told_is_refused() -> None:
    whole = written(announcement(job_of(LIKENESS), LIKENESS, Seal("00", "x")))
    parse_announcement(whole)
    for right, wrong in (('"done"', '"over"'), ('"00"', '"xx"'), ("1.5", "true")):
        assert right in whole
        with pytest.raises(ValueError, match="not the announcement"):
            parse_announcement(whole.replace(right, wrong))


def test_lines_are_read_as_they_were_written() -> None:
    lines: list[Line] = [("a", {"event": "note", "text": 'ü "quoted"'}), ("b", {})]
    assert parse_lines(written_lines(lines)) == lines
    for text in ("{}", "[1]", '[["a", 1]]', '[["a"]]', "x"):
        with pytest.raises(ValueError, match="not the lines"):
            parse_lines(text)
