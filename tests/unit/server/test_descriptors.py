"""As many files may be open as clients need, or there are fewer clients."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import resource, sys
from mirror.config.settings import Settings
from mirror.server.descriptors import affordable, allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(allow_descriptors({connections}), *resource.getrlimit(resource.RLIMIT_NOFILE))
print(affordable(Settings.model_validate({{"limits": {{"connections": {connections}}}}})).limits.connections)
"""


@pytest.mark.parametrize(
    ("soft", "hard", "after", "connections"),
    [
        (256, 20_000, 556, 100),
        (600, 20_000, 600, 100),
        (1000, 1000, 1000, 100),
        (256, 500, 500, 83),
        (256, 256, 256, 42),
        (64, 64, 64, 10),
    ],
    ids=["raised", "enough", "more than enough", "raised, and not enough", "not allowed", "hardly any"],
)
def test_there_are_no_more_clients_than_open_files(soft: int, hard: int, after: int, connections: int) -> None:
    """In a process of its own, whose limits these are."""
    script = _SCRIPT.format(soft=soft, hard=hard, connections=100)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    first, *_, last = done.stdout.splitlines()
    assert first.split() == [str(connections), str(after), str(hard)]
    assert last == str(connections)
    assert ("too few open files" in done.stdout) == (connections < 100)
