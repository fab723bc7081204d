"""Where it was measured: the machine, and the versions of what was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

_PROGRAMS = {
    "nginx": ["/usr/sbin/nginx", "-v"],
    "docker-registry": ["docker-registry", "--version"],
    "skopeo": ["skopeo", "--version"],
    "dockerd": ["dockerd", "--version"],
}
_NUMBER = re.compile(r"\d+\.[\w.+~-]+")


def described() -> dict[str, str]:
    """Words for a table's foot; a program that is not there has no version."""
    return {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("mirror", "aiohttp", "uvloop")},
        **{name: _version(command) for name, command in _PROGRAMS.items()},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    found = _NUMBER.search(done.stdout + done.stderr)
    return found[0] if found is not None else "unknown"
