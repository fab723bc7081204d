"""The mirror as the image and the unit confine it: no capability, no new privilege, and one directory to write to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import program
from tests.support.service_manager import ServiceManager

ROOT = Path(__file__).parents[2]

# Every mount is made read-only but the one on $1, then the rest of the words is run without any capability.
CONFINED = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cut -d' ' -f5 /proc/self/mountinfo | while read -r mounted; do
  [ "$mounted" = "$1" ] || mount -o remount,bind,ro "$mounted" 2> /dev/null || true
done
shift
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


def test_it_starts_with_no_capability_and_nothing_to_write_to_but_its_cache(
    manager: ServiceManager, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    program("setpriv")
    confined = [program("unshare"), "--mount", "sh", "-c", CONFINED, "sh", str(cache)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MIRROR_STORAGE__ROOT": str(cache),
        "MIRROR_SERVER__LISTEN": "127.0.0.1:0",
        "MIRROR_ADMIN__LISTEN": "127.0.0.1:0",
    }
    mirror = manager.run([*confined, sys.executable, "-m", "mirror", "serve"], environment)
    try:
        manager.wait_for("READY=1", mirror)
        process = Path("/proc") / str(mirror.process.pid)
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
        for directory in (tmp_path, Path("/tmp"), Path("/var/tmp")):
            with pytest.raises(OSError, match="Read-only"):
                (process / "root" / directory.relative_to("/") / "anything").touch()
        assert (process / "root" / cache.relative_to("/") / "version").exists()
    finally:
        ended = mirror.stop()
    assert ended == 0, mirror.tail()
