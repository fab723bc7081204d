"""What a client says of the age of its answer."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mirror.server.no_cache import wants_no_old_answer


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], False),
        ([("Cache-Control", "no-cache")], True),
        ([("cache-control", "No-Cache")], True),
        ([("Cache-Control", "max-age=0")], True),
        ([("Cache-Control", "no-transform , no-cache")], True),
        ([("Cache-Control", "no-transform"), ("Cache-Control", "no-cache")], True),
        ([("Cache-Control", "max-age=60")], False),
        ([("Cache-Control", "max-age=00x")], False),
        ([("Cache-Control", "no-store")], False),
        ([("Cache-Control", 'x="no-cache"')], False),
        ([("Cache-Control", "")], False),
        ([("Pragma", "no-cache")], True),
        ([("Pragma", "max-age=0")], True),
        ([("Pragma", "no-cache"), ("Cache-Control", "max-age=60")], False),
    ],
)
def test_no_old_answer_is_wanted_by_those_who_say_so(lines: list[tuple[str, str]], wanted: bool) -> None:
    assert wants_no_old_answer(CIMultiDictProxy(CIMultiDict(lines))) is wanted
