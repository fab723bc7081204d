"""What a worker is given."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.lines import Line


def test_a_post_is_not_changed() -> None:
    with Line() as line, pytest.raises(dataclasses.FrozenInstanceError):
        line.post.number = 1  # type: ignore[misc]


def test_there_is_a_page_for_each_worker_and_one_for_those_that_are_gone() -> None:
    with Line(count=3) as line:
        assert line.post.pages.count == 4
