"""As many files may be open as clients need, or there are fewer clients."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

_SCRIPT = """
import json, resource
from mirror.config.settings import Settings
from mirror.errors import MirrorError
from mirror.server.descriptors import affordable
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
try:
    settings, fetches = affordable(Settings.model_validate({{"limits": {{"connections": 100}}}}))
    found = [settings.limits.connections, fetches, settings.limits.model_dump(include={{{names}}})]
except MirrorError as error:
    found = str(error)
print(json.dumps([found, *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""
_NAMES = ("fetches_per_upstream", "prefetch", "connections_per_blob")
_ALL = dict(zip(_NAMES, (32, 6, 8), strict=True))


def limited(soft: int, hard: int) -> tuple[list[Any], str]:
    """What is found in a process of its own, whose limits these are, with the limits after that; and all it said."""
    script = _SCRIPT.format(soft=soft, hard=hard, names=", ".join(map(repr, _NAMES)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize(
    ("soft", "hard", "after", "found"),
    [
        (256, 20_000, 20_000, [100, 3888, _ALL]),
        (2000, 2000, 2000, [100, 288, _ALL]),
        (256, 1100, 1100, [100, 108, dict(zip(_NAMES, (32, 0, 1), strict=True))]),
        (256, 256, 256, [16, 16, dict(zip(_NAMES, (16, 0, 1), strict=True))]),
        (128, 128, 128, [8, 8, dict(zip(_NAMES, (8, 0, 1), strict=True))]),
    ],
    ids=["raised", "enough", "raised, and nothing ahead of clients", "not allowed", "hardly any"],
)
def test_there_are_no_more_clients_and_fetches_than_open_files(soft: int, hard: int, after: int, found: Any) -> None:
    said, words = limited(soft, hard)
    assert said == [found, after, hard]
    assert ("too few open files for limits.connections" in words) == (found[0] < 100)
    assert ("too few open files to fetch ahead" in words) == (found[2] != _ALL)


def test_with_too_few_for_anything_it_is_said_how_many_are_needed() -> None:
    said, _ = limited(64, 100)
    assert said[0].startswith("the system allows 100 open files, and 128 are needed at least: raise")
