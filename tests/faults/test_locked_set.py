"""What runs was looked at: each version is pinned by its hash, none is older than its advisories, our code is analysed.

That no newer advisory is known cannot be told without the network: it is for whoever makes a release to look.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.measured import Row, note

PROJECT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock", "requirements-mutants.lock")
# The first version without the last advisory that touches us.
FLOORS = {"aiohttp": (3, 14, 3), "orjson": (3, 9, 15), "pyyaml": (5, 4)}


def requirements(lock: str) -> list[str]:
    """One line for each, continued lines joined."""
    text = (PROJECT / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_version_is_pinned_by_its_hash(lock: str) -> None:
    lines = requirements(lock)
    loose = [line.split()[0] for line in lines if "==" not in line or "--hash=sha256:" not in line]
    assert lines
    assert loose == []
    note(Row("F22", f"{lock}: of {len(lines)}, not pinned by a hash", "0", f"{len(loose)}"))


@pytest.mark.parametrize("name", FLOORS)
def test_no_version_is_older_than_its_last_advisory(name: str) -> None:
    found = [re.match(rf"{name}==([0-9.]+)", line, re.IGNORECASE) for line in requirements("requirements.lock")]
    versions = [tuple(map(int, one[1].split("."))) for one in found if one is not None]
    assert len(versions) == 1
    assert versions[0] >= FLOORS[name]


def findings(*paths: Path) -> Sequence[str]:
    """The places in which ruff, by the rules of Bandit, finds a danger that the line itself does not say is none."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "S"]
    done = subprocess.run(
        [*command, "--output-format", "json", *map(str, paths)], capture_output=True, check=False, cwd=PROJECT
    )
    found = json.loads(done.stdout)
    return [f"{Path(one['filename']).name}:{one['location']['row']} {one['code']}" for one in found]


def test_nothing_dangerous_is_found_in_the_code(tmp_path: Path) -> None:
    danger = tmp_path / "danger.py"
    danger.write_text("import pickle, subprocess\npickle.loads(b'')\nsubprocess.run('ls', shell=True)\n")
    assert len(findings(danger)) >= 2
    found = findings(PROJECT / "mirror")
    note(
        Row(
            "F22",
            "findings of Bandit's rules in mirror/, beside names and addresses said to be none",
            "0",
            f"{len(found)}",
        )
    )
    assert found == []
