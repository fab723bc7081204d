"""What keeps one process from beginning keeps several from it, with the same words and the same exit code."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.processes import environment
from tests.support.program import PROJECT, Program

PATIENCE = 60  # seconds that a process may take to end


def starting(home: Path, workers: str, settings: Mapping[str, str]) -> subprocess.Popen[str]:
    """A mirror that will end by itself, over a cache of its own unless `settings` name one."""
    values = {
        "SERVER__LISTEN": "127.0.0.1:0",
        "ADMIN__LISTEN": "127.0.0.1:0",
        "STORAGE__ROOT": str(home / f"cache{workers}"),
        "SERVER__WORKERS": workers,
        **settings,
    }
    variables = environment(home) | {"PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(
        [sys.executable, "-m", "mirror", "serve"],
        env=variables | {f"MIRROR_{name}": value for name, value in values.items()},
        stderr=subprocess.PIPE,
        text=True,
    )


def alike(home: Path, settings: Mapping[str, str], code: int, words: str) -> None:
    said = {}
    for workers, process in [(workers, starting(home, workers, settings)) for workers in ("1", "2")]:
        with process:
            said[workers] = process.communicate(timeout=PATIENCE)[1].splitlines()
            assert process.returncode == code
    assert words in said["1"][-1]
    # The supervisor says that it has stopped; what went wrong is said once, in the same words.
    assert [line for line in said["2"] if "stopped" not in line] == said["1"]


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        words = f"mirror: cannot listen on {address}: Address already in use"
        alike(tmp_path, {"SERVER__LISTEN": address}, 1, words)


def test_a_directory_that_is_in_use(tmp_path: Path) -> None:
    with Program(tmp_path, "http://127.0.0.1:1", {"SERVER__WORKERS": "2"}):
        alike(tmp_path, {"STORAGE__ROOT": str(tmp_path / "cache")}, 1, "is in use by another mirror")


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = {"SERVER__TLS__CERTIFICATE": str(tmp_path / "file"), "SERVER__TLS__KEY": str(tmp_path / "file")}
    alike(tmp_path, settings, 2, "TLS__CERTIFICATE")
