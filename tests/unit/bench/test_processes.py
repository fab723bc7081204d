from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.processes import Failed, cpu, memory, process, tree, wait_answering
from tests.support.processes import wait_until

# A program that has a child, and says so once both run.
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"], stdout=-1)
child.stdout.readline()
open(sys.argv[1], "w").write(str(child.pid))
sum(range(3_000_000))
open(sys.argv[1] + ".done", "w").close()
time.sleep(60)
"""


def wait_for(path: Path) -> None:
    wait_until(path.exists, f"{path.name} is there", 60)


def runs(pid: int) -> bool:
    """Whether it runs: what has ended may wait for somebody to ask how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_process_is_counted_with_its_children_and_ends_with_them(tmp_path: Path) -> None:
    with process([sys.executable, "-c", _PARENT, str(tmp_path / "child")]) as pid:
        wait_for(tmp_path / "child.done")
        child = int((tmp_path / "child").read_text())
        assert tree(pid) == [pid, child]
        assert cpu(pid) > cpu(child)
        assert memory(pid) > memory(child) > 0
    assert not Path(f"/proc/{pid}").exists()
    wait_until(lambda: not runs(child), "the child has ended")


def test_one_that_ended_by_itself_has_failed() -> None:
    with pytest.raises(Failed, match="ended with 3"), process([sys.executable, "-c", "raise SystemExit(3)"]) as pid:
        wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z", "it has ended")


def test_one_that_ends_is_not_waited_for() -> None:
    with pytest.raises(Failed, match="ended at its start"), process([sys.executable, "-c", ""]) as pid:
        wait_answering(pid, 9, tls=False)
