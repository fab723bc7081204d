"""The codes that programs know."""

from __future__ import annotations

import json
import re

from mirror.admin.description import description
from mirror.rehearsal.reasons import Lack


def test_every_code_is_described_and_is_a_word_for_programs() -> None:
    described = json.loads(description())["components"]["schemas"]["Reason"]["properties"]["lack"]["enum"]
    assert described == [lack.value for lack in Lack]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", lack.value) for lack in Lack)
